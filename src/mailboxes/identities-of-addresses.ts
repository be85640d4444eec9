/** Which identities addresses are of, for many addresses at once. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'

export type AddressIdentity = { id: string; handle: string; displayName: string | null }

/** By address, in lower case, of those that lead to a mailbox of the workspace that has one; aliases too. */
export async function identitiesOfAddresses(
  db: Db,
  workspaceId: string,
  addresses: readonly string[],
): Promise<Map<string, AddressIdentity>> {
  const wanted = [...new Set(addresses.map((address) => address.toLowerCase()))]
  if (wanted.length === 0) return new Map()
  const rows = await db
    .selectFrom('addresses')
    .innerJoin('identities', 'identities.mailbox_id', 'addresses.mailbox_id')
    .innerJoin('mailboxes', 'mailboxes.id', 'addresses.mailbox_id')
    .select(['identities.id', 'handle', 'mailboxes.display_name', 'addresses.address'])
    .where('identities.workspace_id', '=', workspaceId)
    .where('mailboxes.state', 'not in', ['deleted', 'deletion_scheduled'])
    .where(sql<boolean>`addresses.address = any(${wanted}::text[])`)
    .execute()
  return new Map(
    rows.map(({ id, handle, display_name: displayName, address }) => [address, { id, handle, displayName }]),
  )
}
