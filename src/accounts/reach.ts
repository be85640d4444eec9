/** What a caller reaches when it asks for no workspace in particular: all of its organization's, or those it is bound to. */
import { type RawBuilder, sql } from 'kysely'
import { type Principal, workspacesOf } from './principals.ts'

export type Reach = {
  organizationId: string
  /** Null: every workspace of the organization. */
  workspaceIds: readonly string[] | null
  /** Set: this mailbox only. */
  mailboxId: string | null
}

/**
 * @param workspaceId only this one; one that is foreign or unknown leaves nothing.
 */
export function reachOf(principal: Principal, workspaceId: string | null = null): Reach {
  const { organizationId, mailboxId } = principal
  const all = workspacesOf(principal)
  const wanted = workspaceId?.toLowerCase() ?? null
  const workspaceIds = wanted === null ? all : all === null || all.includes(wanted) ? [wanted] : []
  return { organizationId, workspaceIds, mailboxId }
}

/** The ids of the living workspaces within reach, as a query. */
export function workspacesWithin({ organizationId, workspaceIds }: Reach): RawBuilder<unknown> {
  const bound = workspaceIds === null ? sql`` : sql`and id = any(${workspaceIds}::uuid[])`
  return sql`select id from workspaces where organization_id = ${organizationId}::uuid and deleted_at is null ${bound}`
}
