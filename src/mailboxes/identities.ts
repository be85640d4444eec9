/**
 * Identities: the handles of agents, each with exactly one mailbox. The life of an identity is its mailbox's: it is
 * deleted, restored and purged with it, and its handle stays taken as long as the mailbox can come back.
 */

import { type Selectable, sql } from 'kysely'
import { isPartyOf } from '../accounts/parties.ts'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { handleDomain } from '../domains/handle-domain.ts'
import { type Db, type Tx, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { parseHandle, requireHandle } from './handles.ts'
import type { IdentitiesTable } from './identity-tables.ts'
import type { MailboxState } from './lifecycle.ts'
import { deleteMailbox, lockMailbox, restoreMailbox, subject, updateMailbox } from './mailboxes.ts'
import { drawsMax, randomName } from './new-address.ts'
import { provisionMailbox } from './provision.ts'
import { drawFreeHandle, plainMailbox, sharedDomainOf, sharedMailbox } from './shared-mailboxes.ts'
import type { Mailbox } from './tables.ts'

export type Identity = Selectable<IdentitiesTable> & {
  address: string
  /** Its mailbox's. */
  display_name: string | null
  state: MailboxState
  purge_at: Date | null
}

/** The mailbox of a new identity: an own address, a random one in a domain, or a mailbox that is there. */
export type IdentityMailbox = { address: string } | { domain: string } | { mailbox: string }

export type NewIdentity = {
  /** Null: a random one. */
  handle: string | null
  displayName: string | null
  description: string | null
  /** `user:ID` or `api_key:ID`. */
  owner: string
  /** Null: in the shared domain the handle, else a random address in the workspace's oldest active domain. */
  mailbox: IdentityMailbox | null
  /** Where random handles come from; `randomName` if nothing is said. */
  draw?: () => string
}

/**
 * Makes an identity, with its mailbox unless it is given one.
 * @throws Refusal handle_invalid, handle_taken, identity_exists, mailbox_not_found, mailbox_state_conflict, forbidden,
 * and whatever keeps a mailbox from being made.
 */
export async function createIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewIdentity,
): Promise<Identity> {
  requireWrite(scope)
  requireWorkspace(scope)
  const asked = wanted.handle === null ? null : requireHandle(wanted.handle)
  const place = wanted.mailbox ?? { domain: await handleDomainName(tx, scope) }
  const shared = 'mailbox' in place ? null : await sharedDomainOf(tx, scope, place)
  const handle = asked ?? (shared === null ? null : await drawFreeHandle(tx, shared, wanted.draw))
  const mailbox =
    'mailbox' in place || shared === null || handle === null
      ? await mailboxFor(platform, tx, scope, place, wanted.displayName)
      : await sharedMailbox(platform, tx, scope, { place, shared, handle, displayName: wanted.displayName })
  const now = platform.clock.now()
  const row = {
    id: newId(),
    organization_id: mailbox.organization_id,
    workspace_id: mailbox.workspace_id,
    description: wanted.description,
    owner: wanted.owner,
    mailbox_id: mailbox.id,
    created_at: now,
    updated_at: now,
  }
  const taken = await insertIdentity(tx, row, handle, wanted.draw)
  await announce(platform, tx, 'identity.created', mailbox, { id: row.id, handle: taken })
  return await getIdentity(platform, scope, row.id, tx)
}

async function mailboxFor(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  place: IdentityMailbox,
  displayName: string | null,
): Promise<Mailbox> {
  if ('mailbox' in place) return await freeMailbox(platform, tx, scope, place.mailbox, displayName)
  const address = 'address' in place ? place.address : { domain: place.domain }
  return await provisionMailbox(platform, tx, scope, plainMailbox(address, displayName))
}

