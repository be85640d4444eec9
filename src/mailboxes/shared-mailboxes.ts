/** Mailboxes in the domain that the operator shares: each is an identity's, and its local part is the handle. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import type { Domain } from '../domains/domains.ts'
import { parseDomainName } from '../domains/names.ts'
import { lockSharedDomain } from '../domains/shared-domain.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { drawsMax, randomName } from './new-address.ts'
import type { NewMailbox } from './new-mailbox.ts'
import { provisionMailbox } from './provision.ts'
import type { Mailbox } from './tables.ts'

/** A mailbox of our own of which nothing else is asked. */
export function plainMailbox(address: NewMailbox['address'], displayName: string | null): NewMailbox {
  const people = { displayName, firstName: null, lastName: null }
  return { address, ...people, password: null, tags: [], service: 'local' }
}

type SharedPlace = {
  place: { address: string } | { domain: string }
  shared: Domain
  handle: string
  displayName: string | null
}

/**
 * In the domain that all workspaces share, an identity's address is its handle: both are one namespace.
 * @throws Refusal invalid_request for another address, handle_taken, and whatever keeps a mailbox from being made.
 */
export async function sharedMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { place, shared, handle, displayName }: SharedPlace,
): Promise<Mailbox> {
  const address = `${handle}@${shared.name}`
  if ('address' in place && place.address.toLowerCase() !== address) {
    throw new Refusal('invalid_request', `In ${shared.name} the local part of the address is the handle.`, {
      fields: [{ pointer: '/address', detail: `must be ${address}` }],
    })
  }
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId) // no domain of its own keeps it from being removed
  const wanted = plainMailbox(address, displayName)
  return await provisionMailbox(platform, tx, scope, wanted, { sharedDomain: shared }).catch(
    (error: unknown) => {
      if (!(error instanceof Refusal && error.code === 'address_taken')) throw error
      throw new Refusal('handle_taken', `${address} is taken.`, {
        facts: { blocking_namespace: 'mail' },
        cause: error,
      })
    },
  )
}

/** The shared domain when the place is in it, and it is another workspace's: who has it makes what it likes there. */
export async function sharedDomainOf(
  tx: Tx,
  scope: Scope,
  place: { address: string } | { domain: string },
): Promise<Domain | null> {
  const text = 'address' in place ? place.address.slice(place.address.lastIndexOf('@') + 1) : place.domain
  const name = parseDomainName(text)
  const shared = name === null ? null : await lockSharedDomain(tx, name)
  return shared === null || shared.workspace_id === scope.workspaceId ? null : shared
}

/** A random handle that neither an identity nor an address of the domain has. @throws Refusal handle_taken. */
export async function drawFreeHandle(
  tx: Tx,
  { name }: Domain,
  draw: () => string = randomName,
): Promise<string> {
  for (let draws = 0; draws < drawsMax; draws++) {
    const handle = draw()
    const { rows } = await sql<{ taken: boolean }>`select (
        exists (select from identities where handle = ${handle})
        or exists (select from addresses where address = ${`${handle}@${name}`})
      ) as taken`.execute(tx)
    if (rows[0]?.taken === false) return handle
  }
  throw new Refusal('handle_taken', 'No free handle was found.')
}
