/** The mailbox of an identity comes and goes: an identity may be made without one, be given one, and be parted from it. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { announceIdentity, getIdentity, type Identity, lockIdentity } from './identities.ts'
import { type IdentityMailbox, newMailboxFor } from './identity-places.ts'
import { updateMailbox } from './mailboxes.ts'
import { renameMailbox } from './rename.ts'
import type { Mailbox } from './tables.ts'

export type GivenMailbox = {
  /** Null: in the shared domain the handle, else a random address in the workspace's oldest active domain. */
  mailbox: IdentityMailbox | null
  /** Null: the identity's. */
  displayName: string | null
}

/**
 * Gives an identity a mailbox. One that came along with it, unasked, is taken up instead, once: it gets the name, and the
 * address if one is asked for.
 * @throws Refusal identity_not_found, identity_has_mailbox, mailbox_not_found, mailbox_state_conflict, identity_exists,
 * forbidden, and whatever keeps a mailbox from being made or renamed.
 */
export async function giveMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  wanted: GivenMailbox,
): Promise<Identity> {
  requireWorkspace(scope)
  const { identity, mailbox } = await lockIdentity(platform, tx, scope, ref)
  if (mailbox !== null) {
    if (!identity.mailbox_is_implicit || isOther(mailbox, wanted.mailbox)) {
      throw new Refusal('identity_has_mailbox', `@${identity.handle} has the mailbox ${mailbox.address}.`)
    }
    return await takeUp(platform, tx, scope, { identity, mailbox }, wanted)
  }
  const displayName = wanted.displayName ?? identity.display_name
  const { handle } = identity
  const { mailbox: given } = await newMailboxFor(platform, tx, scope, {
    mailbox: wanted.mailbox,
    handle,
    displayName,
  })
  await changeMailbox(platform, tx, identity, { mailbox_id: given.id, display_name: null })
  const changed = await getIdentity(platform, scope, identity.id, tx)
  await announceIdentity(platform, tx, 'identity.updated', changed)
  return changed
}

function isOther(mailbox: Mailbox, wanted: IdentityMailbox | null): boolean {
  return wanted !== null && 'mailbox' in wanted && ![mailbox.id, mailbox.address].includes(wanted.mailbox)
}

async function takeUp(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { identity, mailbox }: { identity: Identity; mailbox: Mailbox },
  { mailbox: wanted, displayName }: GivenMailbox,
): Promise<Identity> {
  if (displayName !== null) await updateMailbox(platform, tx, scope, mailbox.id, { displayName }, null)
  const address = addressFor(mailbox, wanted)
  if (address !== null) await renameMailbox(platform, tx, scope, mailbox.id, { address })
  await changeMailbox(platform, tx, identity, {})
  const changed = await getIdentity(platform, scope, identity.id, tx)
  await announceIdentity(platform, tx, 'identity.updated', changed)
  return changed
}

/** @returns the address that a mailbox which is taken up is to have, or null where it keeps its own. */
function addressFor({ address }: Mailbox, wanted: IdentityMailbox | null): string | null {
  if (wanted === null || 'mailbox' in wanted) return null
  if ('address' in wanted) return wanted.address
  const at = address.lastIndexOf('@')
  return address.slice(at + 1) === wanted.domain.toLowerCase()
    ? null
    : address.slice(0, at + 1) + wanted.domain
}

/**
 * Parts an identity from its mailbox; both stay, each by itself. Its name stays with both.
 * @returns the mailbox.
 * @throws Refusal identity_not_found, mailbox_not_found where it has none, mailbox_state_conflict, forbidden.
 */
export async function partMailbox(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  requireWorkspace(scope)
  const { identity, mailbox } = await lockIdentity(platform, tx, scope, ref)
  if (mailbox === null) throw new Refusal('mailbox_not_found', `@${identity.handle} has no mailbox.`)
  if (mailbox.state === 'deletion_scheduled') {
    throw new Refusal('mailbox_state_conflict', 'It is deleted, with its mailbox.')
  }
  await changeMailbox(platform, tx, identity, { mailbox_id: null, display_name: mailbox.display_name })
  const changed = await getIdentity(platform, scope, identity.id, tx)
  await announceIdentity(platform, tx, 'identity.updated', changed, mailbox.id)
  return mailbox
}

/** The version that is shown, which counts its mailbox's too, rises whichever mailbox comes or goes. */
async function changeMailbox(
  platform: Platform,
  tx: Tx,
  { id, version }: Identity,
  change: { mailbox_id?: string | null; display_name?: string | null },
): Promise<void> {
  await tx
    .updateTable('identities')
    .set({
      ...change,
      mailbox_is_implicit: false,
      version: sql<number>`greatest(version, ${version}::integer) + 1`,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', id)
    .execute()
}

/** @returns the id of the identity of each mailbox that has one. */
export async function identityIdsOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (mailboxIds.length === 0) return new Map()
  const { rows } = await sql<{ id: string; mailbox_id: string }>`/* prepared identities_of_mailboxes */
    select id, mailbox_id from identities where mailbox_id = any(${uuidArray(mailboxIds)})`.execute(db)
  return new Map(rows.map(({ id, mailbox_id }) => [mailbox_id, id]))
}
