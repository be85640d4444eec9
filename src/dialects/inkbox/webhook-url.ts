/** The webhook of a mailbox, as clients until 0.4.5 set it. */
import type { Caller } from '../../mailboxes/callers.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

/** @returns the URL of each mailbox that has one. */
export async function webhookUrlsOf(
  _db: Db,
  _mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  return new Map()
}

/** @param url null: none any more. @throws Refusal invalid_request. */
export async function setWebhookUrl(
  _platform: Platform,
  _tx: Tx,
  _caller: Caller,
  _mailbox: Mailbox,
  url: string | null,
): Promise<void> {
  if (url === null) return
  throw new Refusal('invalid_request', 'Make a webhook subscription in its place.')
}
