/**
 * What a sequencer must be able to do, so that mailboxes are added to it by its API. A driver only translates: which
 * mailboxes are to be there, and when they are pushed again, is decided in reconcile.ts.
 */
import type { MailServer } from '../domains/mail-servers.ts'

/** A mailbox as a sequencer is told of it. */
export type MailboxAccount = {
  address: string
  displayName: string
  firstName: string
  lastName: string
  password: string
  smtp: MailServer
  imap: MailServer
  /** Messages a day that the tool may send from it; null: its own default. */
  dailyLimit: number | null
  /** Whether the tool is to warm it up; null: its own default. */
  warmup: boolean | null
}

/** How a sequencer says that it stands with a mailbox. */
export type RemoteStatus =
  | 'connected'
  | 'pending'
  | 'smtp_error'
  | 'imap_error'
  | 'auth_error'
  | 'paused'
  | 'suspended'
  | 'unknown'

/** An account at the sequencer. */
export type RemoteAccount = {
  /** The sequencer's own name for it, by which it is changed and removed. */
  id: string
  /** In lower case. */
  address: string
  status: RemoteStatus
  /** The sequencer's words about it, without secrets. Null: it says nothing. */
  words: string | null
}

/**
 * What became of one mailbox of a call. The error of a failed one may pass by itself, when the call came so far and no
 * further.
 */
export type AddOutcome =
  | { kind: 'added'; account: RemoteAccount }
  /** It will be seen later: `ref` is what to ask by (poll), null where only the list will tell. */
  | { kind: 'pending'; ref: string | null }
  | { kind: 'failed'; error: SequencerError }

export type AccountPage = { accounts: RemoteAccount[]; next: string | null }

/** How often a sequencer may be called. */
export type CallLimits = {
  /** Calls in any minute; a workspace may set fewer or, on a larger plan, more. */
  perMinute: number
  /** At least so long between the starts of two calls. */
  spacingMs: number
  /** At least so long from the end of a call that adds to the start of the next such; for tools that stumble over it. */
  addSpacingMs: number
}

/** Every function throws SequencerError, and nothing else, for what the sequencer or the way to it does. */
export type SequencerDriver = {
  /** Proves that it takes the key; changes nothing. @returns its name for the account, if it says one. */
  check(): Promise<string | null>
  /**
   * Adds mailboxes, at most `addMax` of its platform. @returns an outcome for each, in order.
   * @throws SequencerError for what concerns all of them; with `maybeDone` they may have been added nevertheless.
   */
  add(accounts: readonly MailboxAccount[]): Promise<AddOutcome[]>
  /**
   * What has become of a call that was pending; addresses that it says nothing of yet are left out. There may be addresses
   * of other calls among them.
   */
  poll(ref: string): Promise<{ address: string; outcome: AddOutcome }[]>
  /** The account of this address, or null. */
  find(address: string): Promise<RemoteAccount | null>
  /** A page of all accounts. @param cursor null: the first. */
  list(cursor: string | null): Promise<AccountPage>
  /** Tells it new credentials and names of an account that it has. @returns the account, which may be another one. */
  update(account: RemoteAccount, wanted: MailboxAccount): Promise<AddOutcome>
  /** Takes an account away; one that is gone is no error. */
  remove(account: RemoteAccount): Promise<void>
}

/**
 * bad_key: the key is not taken. no_plan: the account may not (not paid, no seat left). duplicate: it has the address
 * already. validation: it will not have what it was told. connect_failed: it could not log in to the mailbox. gone: it
 * has no such account. rate_limited: not now. upstream: it failed by itself. unreachable: there was no answer, or none
 * that could be understood. unsupported: it cannot do that by its API.
 */
export const sequencerErrorKinds = [
  'bad_key',
  'no_plan',
  'duplicate',
  'validation',
  'connect_failed',
  'gone',
  'rate_limited',
  'upstream',
  'unreachable',
  'unsupported',
] as const
export type SequencerErrorKind = (typeof sequencerErrorKinds)[number]

const wordsLengthMax = 500

/** A failure of a sequencer. Its message may be shown to the workspace. */
export class SequencerError extends Error {
  readonly kind: SequencerErrorKind
  /** For rate_limited: how long it wants to be left alone. null: it did not say. */
  readonly retryAfterMs: number | null
  /** What was asked for may have been done: the answer was lost, or was none. */
  readonly maybeDone: boolean

  /** @param words the sequencer's own; control characters are left out. They must hold no secret. */
  constructor(
    kind: SequencerErrorKind,
    words: string,
    more: { retryAfterMs?: number | null; maybeDone?: boolean; cause?: unknown } = {},
  ) {
    super(cleanWords(words), { cause: more.cause })
    this.name = 'SequencerError'
    this.kind = kind
    this.retryAfterMs = more.retryAfterMs ?? null
    this.maybeDone = more.maybeDone ?? false
  }
}

/** Whether it may go well when it is tried again without anybody doing anything. */
export function isPassing({ kind }: SequencerError): boolean {
  return kind === 'rate_limited' || kind === 'upstream' || kind === 'unreachable'
}

/** Words of others as they may be kept and shown: without control characters, and cut. */
export function cleanWords(words: string): string {
  return words
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, wordsLengthMax)
    .toWellFormed() // a cut may go through a character, which no JSON column takes
}
