/** A handle that changes, and the address that was it: in the domain of handles both are one name. */
import type { Scope } from '../accounts/principals.ts'
import { type HandleDomain, handleDomain } from '../domains/handle-domain.ts'
import { lockSharedDomain } from '../domains/shared-domain.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { takeName } from './handle-names.ts'
import { renameMailbox } from './rename.ts'

type Renamed = { id: string; handle: string; mailbox_id: string | null; address: string | null }

/**
 * Renames the mailbox of an identity that is about to get another handle, where its address is the old one in the domain
 * of handles. In a domain that another workspace shares that is always so: an address there is its identity's handle.
 * @param identity with the handle that it has until now.
 * @param isAsked elsewhere, too: the new handle must then be free as an address, whichever address the identity has.
 * @throws Refusal handle_taken, and whatever keeps the mailbox from being renamed.
 */
export async function followHandle(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  identity: Renamed,
  handle: string,
  isAsked: boolean,
): Promise<void> {
  if (handle === identity.handle) return
  const domain = await handleDomain(tx, scope.workspaceId)
  const followed = domain !== null && identity.address === `${identity.handle}@${domain.name}` ? domain : null
  if (!isAsked && (followed === null || isOwn(followed, scope))) return
  const owner = { identityId: identity.id, mailboxId: identity.mailbox_id }
  await takeName(tx, domain, handle, owner, async () => {
    if (followed === null || identity.mailbox_id === null) return
    const sharedDomain = isOwn(followed, scope) ? null : await lockSharedDomain(tx, followed.name)
    const address = `${handle}@${followed.name}`
    await renameMailbox(platform, tx, scope, identity.mailbox_id, { address, sharedDomain })
  })
}

function isOwn({ workspace_id: id }: HandleDomain, { workspaceId }: Scope): boolean {
  return id === workspaceId
}
