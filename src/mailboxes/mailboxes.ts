/** Mailboxes: found, listed, edited, deleted and restored. provision.ts makes them. */

import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { getDomain } from '../domains/domains.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId } from '../platform/ids.ts'
import { addJob } from '../platform/jobs.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, parseAddress } from './address.ts'
import { freeAddresses } from './address-rows.ts'
import { changedDetails } from './details.ts'
import { editOf, type MailboxChanges } from './edits.ts'
import { restorableDays, restoredState, tellEngines } from './engines.ts'
import { removeIdentityOf } from './identity-removal.ts'
import { type MailboxState, mayMoveMailbox } from './lifecycle.ts'
import { mailboxColumns } from './mailbox-columns.ts'
import { payChanged } from './payment/first-periods.ts'
import { payRestored } from './payment/restores.ts'
import { beginPeriods, changedPeriod } from './period-changes.ts'
import { requireElsewhere } from './recovery.ts'
import { likePattern, searchTextOf } from './search-text.ts'
import { tellMoves, tellMovesAsSeen } from './state-moves.ts'
import type { Mailbox } from './tables.ts'
import { mailboxSettingsOf } from './workspace-settings.ts'

/**
 * @param ref the id or the address.
 * @param db the transaction, inside one: a second connection asked for while the first is held could wait for ever.
 * @throws Refusal mailbox_not_found.
 */
