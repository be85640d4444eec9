/** Changing a mail policy: who may, and what follows from it. */
import type { Principal, Scope } from '../accounts/principals.ts'
import { requireWorkspace, requireWrite } from '../accounts/principals.ts'
import { getWorkspace } from '../accounts/workspaces.ts'
import { lockMailbox, subject } from '../mailboxes/mailboxes.ts'
import type { Tx } from '../platform/database.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import {
  type MailPolicy,
  type PolicySettings,
  putSettings,
  readPolicy,
  workspacePolicyOf,
} from './policies.ts'
import { replanStatement } from './retention.ts'

/** What a level says itself, and what holds there. */
export type PolicyReport = { settings: PolicySettings; effective: MailPolicy }

/**
 * Replaces what a mailbox says. A key that is bound to the mailbox may not.
 * @param ref the mailbox's id or address.
 * @throws Refusal mailbox_not_found, forbidden.
 */
export async function putMailboxPolicy(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  settings: PolicySettings,
): Promise<PolicyReport> {
  requireWorkspace(scope)
  const owner = subject(await lockMailbox(tx, scope, ref))
  await putSettings(platform, tx, owner, settings)
  await replanStatement([owner.mailboxId]).execute(tx)
  return { settings, effective: await readPolicy(platform, owner, tx) }
}

/**
 * Replaces what a workspace says for its mailboxes.
 * @throws Refusal workspace_not_found, forbidden.
 */
export async function putWorkspacePolicy(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  settings: PolicySettings,
): Promise<PolicyReport> {
  requireWrite(principal)
  requireWorkspace(principal)
  const workspace = await getWorkspace(platform, principal, id, tx)
  const level = {
    organizationId: workspace.organization_id,
    workspaceId: workspace.id,
    mailboxId: null,
  }
  await putSettings(platform, tx, level, settings)
  const payload = { workspace_id: workspace.id }
  await addJob(tx, 'retention.replan', payload, { key: `retention.replan:${workspace.id}` })
  return { settings, effective: await workspacePolicyOf(platform, workspace.id, tx) }
}