/** A mailbox that is there and has no identity, locked so that it gets only one. */
async function freeMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  displayName: string | null,
): Promise<Mailbox> {
  const mailbox = await lockMailbox(platform, tx, scope, ref)
  if (mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_state_conflict', 'It is deleted.')
  const existing = await tx
    .selectFrom('identities')
    .select('id')
    .where('mailbox_id', '=', mailbox.id)
    .executeTakeFirst()
  if (existing) throw new Refusal('identity_exists', `${mailbox.address} has an identity.`)
  if (displayName === null) return mailbox
  return await updateMailbox(platform, tx, scope, mailbox.id, { displayName }, null)
}

async function handleDomainName(tx: Tx, scope: Scope): Promise<string> {
  const domain = await handleDomain(tx, scope.workspaceId)
  if (!domain) throw new Refusal('domain_not_found', 'The workspace has no active domain.')
  return domain.name
}

/** Takes the handle, or draws one until it is free. @returns the handle. @throws Refusal handle_taken. */
async function insertIdentity(
  tx: Tx,
  row: Omit<IdentitiesTable, 'handle' | 'version'>,
  asked: string | null,
  draw: () => string = randomName,
): Promise<string> {
  for (let draws = 0; draws < (asked === null ? drawsMax : 1); draws++) {
    const handle = asked ?? draw()
    const inserted = await tx
      .insertInto('identities')
      .values({ ...row, handle })
      .onConflict((conflict) => conflict.column('handle').doNothing())
      .returning('handle')
      .executeTakeFirst()
    if (inserted) return inserted.handle
  }
  throw new Refusal('handle_taken', asked === null ? 'No free handle was found.' : `@${asked} is taken.`)
}

/**
 * @param ref the id, or the handle with or without an @.
 * @throws Refusal identity_not_found.
 */
export async function getIdentity(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<Identity> {
  const handle = parseHandle(ref)
  const identities = identitiesOf(db, scope)
  const found = isId(ref)
    ? await identities.where('identities.id', '=', ref).executeTakeFirst()
    : handle && (await identities.where('handle', '=', handle).executeTakeFirst())
  if (!found) throw new Refusal('identity_not_found')
  return found
}

/** The identities of these mailboxes, by the mailbox's id; those that have none are left out. */
export async function identitiesOfMailboxes(
  db: Db,
  scope: Scope,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await identitiesOf(db, scope)
    .where(sql<boolean>`mailbox_id = any(${uuidArray(mailboxIds)})`)
    .execute()
  return new Map(rows.map((row) => [row.mailbox_id, row.id]))
}

export type IdentityFilter = {
  owner: string | null
  /** Part of the handle. */
  search: string | null
}

/** The workspace's identities, oldest first. */
export async function listIdentities(
  platform: Platform,
  scope: Scope,
  { owner, search }: IdentityFilter,
  page: PageRequest,
): Promise<Page<Identity>> {
  const rows = await identitiesOf(platform.db, scope)
    .$if(owner !== null, (query) => query.where(sql<boolean>`owner = ${owner}`))
    .$if(search !== null, (query) =>
      query.where(sql<boolean>`position(${search?.toLowerCase()} in handle) > 0`),
    )
    .$if(page.after !== null, (query) => query.where(sql<boolean>`identities.id > ${page.after}::uuid`))
    .orderBy('identities.id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

export type IdentityChanges = {
  handle?: string
  displayName?: string | null
  description?: string | null
  owner?: string
}

/**
 * Changes an identity. A handle that it gives up is free at once. A key that is bound to its mailbox may change the
 * display name and the description only.
 * @param versions those that the caller may have seen (If-Match), or null to change whatever is there.
 * @throws Refusal identity_not_found, edit_conflict, handle_invalid, handle_taken, invalid_request, forbidden.
 */
export async function updateIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  changes: IdentityChanges,
  versions: readonly number[] | null,
): Promise<Identity> {
  const { mailbox, identity } = await lockIdentity(platform, tx, scope, ref)
  if (versions !== null && !versions.includes(identity.version)) throw new Refusal('edit_conflict')
  const { handle, displayName, description, owner } = changes
  if (handle !== undefined || owner !== undefined) requireWorkspace(scope)
  if (owner !== undefined) await requireOwner(platform, tx, scope, owner)
  if (displayName !== undefined) await updateMailbox(platform, tx, scope, mailbox.id, { displayName }, null)
  await tx
    .updateTable('identities')
    .set({
      ...(handle === undefined ? {} : { handle: requireHandle(handle) }),
      ...(description === undefined ? {} : { description }),
      ...(owner === undefined ? {} : { owner }),
      version: sql<number>`version + 1`,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', identity.id)
    .execute()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'identities_handle') throw error
      throw new Refusal('handle_taken', `@${handle} is taken.`, { cause: error })
    })
  const changed = await getIdentity(platform, scope, identity.id, tx)
  await announce(platform, tx, 'identity.updated', mailbox, changed)
  return changed
}

async function requireOwner(platform: Platform, tx: Tx, scope: Scope, owner: string): Promise<void> {
  if (await isPartyOf(platform, tx, scope, owner)) return
  throw new Refusal('invalid_request', 'The owner is no key or member of this workspace.', {
    fields: [{ pointer: '/owner', detail: 'must be api_key:ID or user:ID of who reaches this workspace' }],
  })
}

/**
 * Deletes an identity with its mailbox, as deleteMailbox does; with `purge` the handle is free at once.
 * @returns it as it is then, or as it was before a purge.
 * @throws Refusal identity_not_found, mailbox_state_conflict, forbidden.
 */
export async function deleteIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  options: { purge: boolean },
): Promise<Identity> {
  const { mailbox, identity } = await lockIdentity(platform, tx, scope, ref)
  const deleted = await deleteMailbox(platform, tx, scope, mailbox.id, options)
  if (options.purge) return { ...identity, state: deleted.state }
  return await getIdentity(platform, scope, identity.id, tx)
}

/** Takes a deletion back, its mailbox's too. @throws Refusal identity_not_found, mailbox_state_conflict, forbidden. */
export async function restoreIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Identity> {
  const { mailbox, identity } = await lockIdentity(platform, tx, scope, ref)
  await restoreMailbox(platform, tx, scope, mailbox.id)
  return await getIdentity(platform, scope, identity.id, tx)
}

/** An identity changes and ends with its mailbox's row locked. */
async function lockIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<{ mailbox: Mailbox; identity: Identity }> {
  requireWrite(scope)
  const { id, mailbox_id } = await getIdentity(platform, scope, ref, tx)
  const mailbox = await lockMailbox(platform, tx, scope, mailbox_id)
  return { mailbox, identity: await getIdentity(platform, scope, id, tx) }
}

async function announce(
  platform: Platform,
  tx: Tx,
  type: 'identity.created' | 'identity.updated',
  mailbox: Mailbox,
  { id, handle }: { id: string; handle: string },
): Promise<void> {
  await appendEvents(platform, tx, [
    { type, ...subject(mailbox), data: { identity_id: id, handle, mailbox_id: mailbox.id } },
  ])
}

function identitiesOf(db: Db, scope: Scope) {
  return (
    db
      .selectFrom('identities')
      .innerJoin('mailboxes', 'mailboxes.id', 'identities.mailbox_id')
      .selectAll('identities')
      .select(['address', 'display_name', 'state', 'purge_at'])
      // What is shown is of both, and either may change.
      .select(sql<number>`identities.version + mailboxes.version - 1`.as('version'))
      .select(sql<Date>`greatest(identities.updated_at, mailboxes.updated_at)`.as('updated_at'))
      .where('identities.workspace_id', '=', scope.workspaceId)
      .where('state', '<>', 'deleted')
      .$if(scope.mailboxId !== null, (query) => query.where('mailbox_id', '=', scope.mailboxId ?? ''))
  )
}
