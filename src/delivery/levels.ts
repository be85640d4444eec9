/** The levels that policies and pauses are about, found for a caller: a mailbox, a domain or a workspace. */
import { type Principal, requireWorkspace, type Scope } from '../accounts/principals.ts'
import { getWorkspace } from '../accounts/workspaces.ts'
import { getDomain } from '../domains/domains.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import type { PolicyLevel, PolicySubject } from './policies.ts'

/** Who asks. */
export type LevelCaller = { principal: Principal; scope: Scope }

/** What is asked about: `ref` is the id, or a mailbox's address or a domain's name. */
export type LevelRef = { scope: PolicyLevel['scope']; ref: string }

/** A level with the domain that it is in or is; null for a workspace. */
export type SenderLevel = PolicyLevel & { domainId: string | null }

/**
 * @param db the transaction, inside one.
 * @throws Refusal mailbox_not_found, domain_not_found, workspace_not_found; forbidden for a key that is bound to a mailbox
 *   and asks for a domain or a workspace.
 */
export async function findLevel(
  platform: Platform,
  { principal, scope }: LevelCaller,
  wanted: LevelRef,
  db: Db = platform.db,
): Promise<SenderLevel> {
  const { organizationId } = scope
  switch (wanted.scope) {
    case 'mailbox': {
      const mailbox = await getMailbox(platform, scope, wanted.ref, db)
      const { workspace_id: workspaceId, domain_id: domainId } = mailbox
      return { organizationId, workspaceId, domainId, scope: 'mailbox', scopeId: mailbox.id }
    }
    case 'domain': {
      const domain = await getDomain(platform, scope, wanted.ref, db)
      const { workspace_id: workspaceId, id: domainId } = domain
      return { organizationId, workspaceId, domainId, scope: 'domain', scopeId: domainId }
    }
    case 'workspace': {
      requireWorkspace(principal) // what all its mailboxes send is not for who is bound to one
      const { id: workspaceId } = await getWorkspace(platform, principal, wanted.ref, db)
      return { organizationId, workspaceId, domainId: null, scope: 'workspace', scopeId: workspaceId }
    }
  }
}

/** Whose policy holds at a level. */
export function subjectOf({ scope, scopeId, domainId, workspaceId }: SenderLevel): PolicySubject {
  return { workspaceId, domainId, mailboxId: scope === 'mailbox' ? scopeId : null }
}
