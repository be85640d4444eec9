/** The lists of the mailboxes of identities, as one list over a workspace: for faces that know identities only. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import type { SenderListEntry } from './sender-list-changes.ts'
import type { SenderListDirection, SenderListKind } from './tables.ts'

export type AgentEntry = SenderListEntry & {
  /** Null: the mailbox has no identity. */
  identity_id: string | null
}

export type AgentEntryFilter = {
  kind: SenderListKind | null
  direction: SenderListDirection | null
  /** Of one address, or of a domain and nobody below it; null: both. Patterns of all below a domain are never in it. */
  of: 'address' | 'domain' | null
  mailboxId: string | null
  identityId: string | null
}

/** By number: a page of a list whose length callers bound themselves. */
export type Slice = { limit: number; offset: number }

/** Those of a mailbox, newest first. The caller has seen to it that the scope sees the mailbox. */
export async function entriesOfMailbox(
  platform: Platform,
  { workspaceId }: Pick<Scope, 'workspaceId'>,
  filter: AgentEntryFilter & { mailboxId: string },
  slice: Slice,
): Promise<AgentEntry[]> {
  return await select(platform.db, workspaceId, filter, slice)
}

/** Those of all mailboxes of the workspace that have an identity, newest first. @throws Refusal forbidden. */
export async function entriesOfAgents(
  platform: Platform,
  scope: Scope,
  filter: AgentEntryFilter,
  slice: Slice,
): Promise<AgentEntry[]> {
  requireWorkspace(scope)
  return await select(platform.db, scope.workspaceId, filter, slice)
}

async function select(
  db: Db,
  workspaceId: string,
  { kind, direction, of, mailboxId, identityId }: AgentEntryFilter,
  { limit, offset }: Slice,
): Promise<AgentEntry[]> {
  const isShown =
    of === 'domain'
      ? sql`listed.pattern like '@%'`
      : of === 'address'
        ? sql`listed.pattern not like '@%' and listed.pattern not like '.%'`
        : sql`listed.pattern not like '.%'`
  const { rows } = await sql<AgentEntry>`
    select listed.*, identities.id as identity_id
    from sender_lists as listed
      join mailboxes on mailboxes.id = listed.scope_id and mailboxes.state not in ('deletion_scheduled', 'deleted')
      left join identities on identities.mailbox_id = mailboxes.id
    where listed.workspace_id = ${workspaceId}::uuid and listed.scope = 'mailbox' and ${isShown}
      and (${mailboxId}::uuid is null or listed.scope_id = ${mailboxId}::uuid)
      and (${mailboxId}::uuid is not null or identities.id is not null)
      and (${identityId}::uuid is null or identities.id = ${identityId}::uuid)
      and (${kind}::text is null or listed.kind = ${kind})
      and (${direction}::text is null or listed.direction = ${direction})
    order by listed.id desc limit ${limit} offset ${offset}`.execute(db)
  return rows
}
