/** How a mailbox looks to clients of every age: one body with all that any of them reads. */
import { type Static, Type } from 'typebox'
import { identityIdsOf } from '../../mailboxes/identity-mailboxes.ts'
import { isServed } from '../../mailboxes/lifecycle.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { storageOf } from '../../messages/quotas.ts'
import { type Db, onOneConnection } from '../../platform/database.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  FilterMode,
  filterModesOf,
  type ModeChangeNotice,
  ModeChangeNoticeOrNull,
  openModes,
} from './filter-modes.ts'
import { Moment, orNull, Uuid } from './schemas.ts'
import { signatureFields, signatureView } from './signatures.ts'
import { webhookUrlsOf } from './webhook-url.ts'

export const ActivityStatus = OneOf(['active', 'paused'])

export const MailboxView = Type.Object(
  {
    id: Uuid,
    email_address: Type.String(),
    display_name: orNull(Type.String()),
    webhook_url: orNull(Type.String()),
    status: ActivityStatus,
    sending_domain: Type.String(),
    filter_mode: FilterMode,
    inbound_filter_mode: FilterMode,
    outbound_filter_mode: FilterMode,
    filter_mode_change_notice: ModeChangeNoticeOrNull,
    agent_identity_id: orNull(Uuid),
    storage_used_bytes: Type.Integer({ minimum: 0 }),
    storage_limit_bytes: orNull(Type.Integer()),
    ...signatureFields,
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'Mailbox' },
)

export type MailboxBody = Static<typeof MailboxView>

/** What is shown of mailboxes and not in their rows, by mailbox. */
export type MailboxFacts = {
  identities: Awaited<ReturnType<typeof identityIdsOf>>
  modes: Awaited<ReturnType<typeof filterModesOf>>
  urls: Awaited<ReturnType<typeof webhookUrlsOf>>
  storage: Awaited<ReturnType<typeof storageOf>>
}

/**
 * All of them at the same moment.
 * @param db of one connection.
 * @param known the identities of the mailboxes, unless they have to be asked for.
 */
export async function mailboxFacts(
  platform: Platform,
  db: Db,
  mailboxes: readonly { id: string; workspace_id: string }[],
  known: MailboxFacts['identities'] | null,
): Promise<MailboxFacts> {
  const ids = mailboxes.map(({ id }) => id)
  const [identities, modes, urls, storage] = await Promise.all([
    known ?? identityIdsOf(db, ids),
    filterModesOf(db, ids),
    webhookUrlsOf(db, ids),
    storageOf(platform, db, mailboxes),
  ])
  return { identities, modes, urls, storage }
}

/** The views of mailboxes, in their order, with what belongs to them read in sets. @param db the transaction, inside one. */
export async function mailboxViews(
  platform: Platform,
  db: Db,
  mailboxes: readonly Mailbox[],
): Promise<MailboxBody[]> {
  if (mailboxes.length === 0) return []
  const facts = await onOneConnection(db, (one) => mailboxFacts(platform, one, mailboxes, null))
  return mailboxes.map((mailbox) => mailboxBody(mailbox, facts))
}

export function mailboxBody(mailbox: Mailbox, facts: MailboxFacts): MailboxBody {
  const { id, address } = mailbox
  const { inbound, outbound } = facts.modes.get(id) ?? openModes
  const { bytes, limitBytes } = facts.storage.get(id) ?? { bytes: 0, limitBytes: null }
  return {
    id,
    email_address: address,
    display_name: mailbox.display_name,
    webhook_url: facts.urls.get(id) ?? null,
    status: isServed(mailbox.state) ? 'active' : 'paused',
    sending_domain: address.slice(address.lastIndexOf('@') + 1),
    filter_mode: inbound,
    inbound_filter_mode: inbound,
    outbound_filter_mode: outbound,
    filter_mode_change_notice: null,
    agent_identity_id: facts.identities.get(id) ?? null,
    storage_used_bytes: bytes,
    storage_limit_bytes: limitBytes,
    ...signatureView(mailbox),
    created_at: mailbox.created_at.toISOString(),
    updated_at: mailbox.updated_at.toISOString(),
  }
}

/** @param notice of a mode that this very call has changed. */
export async function mailboxView(
  platform: Platform,
  db: Db,
  mailbox: Mailbox,
  notice: ModeChangeNotice | null = null,
): Promise<MailboxBody> {
  const [view] = await mailboxViews(platform, db, [mailbox])
  if (!view) throw new Error('a mailbox has no view')
  return { ...view, filter_mode_change_notice: notice }
}
