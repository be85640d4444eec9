/**
 * Handles and local parts as one namespace, for whoever wants an agent's handle to be its address too: nobody else then
 * gets mail at a name that is an agent's handle, in the domain of handles.
 */
import { sql } from 'kysely'
import type { HandleDomain } from '../domains/handle-domain.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'

export type NameOwner = { identityId: string | null; mailboxId: string | null }

export const nobody: NameOwner = { identityId: null, mailboxId: null }

/**
 * @param domain that of handles, if there is one.
 * @param owner whose name it is to be: what it has already does not stand in its way.
 * @throws Refusal handle_taken; its fact `blocking_namespace` says by what: `identities` or `mail`.
 */
export async function requireFreeName(
  tx: Tx,
  domain: HandleDomain | null,
  name: string,
  owner: NameOwner,
): Promise<void> {
  const address = domain === null ? null : `${name}@${domain.name}`
  const { rows } = await sql<{ identity_id: string | null; is_address: boolean; mailbox_id: string | null }>`
    /* prepared owners_of_name */
    select (select id from identities where handle = ${name.toLowerCase()}::text) as identity_id,
      count(address) > 0 as is_address, (array_agg(mailbox_id))[1] as mailbox_id
    from addresses where address = ${address}::text`.execute(tx)
  const [has] = rows
  if (has === undefined) throw new Error('an aggregate has a row')
  if (has.identity_id !== null && has.identity_id !== owner.identityId) throw taken(name, 'identities')
  if (has.is_address && (owner.mailboxId === null || has.mailbox_id !== owner.mailboxId)) {
    throw taken(name, 'mail')
  }
}

/**
 * The same, and then makes the address. Who takes it at the same moment is met by its unique key, and by then it can be
 * said what stands in the way.
 * @throws Refusal handle_taken, and whatever `work` refuses with.
 */
export async function takeName<T>(
  tx: Tx,
  domain: HandleDomain | null,
  name: string,
  owner: NameOwner,
  work: () => Promise<T>,
): Promise<T> {
  await requireFreeName(tx, domain, name, owner)
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal && error.code === 'address_taken') {
      await requireFreeName(tx, domain, name, owner)
    }
    throw error
  }
}

/** Whether a name is the handle of an identity, and not of this owner. */
export async function isHandleOfOther(tx: Tx, name: string, { identityId }: NameOwner): Promise<boolean> {
  const found = await idOfHandle(tx, name.toLowerCase())
  return found !== null && found !== identityId
}

/** @returns the identity's id; null: the handle is free. */
export async function idOfHandle(tx: Tx, handle: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`/* prepared id_of_handle */
    select id from identities where handle = ${handle}::text`.execute(tx)
  return rows[0]?.id ?? null
}

function taken(name: string, namespace: 'identities' | 'mail'): Refusal {
  return new Refusal('handle_taken', `@${name} is taken.`, { facts: { blocking_namespace: namespace } })
}
