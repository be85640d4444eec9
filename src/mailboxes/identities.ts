/**
 * Identities: the handles of agents, each with one mailbox at most. The life of an identity is its mailbox's: it is
 * deleted, restored and purged with it, and its handle stays taken as long as the mailbox can come back. One without a
 * mailbox is there until it is deleted, which is at once (decision 0038).
 */

import { type RawBuilder, type Selectable, sql } from 'kysely'
import { isPartyOf } from '../accounts/parties.ts'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { type Db, type Tx, violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { followHandle } from './follow-handle.ts'
import { idOfHandle } from './handle-names.ts'
import { parseHandle, requireHandle } from './handles.ts'
import { type IdentityMailbox, newMailboxFor } from './identity-places.ts'
import type { IdentitiesTable } from './identity-tables.ts'
import type { MailboxState } from './lifecycle.ts'
import { deleteMailbox, lockMailbox, restoreMailbox, updateMailbox } from './mailboxes.ts'
import { drawsMax, randomName } from './new-address.ts'
import type { Mailbox } from './tables.ts'

export type Identity = Selectable<IdentitiesTable> & {
  /** Null: it has no mailbox. */
  address: string | null
  /** Its mailbox's, if it has one. */
  display_name: string | null
  /** Its mailbox's; `active` without one. */
  state: MailboxState
  purge_at: Date | null
}

export type NewIdentity = {
  /** Null: a random one. */
  handle: string | null
  displayName: string | null
  description: string | null
  /** `user:ID` or `api_key:ID`. */
  owner: string
  /** Null: in the shared domain the handle, else a random address in the workspace's oldest active domain. */
  mailbox: IdentityMailbox | 'none' | null
  /** Nobody asked for the mailbox: who asks for one later takes this one up (identity-mailboxes.ts). */
  isImplicit?: boolean
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
  if (asked !== null) await requireFreeHandle(tx, asked)
  const { mailbox: place, displayName, draw } = wanted
  const made =
    place === 'none'
      ? null
      : await newMailboxFor(platform, tx, scope, { mailbox: place, handle: asked, displayName, draw })
  const mailbox = made?.mailbox ?? null
  const now = platform.clock.now()
  const row = {
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    description: wanted.description,
    owner: wanted.owner,
    mailbox_id: mailbox?.id ?? null,
    display_name: mailbox === null ? displayName : null,
    mailbox_is_implicit: mailbox !== null && wanted.isImplicit === true,
    created_at: now,
    updated_at: now,
  }
  const taken = await insertIdentity(tx, row, made?.handle ?? asked, draw)
  await announceIdentity(platform, tx, 'identity.created', { ...row, handle: taken })
  return await getIdentity(platform, scope, row.id, tx)
}

/** Looked at before a mailbox is made; who takes it at the same moment is met by the unique key. */
async function requireFreeHandle(tx: Tx, handle: string): Promise<void> {
  if ((await idOfHandle(tx, handle)) !== null) throw handleTaken(handle)
}

function handleTaken(handle: string, cause?: unknown): Refusal {
  const facts = { blocking_namespace: 'identities' }
  return new Refusal('handle_taken', `@${handle} is taken.`, { facts, cause })
}

/** Takes the handle, or draws one until it is free. @returns the handle. @throws Refusal handle_taken. */
async function insertIdentity(
  tx: Tx,
  row: Omit<Selectable<IdentitiesTable>, 'handle' | 'version'>,
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
  throw asked === null ? new Refusal('handle_taken', 'No free handle was found.') : handleTaken(asked)
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
  if (handle === null && !isId(ref)) throw new Refusal('identity_not_found')
  const statement =
    handle === null
      ? sql<Identity>`/* prepared get_identity */ ${identitiesOf(scope)} and identities.id = ${ref}::uuid`
      : sql<Identity>`/* prepared get_identity_by_handle */ ${identitiesOf(scope)} and handle = ${handle}::text`
  const { rows } = await statement.execute(db)
  const [found] = rows
  if (!found) throw new Refusal('identity_not_found')
  return found
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
  const { rows } = await sql<Identity>`${identitiesOf(scope)}
    ${owner === null ? nothing : sql`and owner = ${owner}`}
    ${search === null ? nothing : sql`and position(${search.toLowerCase()} in handle) > 0`}
    ${page.after === null ? nothing : sql`and identities.id > ${page.after}::uuid`}
    order by identities.id limit ${page.limit + 1}`.execute(platform.db)
  return toPage(rows, page)
}

/** The newest first, without those that are deleted and can be restored. @param max how many at the most. */
export async function newestIdentities(db: Db, scope: Scope, max: number): Promise<Identity[]> {
  const { rows } = await sql<Identity>`
    ${identitiesOf(scope)} and ${stateOf} <> 'deletion_scheduled' order by identities.id desc limit ${max}`.execute(
    db,
  )
  return rows
}

export type IdentityChanges = {
  handle?: string
  /**
   * Handle and address are one name in the domain of handles: a new handle must be free there, and the address follows it
   * where it was the old one.
   */
  addressFollows?: boolean
  displayName?: string | null
  description?: string | null
  owner?: string
}

/**
 * Changes an identity. A handle that it gives up is free at once; in a domain that another workspace shares the address
 * follows it, and elsewhere if that is asked for. A key that is bound to its mailbox may change the
 * display name and the description only.
 * @param versions those that the caller may have seen (If-Match), or null to change whatever is there.
 * @throws Refusal identity_not_found, edit_conflict, handle_invalid, handle_taken, invalid_request, forbidden, and where
 * the address follows whatever keeps the mailbox from being renamed.
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
  const { displayName, description, owner } = changes
  const handle = changes.handle === undefined ? undefined : requireHandle(changes.handle)
  if (handle !== undefined || owner !== undefined) requireWorkspace(scope)
  if (owner !== undefined) await requireOwner(platform, tx, scope, owner)
  if (displayName !== undefined && mailbox !== null)
    await updateMailbox(platform, tx, scope, mailbox.id, { displayName }, null)
  if (handle !== undefined) {
    await followHandle(platform, tx, scope, identity, handle, changes.addressFollows === true)
  }
  await tx
    .updateTable('identities')
    .set({
      ...(handle === undefined ? {} : { handle }),
      ...(displayName === undefined || mailbox !== null ? {} : { display_name: displayName }),
      ...(description === undefined ? {} : { description }),
      ...(owner === undefined ? {} : { owner }),
      version: sql<number>`version + 1`,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', identity.id)
    .execute()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'identities_handle') throw error
      throw handleTaken(handle ?? '', error)
    })
  const changed = await getIdentity(platform, scope, identity.id, tx)
  await announceIdentity(platform, tx, 'identity.updated', changed)
  return changed
}

async function requireOwner(platform: Platform, tx: Tx, scope: Scope, owner: string): Promise<void> {
  if (await isPartyOf(platform, tx, scope, owner)) return
  throw new Refusal('invalid_request', 'The owner is no key or member of this workspace.', {
    fields: [{ pointer: '/owner', detail: 'must be api_key:ID or user:ID of who reaches this workspace' }],
  })
}

/**
 * Deletes an identity with its mailbox, as deleteMailbox does; with `purge`, or without a mailbox, the handle is free at
 * once.
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
  if (mailbox === null) return await removeIdentity(platform, tx, scope, identity)
  const deleted = await deleteMailbox(platform, tx, scope, mailbox.id, options)
  if (options.purge) return { ...identity, state: deleted.state }
  return await getIdentity(platform, scope, identity.id, tx)
}

async function removeIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  identity: Identity,
): Promise<Identity> {
  requireWorkspace(scope)
  await tx.deleteFrom('identities').where('id', '=', identity.id).execute()
  await announceIdentity(platform, tx, 'identity.deleted', identity)
  return { ...identity, state: 'deleted' }
}

/** Takes a deletion back, its mailbox's too. @throws Refusal identity_not_found, mailbox_state_conflict, forbidden. */
export async function restoreIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Identity> {
  const { mailbox, identity } = await lockIdentity(platform, tx, scope, ref)
  if (mailbox === null) throw new Refusal('mailbox_state_conflict', 'It is not deleted.')
  await restoreMailbox(platform, tx, scope, mailbox.id)
  return await getIdentity(platform, scope, identity.id, tx)
}

/**
 * An identity changes and ends with its mailbox's row locked, if it has one, and then its own.
 * @throws Refusal identity_not_found, mailbox_state_conflict where its mailbox changes at this moment, forbidden.
 */
export async function lockIdentity(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<{ mailbox: Mailbox | null; identity: Identity }> {
  requireWrite(scope)
  const { id, mailbox_id } = await getIdentity(platform, scope, ref, tx)
  const mailbox = mailbox_id === null ? null : await lockMailbox(tx, scope, mailbox_id)
  await tx.selectFrom('identities').select('id').where('id', '=', id).forUpdate().execute()
  const identity = await getIdentity(platform, scope, id, tx)
  if (identity.mailbox_id === mailbox_id) return { mailbox, identity }
  throw new Refusal('mailbox_state_conflict', 'The identity is getting or losing its mailbox at this moment.')
}

type Announced = Pick<
  Selectable<IdentitiesTable>,
  'id' | 'organization_id' | 'workspace_id' | 'handle' | 'mailbox_id'
>

/** @param mailboxId who watches this mailbox hears of it: its own, or the one that it loses. */
export async function announceIdentity(
  platform: Platform,
  tx: Tx,
  type: 'identity.created' | 'identity.updated' | 'identity.deleted',
  identity: Announced,
  mailboxId: string | null = identity.mailbox_id,
): Promise<void> {
  const { id, handle, mailbox_id, organization_id, workspace_id } = identity
  await appendEvents(platform, tx, [
    {
      type,
      organizationId: organization_id,
      workspaceId: workspace_id,
      mailboxId,
      data: { identity_id: id, handle, mailbox_id },
    },
  ])
}

const stateOf = sql<MailboxState>`coalesce(state, 'active')`
const nothing = sql``

/** Those that the scope reaches; further conditions are added with `and`. What is shown is of both, and either may change. */
function identitiesOf({ workspaceId, mailboxId }: Scope): RawBuilder<Identity> {
  return sql<Identity>`
    select identities.id, identities.organization_id, identities.workspace_id, handle, description, owner, mailbox_id,
      mailbox_is_implicit, identities.created_at, address, purge_at, ${stateOf} as state,
      case when mailbox_id is null then identities.display_name else mailboxes.display_name end as display_name,
      identities.version + coalesce(mailboxes.version, 1) - 1 as version,
      greatest(identities.updated_at, mailboxes.updated_at) as updated_at
    from identities left join mailboxes on mailboxes.id = mailbox_id
    where identities.workspace_id = ${workspaceId}::uuid and ${stateOf} <> 'deleted'
      and (${mailboxId}::uuid is null or mailbox_id = ${mailboxId}::uuid)`
}
