/**
 * Handles and local parts as one namespace, for whoever wants an agent's handle to be its address too: nobody else then
 * gets mail at a name that is an agent's handle, in the domain of handles.
 */
import { handleDomain } from '../domains/handle-domain.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'

export type NameOwner = { identityId: string | null; mailboxId: string | null }

export const nobody: NameOwner = { identityId: null, mailboxId: null }

/**
 * @param owner whose name it is to be: what it has already does not stand in its way.
 * @throws Refusal handle_taken; its fact `blocking_namespace` says by what: `identities` or `mail`.
 */
export async function requireFreeName(
  tx: Tx,
  workspaceId: string,
  name: string,
  owner: NameOwner,
): Promise<void> {
  if (await isHandleOfOther(tx, name, owner)) throw taken(name, 'identities')
  const domain = await handleDomain(tx, workspaceId)
  if (domain === null) return
  const address = await tx
    .selectFrom('addresses')
    .select('mailbox_id')
    .where('address', '=', `${name}@${domain.name}`)
    .executeTakeFirst()
  if (address && (owner.mailboxId === null || address.mailbox_id !== owner.mailboxId)) {
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
  workspaceId: string,
  name: string,
  owner: NameOwner,
  work: () => Promise<T>,
): Promise<T> {
  await requireFreeName(tx, workspaceId, name, owner)
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal && error.code === 'address_taken') {
      await requireFreeName(tx, workspaceId, name, owner)
    }
    throw error
  }
}

/** Whether a name is the handle of an identity, and not of this owner. */
export async function isHandleOfOther(tx: Tx, name: string, { identityId }: NameOwner): Promise<boolean> {
  const found = await tx
    .selectFrom('identities')
    .select('id')
    .where('handle', '=', name.toLowerCase())
    .executeTakeFirst()
  return found !== undefined && found.id !== identityId
}

function taken(name: string, namespace: 'identities' | 'mail'): Refusal {
  return new Refusal('handle_taken', `@${name} is taken.`, { facts: { blocking_namespace: namespace } })
}
