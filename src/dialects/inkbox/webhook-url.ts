/** The webhook of a mailbox, as clients until 0.4.5 set it. */
import type { Caller } from '../../mailboxes/callers.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Db, Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { readMailboxUrls, setMailboxUrl } from '../../webhooks/mailbox-urls.ts'
import { mailboxUrlFormat } from './webhook-format.ts'

/** @returns the URL of each mailbox that has one. */
export async function webhookUrlsOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  return await readMailboxUrls(db, mailboxUrlFormat.name, mailboxIds)
}

/** @param url null: none any more. @throws Refusal invalid_request. */
export async function setWebhookUrl(
  platform: Platform,
  tx: Tx,
  { scope }: Caller,
  { id }: Mailbox,
  url: string | null,
): Promise<void> {
  await setMailboxUrl(platform, tx, scope, mailboxUrlFormat.name, id, url)
}
