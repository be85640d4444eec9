/**
 * Renaming: a mailbox gets another address, in its domain or in another of the workspace. It stays the same mailbox,
 * with all that it holds; the old address stays its alias for the days that the workspace or the caller says.
 */

import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Domain } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { announceAddresses, type ExtraAddress, lockAddressDomain, requireAddress } from './address-rows.ts'
import { requireRoomForAlias } from './aliases.ts'
import { addActivation } from './domain-activation.ts'
import { engineOf, tellEngines } from './engines.ts'
import { type Followers, followRename } from './follow-rename.ts'
import { lockMailbox, subject } from './mailboxes.ts'
import { requireRecoveryElsewhere } from './recovery.ts'
import { mailboxRoom } from './room.ts'
import { searchTextOf } from './search-text.ts'
import type { Mailbox } from './tables.ts'
import { mailboxSettingsOf } from './workspace-settings.ts'

export type Rename = {
  address: string
  /** Days that the old address stays as an alias. Null: for ever; 0: not at all; left out: as the workspace says. */
  aliasDays?: number | null
  /** The shared domain, where the address is an identity's handle in it (follow-handle.ts). */
  sharedDomain?: Domain | null
}

/** `alias`: what became of the old address; null when it went at once, or nothing was renamed. */
export type Renamed = { mailbox: Mailbox; alias: ExtraAddress | null; followers: Followers }

/**
 * Gives a mailbox another address. To the one that it has, nothing is done. An alias of its own may become its address.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict (it is deleted, or has no address), address_invalid,
 * address_taken, address_limit_reached, mailbox_limit_reached, domain_not_found, domain_not_usable, service_unavailable,
 * mailbox_details_invalid (it is where its recovery address leads), service_cannot, forbidden.
 */
