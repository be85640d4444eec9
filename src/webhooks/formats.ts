/**
 * Formats: what a webhook sends. Ours is the event as everybody sees it, with the signature of Standard Webhooks. Others
 * are those of vendors, whose clients call a dialect; dialects stand above, so that the composition root hands them in.
 */
import type { Db } from '../platform/database.ts'
import type { LoggedEvent } from '../platform/event-log.ts'
import type { Platform } from '../platform/platform.ts'

export const nativeFormat = 'mailwright'

/** An event that a webhook in another format hears of. */
export type HeardEvent = {
  event: LoggedEvent
  webhook: {
    /** In the words of the format. */
    eventTypes: readonly string[]
    /** As they were handed in when the webhook was made. */
    settings: unknown
  }
}

/** What is sent of an event: its type in the words of the format, and the body, byte for byte. */
export type FormattedPayload = { type: string; payload: string }

export type FormattedAttempt = {
  at: Date
  body: string
  /** As its owner sees it. */
  signingKey: string | null
  /** As they were handed in when the webhook was made. */
  settings: unknown
}

/** `shown`: what of it is kept in the log. */
export type FormattedHeaders = { sent: Record<string, string>; shown: Record<string, string> }

export type WebhookFormat = {
  name: string
  /** Every type of event that its webhooks may hear of. */
  types: readonly string[]
  /**
   * Whose key signs: the identity's whose mailbox it is (of a mailbox without one the workspace's), always the workspace's, or
   * the webhook's own secret. Null: none of these.
   */
  signedBy: 'identity' | 'workspace' | 'webhook' | null
  /** The types of our events of which something may come for a type of its own. */
  sourcesOf(type: string): readonly string[]
  /**
   * What becomes of events, in their order; null where nothing does. It reads all of them in one go, in the transaction
   * that reads the log: nothing but the database is asked, and what cannot be read is left out and no error.
   */
  payloadsOf(platform: Platform, db: Db, heard: readonly HeardEvent[]): Promise<(FormattedPayload | null)[]>
  /**
   * What is sent of a payload, where more is sent than may wait in the log: secrets are put in when it goes out. Called for
   * every attempt, and asks nothing but the database. Without it a payload is sent as it is kept.
   */
  completed?(platform: Platform, db: Db, payload: string): Promise<string>
  /** The headers of one attempt, beside those that every attempt has, which they take the place of. */
  headersOf(attempt: FormattedAttempt): FormattedHeaders
}

const formats = new WeakMap<Platform, ReadonlyMap<string, WebhookFormat>>()

/** Called once, by the composition root. */
export function setWebhookFormats(platform: Platform, known: readonly WebhookFormat[]): void {
  formats.set(platform, new Map(known.map((format) => [format.name, format])))
}

/** @returns null for our own, and for one that this version does not know. */
export function formatOf(platform: Platform, name: string): WebhookFormat | null {
  return formats.get(platform)?.get(name) ?? null
}

/** @throws when the composition root did not hand it in. */
export function requireFormat(platform: Platform, name: string): WebhookFormat {
  const format = formatOf(platform, name)
  if (format === null) throw new Error(`there is no format of webhooks named ${name}`)
  return format
}
