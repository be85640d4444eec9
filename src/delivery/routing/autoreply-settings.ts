/** A mailbox's autoreply: what it answers, and when. */

import type { Selectable } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { getMailbox, lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import { requireClaimed } from '../../mailboxes/signups/unclaimed.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { AutorepliesTable } from './tables.ts'

export type AutoreplySettings = Omit<Selectable<AutorepliesTable>, 'mailbox_id' | 'updated_at'>

export const autoreplyTextBytesMax = 16 * 1024
const off: AutoreplySettings = {
  enabled: false,
  subject: null,
  text: '',
  starts_at: null,
  ends_at: null,
  days: 7,
}

/** @returns one that is off when none was set. @throws Refusal mailbox_not_found. */
export async function getAutoreply(
  platform: Platform,
  scope: Scope,
  ref: string,
): Promise<AutoreplySettings> {
  const { id } = await getMailbox(platform, scope, ref)
  const row = await platform.db
    .selectFrom('autoreplies')
    .select(['enabled', 'subject', 'text', 'starts_at', 'ends_at', 'days'])
    .where('mailbox_id', '=', id)
    .executeTakeFirst()
  return row ?? off
}

/** @throws Refusal mailbox_not_found, invalid_request, agent_unclaimed, forbidden. */
export async function putAutoreply(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  settings: AutoreplySettings,
): Promise<AutoreplySettings> {
  const { enabled, text, starts_at, ends_at } = settings
  if (enabled && text.trim() === '') refuse('/text', 'An autoreply that is on needs a text.')
  if (starts_at !== null && ends_at !== null && starts_at >= ends_at)
    refuse('/ends_at', 'It ends before it starts.')
  const mailbox = await lockMailbox(tx, scope, ref)
  await requireClaimed(platform, { mailboxId: mailbox.id }, tx)
  const row = { ...settings, mailbox_id: mailbox.id, updated_at: platform.clock.now() }
  await tx
    .insertInto('autoreplies')
    .values(row)
    .onConflict((conflict) => conflict.column('mailbox_id').doUpdateSet(row))
    .execute()
  // Whoever was answered by an earlier one hears of the new one.
  await tx
    .deleteFrom('autoreply_sent')
    .where('mailbox_id', '=', mailbox.id)
    .where('handle', '=', 'autoreply')
    .execute()
  const data = { mailbox_id: mailbox.id, enabled }
  await appendEvents(platform, tx, [{ type: 'autoreply.updated', ...subject(mailbox), data }])
  return settings
}

function refuse(pointer: string, detail: string): never {
  throw new Refusal('invalid_request', detail, { fields: [{ pointer, detail }] })
}