export async function renameMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { address: text, aliasDays, sharedDomain = null }: Rename,
): Promise<Renamed> {
  requireWorkspace(scope)
  const before = await lockMailbox(tx, scope, ref)
  const { address, domain: name } = requireAddress(text)
  if (address === before.address) {
    return { mailbox: before, alias: null, followers: { addresses: [], mailboxes: [] } }
  }
  if (before.state === 'deletion_scheduled') {
    throw new Refusal('mailbox_state_conflict', 'It is deleted: restore it first.')
  }
  if (before.state === 'failed') await requireOwnAddress(tx, before)
  requireRenamingService(platform, before)
  const domain = sharedDomain?.name === name ? sharedDomain : await lockAddressDomain(tx, scope, name)
  requireFitting(before, domain)
  if (domain.id !== before.domain_id) {
    const refusal = (await mailboxRoom(platform, tx, scope, [domain.id]))?.takeOver(domain, before)
    if (refusal) throw refusal
  }
  const days =
    aliasDays === undefined ? (await mailboxSettingsOf(tx, before.workspace_id)).rename_alias_days : aliasDays
  await takeAddress(platform, tx, before, domain, address)
  const alias = await leaveAddress(platform, tx, before, address, days)
  await requireRecoveryElsewhere(tx, before)
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({
      address,
      domain_id: domain.id,
      search_text: searchTextOf({ ...before, address }),
      version: before.version + 1,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await moveRequest(tx, mailbox)
  await tell(platform, tx, before, mailbox, alias)
  // One that waited for its old domain would wait for ever for a domain that is active already.
  if (mailbox.state === 'waiting_domain' && mailboxesOn(domain.state) === 'served') {
    await addActivation(tx, domain.id)
  }
  return { mailbox, alias, followers: await followRename(platform, tx, mailbox, before.address) }
}

/** A request that failed has let the address go: there is none to change, and taking it up again asks for the same. */
async function requireOwnAddress(tx: Tx, mailbox: Mailbox): Promise<void> {
  const own = await tx
    .selectFrom('addresses')
    .select('address')
    .where('address', '=', mailbox.address)
    .where('mailbox_id', '=', mailbox.id)
    .where('kind', '=', 'mailbox')
    .executeTakeFirst()
  if (!own) throw new Refusal('mailbox_state_conflict', 'It has failed, and its address is free.')
}

function requireRenamingService(platform: Platform, { service }: Mailbox): void {
  const engine = engineOf(platform, service)
  if (!engine)
    throw new Refusal('service_unavailable', `The service "${service}" is not set up on this platform.`)
  if (!engine.capabilities.rename) {
    throw new Refusal('service_cannot', `The service "${service}" cannot rename a mailbox by its interface.`)
  }
}

/** A mailbox in use stays in use: it does not move to a domain that is not active yet. */
function requireFitting({ domain_id: from, state }: Mailbox, domain: Domain): void {
  if (domain.id === from || mailboxesOn(domain.state) === 'served') return
  if (state === 'active' || state === 'suspended' || state === 'provisioning') {
    throw new Refusal('domain_not_usable', `${domain.name} is ${domain.state}, and the mailbox is ${state}.`)
  }
}

/** Makes the new address the mailbox's own, whether it was free or an alias of the mailbox. */
async function takeAddress(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  domain: Domain,
  address: string,
): Promise<void> {
  const former = await tx
    .deleteFrom('addresses')
    .where('address', '=', address)
    .where('kind', '=', 'alias')
    .where('mailbox_id', '=', mailbox.id)
    .returningAll()
    .executeTakeFirst()
  if (former) {
    const gone = { organizationId: mailbox.organization_id, row: former }
    await announceAddresses(platform, tx, 'address.deleted', [gone])
  }
  const taken = await tx
    .insertInto('addresses')
    .values({
      address,
      kind: 'mailbox',
      workspace_id: mailbox.workspace_id,
      domain_id: domain.id,
      mailbox_id: mailbox.id,
      created_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('address')
    .executeTakeFirst()
  if (!taken) throw new Refusal('address_taken', `${address} is already in use.`)
}

const dayMs = 24 * 3600 * 1000

/** Makes an alias of the old address, or frees it. */
async function leaveAddress(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  renamedTo: string,
  days: number | null,
): Promise<ExtraAddress | null> {
  if (days === 0) {
    await tx.deleteFrom('addresses').where('address', '=', mailbox.address).execute()
    return null
  }
  await requireRoomForAlias(tx, mailbox.id)
  const now = platform.clock.now()
  const row = await tx
    .updateTable('addresses')
    .set({
      kind: 'alias',
      description: `The address of the mailbox until it was renamed to ${renamedTo} on ${now.toISOString().slice(0, 10)}.`,
      enabled: true,
      expires_at: days === null ? null : new Date(now.getTime() + days * dayMs),
      created_at: now,
    })
    .where(sql<boolean>`address = ${mailbox.address} and mailbox_id = ${mailbox.id}::uuid`)
    .returningAll()
    .executeTakeFirstOrThrow()
  await announceAddresses(platform, tx, 'address.created', [{ organizationId: mailbox.organization_id, row }])
  return row
}

/** Whoever fulfils its request makes it under the new address. */
async function moveRequest(tx: Tx, { id, address, domain_id, updated_at }: Mailbox): Promise<void> {
  await tx
    .updateTable('mailbox_requests')
    .set({ address, domain_id, updated_at })
    .where('mailbox_id', '=', id)
    .execute()
}

async function tell(
  platform: Platform,
  tx: Tx,
  { address: from }: Mailbox,
  mailbox: Mailbox,
  alias: ExtraAddress | null,
): Promise<void> {
  const until = alias === null ? platform.clock.now() : alias.expires_at
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.renamed',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, from, to: mailbox.address, alias_until: until?.toISOString() ?? null },
    },
  ])
  await tellEngines(platform, tx, [mailbox], 'address')
  await tellEngines(platform, tx, [mailbox], 'aliases')
}
