/** The end of an agent that nobody claimed: its human rejected it, or its days are over. Nothing of it is kept. */
import { revokeMailboxKeys } from '../../accounts/api-keys.ts'
import type { Principal } from '../../accounts/principals.ts'
import { endWorkspace } from '../../accounts/workspaces.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { deleteMailbox, lockMailbox } from '../mailboxes.ts'
import { type AgentSignup, lockOpen, pendingSignup } from './claim.ts'

/** @throws Refusal agent_signup_not_found. */
export async function rejectSignup(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  identityId: string,
): Promise<void> {
  await endSignup(platform, tx, await pendingSignup(platform, tx, principal, identityId), 'rejected')
}

async function endSignup(
  platform: Platform,
  tx: Tx,
  signup: AgentSignup,
  reason: 'rejected' | 'expired',
): Promise<void> {
  const { identity_id, mailbox_id, organization_id: organizationId, workspace_id: workspaceId } = signup
  const actor = `api_key:${signup.api_key_id}`
  const scope = { organizationId, workspaceId, mailboxId: null, access: 'write', actor } as const
  await lockMailbox(tx, scope, mailbox_id) // first, as whoever sends from it does
  await lockOpen(tx, identity_id)
  await deleteMailbox(platform, tx, scope, mailbox_id, { purge: true })
  await revokeMailboxKeys(platform, tx, mailbox_id)
  await tx.deleteFrom('agent_signups').where('identity_id', '=', identity_id).execute()
  await appendEvents(platform, tx, [
    {
      type: 'agent_signup.ended',
      organizationId,
      workspaceId,
      mailboxId: mailbox_id,
      data: { identity_id, mailbox_id, reason },
    },
  ])
  await endWorkspace(platform, tx, { id: workspaceId, organization_id: organizationId })
}

const endsPerBatch = 100
const networkHours = 24

/** Removes agents that nobody claimed in their days. @returns how many there were. */
export async function expireSignups(platform: Platform): Promise<number> {
  const now = platform.clock.now()
  await platform.db
    .updateTable('agent_signups')
    .set({ network: null })
    .where('network', 'is not', null)
    .where('created_at', '<', new Date(now.getTime() - networkHours * 3600_000))
    .execute()
  const due = await platform.db
    .selectFrom('agent_signups')
    .selectAll()
    .where('claimed_at', 'is', null)
    .where('ends_at', '<=', now)
    .orderBy('ends_at')
    .limit(endsPerBatch)
    .execute()
  for (const signup of due) {
    await transaction(platform.db, (tx) => endSignup(platform, tx, signup, 'expired')).catch(ignoreGone)
  }
  return due.length
}

/** It was claimed or rejected in this moment. */
function ignoreGone(error: unknown): void {
  const isGone =
    error instanceof Refusal &&
    (error.code === 'agent_signup_not_found' || error.code === 'mailbox_not_found')
  if (!isGone) throw error
}