export async function getMailbox(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<Mailbox> {
  const found = await findMailbox(db, scope, ref)
  if (!found) throw new Refusal('mailbox_not_found')
  return found
}

/**
 * The mailbox behind an address, whoever it belongs to: for whoever runs the server, who has no scope.
 * @throws Refusal mailbox_not_found.
 */
export async function getAnyMailbox(platform: Platform, address: string): Promise<Mailbox> {
  const parsed = parseAddress(address)
  const found = parsed.ok
    ? await platform.db
        .selectFrom('addresses')
        .innerJoin('mailboxes', 'mailboxes.id', 'addresses.mailbox_id')
        .selectAll('mailboxes')
        .where('addresses.address', '=', parsed.value.address)
        .where('mailboxes.state', '<>', 'deleted')
        .executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('mailbox_not_found', `There is no mailbox ${address}.`)
  return found
}

async function findMailbox(
  db: Db,
  { workspaceId, mailboxId }: Scope,
  ref: string,
  how: 'find' | 'lock' = 'find',
): Promise<Mailbox | undefined> {
  const address = ref.includes('@') ? parseAddress(ref) : null
  const isAddress = address?.ok === true
  if (!isAddress && !isId(ref)) return undefined
  const id = isAddress
    ? sql`(select mailbox_id from addresses where address = ${address.value.address}::text)`
    : sql`${ref}::uuid`
  const name = sql.raw(`${how}_mailbox${isAddress ? '_by_address' : ''}`)
  const { rows } = await sql<Mailbox>`/* prepared ${name} */
    select ${mailboxColumns} from mailboxes
    where id = ${id} and workspace_id = ${workspaceId}::uuid and state <> 'deleted'
      and (${mailboxId}::uuid is null or id = ${mailboxId}::uuid)
    ${sql.raw(how === 'lock' ? 'for update' : '')}`.execute(db)
  return rows[0]
}

export type MailboxFilter = {
  /** A domain's id or name. */
  domain: string | null
  state: MailboxState | null
  /** Part of the address or of a name. */
  search: string | null
  tag: string | null
  /** A custom field with exactly this value. */
  customField?: { name: string; value: string } | null
}

/** The workspace's mailboxes, oldest first. @throws Refusal domain_not_found for an unknown domain. */
export async function listMailboxes(
  platform: Platform,
  scope: Scope,
  filter: MailboxFilter,
  page: PageRequest,
  db: Db = platform.db,
): Promise<Page<Mailbox>> {
  const domain = filter.domain === null ? null : await getDomain(platform, scope, filter.domain, db)
  const { state, search, tag, customField = null } = filter
  const fields = customField === null ? '' : JSON.stringify({ [customField.name]: customField.value })
  const rows = await livingMailboxes(db, scope)
    .$if(domain !== null, (query) => query.where(sql<boolean>`domain_id = ${domain?.id}::uuid`))
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(tag !== null, (query) => query.where(sql<boolean>`tags @> array[${tag}]::text[]`))
    .$if(customField !== null, (query) =>
      // The index has only mailboxes that have fields.
      query.where(sql<boolean>`custom_fields <> '{}' and custom_fields @> ${fields}::jsonb`),
    )
    .$if(search !== null, (query) => query.where(sql<boolean>`search_text like ${likePattern(search ?? '')}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/**
 * Changes what is said of a mailbox. Notes and the period are not for keys that are bound to it.
 * @param version what the caller last saw (If-Match), or null to change whatever is there.
 * @throws Refusal mailbox_not_found, mailbox_details_invalid, mailbox_state_conflict, edit_conflict, forbidden; for another
 *   first period than was paid: insufficient_funds, wallet_locked, item_not_priced.
 */
export async function updateMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  changes: MailboxChanges,
  version: number | null,
): Promise<Mailbox> {
  if (changes.notes !== undefined || changes.period !== undefined) requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, ref)
  if (version !== null && version !== before.version) throw new Refusal('edit_conflict')
  const people = {
    display_name: changes.displayName === undefined ? before.display_name : changes.displayName,
    first_name: changes.firstName === undefined ? before.first_name : changes.firstName,
    last_name: changes.lastName === undefined ? before.last_name : changes.lastName,
  }
  const { custom_fields, ...details } = changedDetails(before, changes, addressOf(before))
  if (details.recovery_email !== null && details.recovery_email !== before.recovery_email)
    await requireElsewhere(tx, before.id, details.recovery_email)
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({
      ...people,
      ...details,
      ...(changes.period === undefined ? {} : changedPeriod(before, changes.period)),
      custom_fields: JSON.stringify(custom_fields),
      tags: [...new Set(changes.tags ?? before.tags)],
      search_text: searchTextOf({ address: before.address, ...people, custom_fields }),
      version: before.version + 1,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.updated',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address },
      before: editOf(before, mailbox),
    },
  ])
  await tellEngines(platform, tx, [mailbox], 'details')
  if (mailbox.period !== before.period) await payChanged(platform, tx, mailbox)
  return mailbox
}

function addressOf(mailbox: Mailbox): Address {
  const parsed = parseAddress(mailbox.address)
  if (!parsed.ok) throw new Error(`the mailbox ${mailbox.id} has an address that ${parsed.problem}`)
  return parsed.value
}

/** The mailbox as the caller may see it: notes are for those who run it, not for whoever has it. */
export function seenBy(scope: Scope, mailbox: Mailbox): Mailbox {
  return scope.mailboxId === null ? mailbox : { ...mailbox, notes: null }
}

/**
 * Deletes a mailbox. Its addresses stay taken and everything stays restorable for the days that its workspace says
 * (workspace-settings.ts), unless `purge` asks for its removal now, which cannot be taken back.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, forbidden.
 */
export async function deleteMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  options: { purge: boolean },
): Promise<Mailbox> {
  requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, ref)
  if (options.purge) {
    const mailbox = await moveMailbox(platform, tx, before, 'deleted', { purge_at: platform.clock.now() })
    await freeAddresses(platform, tx, mailbox)
    await removeIdentityOf(platform, tx, mailbox.id)
    await addJob(tx, 'mailbox.purge', { mailbox_id: mailbox.id }, { key: `mailbox.purge:${mailbox.id}` })
    return mailbox
  }
  if (before.state === 'deletion_scheduled')
    throw new Refusal('mailbox_state_conflict', 'It is deleted already.')
  const { restore_days: wanted } = await mailboxSettingsOf(tx, before.workspace_id)
  const days = Math.min(wanted, restorableDays(platform).get(before.service) ?? wanted)
  const purgeAt = new Date(platform.clock.now().getTime() + days * 24 * 3600 * 1000)
  return await moveMailbox(platform, tx, before, 'deletion_scheduled', {
    purge_at: purgeAt,
    state_before_deletion: before.state,
    deleted_with_domain: false,
  })
}

/**
 * Takes a deletion back. Where its period is over, the next one is paid.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, insufficient_funds, wallet_locked, item_not_priced, forbidden.
 */
export async function restoreMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Mailbox> {
  requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, ref)
  if (before.state !== 'deletion_scheduled' || before.state_before_deletion === null) {
    throw new Refusal('mailbox_state_conflict', 'It is not deleted.')
  }
  const domain = await tx
    .selectFrom('domains')
    .select('state')
    .where('id', '=', before.domain_id)
    .forShare()
    .executeTakeFirst()
  if (domain?.state === 'deletion_scheduled') {
    throw new Refusal(
      'mailbox_state_conflict',
      'Its domain is deleted: restore that, and the mailbox comes with it.',
    )
  }
  const [refusal] = await payRestored(platform, tx, [before.id], platform.clock.now())
  if (refusal) throw refusal
  const { state } = await tx
    .selectFrom('mailboxes')
    .select(restoredState.as('state'))
    .where('id', '=', before.id)
    .executeTakeFirstOrThrow()
  return await moveMailbox(platform, tx, before, state, {
    purge_at: null,
    state_before_deletion: null,
  })
}

/** Stops logins and mail without removing anything. @throws Refusal mailbox_state_conflict and the usual. */
export async function suspendMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Mailbox> {
  return await switchState(platform, tx, scope, ref, 'suspended')
}

/** Takes a suspension back. @throws Refusal mailbox_state_conflict and the usual. */
export async function resumeMailbox(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  return await switchState(platform, tx, scope, ref, 'active')
}

const switchableFrom = { suspended: 'active', active: 'suspended' } as const

async function switchState(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  to: 'active' | 'suspended',
): Promise<Mailbox> {
  requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, ref)
  if (before.state === 'suspended' && before.payment_suspension !== null)
    return await switchUnpaid(tx, before, to)
  if (before.state === to) return before
  if (before.state !== switchableFrom[to])
    throw new Refusal('mailbox_state_conflict', `It is ${before.state}.`)
  return await moveMailbox(platform, tx, before, to, {})
}

/** What is suspended because it is not paid comes back by payment alone, unless its workspace wants it to stay suspended. */
async function switchUnpaid(tx: Tx, before: Mailbox, to: 'active' | 'suspended'): Promise<Mailbox> {
  if (to === 'active')
    throw new Refusal(
      'mailbox_unpaid',
      'It is suspended because it is not paid: it comes back when the wallet has enough.',
    )
  return await tx
    .updateTable('mailboxes')
    .set({ payment_suspension: 'stay' })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

type MoveDetails = Partial<Pick<Mailbox, 'purge_at' | 'state_before_deletion' | 'deleted_with_domain'>>

/** Moves a locked mailbox to another state. A move that the table does not allow is our own defect. */
export async function moveMailbox(
  platform: Platform,
  tx: Tx,
  before: Mailbox,
  to: MailboxState,
  more: MoveDetails,
): Promise<Mailbox> {
  const mailbox = await writeMove(platform, tx, before, to, more)
  await tellMoves(platform, tx, [{ ...mailbox, from: before.state, to }])
  return mailbox
}

/** The same for an engine that has seen it itself, and need not be told. */
export async function moveAsSeen(
  platform: Platform,
  tx: Tx,
  before: Mailbox,
  to: MailboxState,
): Promise<Mailbox> {
  const mailbox = await writeMove(platform, tx, before, to, {})
  await tellMovesAsSeen(platform, tx, [{ ...mailbox, from: before.state, to }])
  return mailbox
}

async function writeMove(
  platform: Platform,
  tx: Tx,
  before: Mailbox,
  to: MailboxState,
  more: MoveDetails,
): Promise<Mailbox> {
  if (!mayMoveMailbox(before.state, to)) throw new Error(`a mailbox cannot go from ${before.state} to ${to}`)
  const now = platform.clock.now()
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({ ...more, state: to, version: before.version + 1, state_changed_at: now, updated_at: now })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  if (to === 'active') await beginPeriods(platform, tx, [mailbox.id])
  return mailbox
}

/** The mailbox, locked against other changes until the transaction ends. */
export async function lockMailbox(tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  requireWrite(scope)
  const locked = await findMailbox(tx, scope, ref, 'lock')
  if (!locked) throw new Refusal('mailbox_not_found')
  return locked
}

/** Whose event it is. */
export function subject(mailbox: Pick<Mailbox, 'id' | 'organization_id' | 'workspace_id'>): {
  organizationId: string
  workspaceId: string
  mailboxId: string
} {
  return {
    organizationId: mailbox.organization_id,
    workspaceId: mailbox.workspace_id,
    mailboxId: mailbox.id,
  }
}

function livingMailboxes(db: Db, scope: Scope) {
  return db
    .selectFrom('mailboxes')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', '<>', 'deleted')
    .$if(scope.mailboxId !== null, (query) => query.where('id', '=', scope.mailboxId ?? ''))
}
