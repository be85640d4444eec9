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
import { parseAddress } from './address.ts'
import { restorableDays, restoredState, tellEngines } from './engines.ts'
import { type MailboxState, mailboxRestoreDays, mayMoveMailbox } from './lifecycle.ts'
import type { Mailbox } from './provision.ts'
import { searchTextOf } from './search-text.ts'

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

async function findMailbox(db: Db, scope: Scope, ref: string): Promise<Mailbox | undefined> {
  const address = ref.includes('@') ? parseAddress(ref) : null
  const rows = livingMailboxes(db, scope)
  if (address?.ok) {
    return await rows
      .where('id', '=', (query) =>
        query
          .selectFrom('addresses')
          .select(sql<string>`mailbox_id`.as('id'))
          .where('addresses.address', '=', address.value.address),
      )
      .executeTakeFirst()
  }
  return isId(ref) ? await rows.where('id', '=', ref).executeTakeFirst() : undefined
}

export type MailboxFilter = {
  /** A domain's id or name. */
  domain: string | null
  state: MailboxState | null
  /** Part of the address or of a name. */
  search: string | null
  tag: string | null
}

/** The workspace's mailboxes, oldest first. @throws Refusal domain_not_found for an unknown domain. */
export async function listMailboxes(
  platform: Platform,
  scope: Scope,
  filter: MailboxFilter,
  page: PageRequest,
): Promise<Page<Mailbox>> {
  const domain = filter.domain === null ? null : await getDomain(platform, scope, filter.domain)
  const { state, search, tag } = filter
  const rows = await livingMailboxes(platform.db, scope)
    .$if(domain !== null, (query) => query.where(sql<boolean>`domain_id = ${domain?.id}::uuid`))
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(tag !== null, (query) => query.where(sql<boolean>`tags @> array[${tag}]::text[]`))
    .$if(search !== null, (query) => query.where(sql<boolean>`search_text like ${likePattern(search ?? '')}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

function likePattern(search: string): string {
  return `%${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
}

export type MailboxChanges = {
  displayName?: string | null
  firstName?: string | null
  lastName?: string | null
  tags?: readonly string[]
}

/**
 * Changes what is said of a mailbox.
 * @param version what the caller last saw (If-Match), or null to change whatever is there.
 * @throws Refusal mailbox_not_found, edit_conflict, forbidden.
 */
export async function updateMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  changes: MailboxChanges,
  version: number | null,
): Promise<Mailbox> {
  const before = await lockMailbox(platform, tx, scope, ref)
  if (version !== null && version !== before.version) throw new Refusal('edit_conflict')
  const people = {
    display_name: changes.displayName === undefined ? before.display_name : changes.displayName,
    first_name: changes.firstName === undefined ? before.first_name : changes.firstName,
    last_name: changes.lastName === undefined ? before.last_name : changes.lastName,
  }
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({
      ...people,
      tags: [...new Set(changes.tags ?? before.tags)],
      search_text: searchTextOf({ address: before.address, ...people }),
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
    },
  ])
  await tellEngines(platform, tx, [mailbox], 'details')
  return mailbox
}

/**
 * Deletes a mailbox. Its address stays taken and everything stays restorable for `mailboxRestoreDays`, unless
 * `purge` asks for its removal now, which cannot be taken back.
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
  const before = await lockMailbox(platform, tx, scope, ref)
  if (options.purge) {
    const mailbox = await moveMailbox(platform, tx, before, 'deleted', { purge_at: platform.clock.now() })
    await tx.deleteFrom('addresses').where('mailbox_id', '=', mailbox.id).execute()
    await addJob(tx, 'mailbox.purge', { mailbox_id: mailbox.id }, { key: `mailbox.purge:${mailbox.id}` })
    return mailbox
  }
  if (before.state === 'deletion_scheduled')
    throw new Refusal('mailbox_state_conflict', 'It is deleted already.')
  const days = Math.min(
    mailboxRestoreDays,
    restorableDays(platform).get(before.service) ?? mailboxRestoreDays,
  )
  const purgeAt = new Date(platform.clock.now().getTime() + days * 24 * 3600 * 1000)
  return await moveMailbox(platform, tx, before, 'deletion_scheduled', {
    purge_at: purgeAt,
    state_before_deletion: before.state,
  })
}

/** Takes a deletion back. @throws Refusal mailbox_not_found, mailbox_state_conflict, forbidden. */
export async function restoreMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Mailbox> {
  requireWorkspace(scope)
  const before = await lockMailbox(platform, tx, scope, ref)
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
  const state = restoredState(platform, before.service, before.state_before_deletion)
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
  const before = await lockMailbox(platform, tx, scope, ref)
  if (before.state === to) return before
  if (before.state !== switchableFrom[to])
    throw new Refusal('mailbox_state_conflict', `It is ${before.state}.`)
  return await moveMailbox(platform, tx, before, to, {})
}

/** Moves a locked mailbox, and tells everybody. */
export async function moveMailbox(
  platform: Platform,
  tx: Tx,
  before: Mailbox,
  to: MailboxState,
  more: Partial<Pick<Mailbox, 'purge_at' | 'state_before_deletion'>>,
): Promise<Mailbox> {
  if (!mayMoveMailbox(before.state, to)) throw new Error(`a mailbox cannot go from ${before.state} to ${to}`)
  const now = platform.clock.now()
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({ ...more, state: to, version: before.version + 1, state_changed_at: now, updated_at: now })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.state_changed',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address, from: before.state, to },
    },
  ])
  await tellEngines(platform, tx, [mailbox], 'state')
  return mailbox
}

/** The mailbox, locked against other changes until the transaction ends. */
export async function lockMailbox(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  requireWrite(scope)
  const { id } = await getMailbox(platform, scope, ref, tx)
  const locked = await tx
    .selectFrom('mailboxes')
    .selectAll()
    .where('id', '=', id)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
  if (!locked) throw new Refusal('mailbox_not_found')
  return locked
}

/** Whose event it is. */
export function subject(mailbox: Mailbox): {
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
