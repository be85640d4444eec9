/** The audit log, read: what was changed in a workspace or the organization, and by whom. */
import { type Selectable, sql } from 'kysely'
import type { AuditLogTable } from '../platform/audit-schema.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import {
  managesOrganization,
  type Principal,
  requireOrganization,
  requireWorkspace,
  type Scope,
  workspacesOf,
} from './principals.ts'

export type AuditEntry = Selectable<AuditLogTable>

export type AuditFilter = {
  /** As a Scope has it: `user:ID`, `api_key:ID` or `app_password:ID`. */
  actor: string | null
  /** An event's type, or its beginning with a dot: `mailbox.`. */
  action: string | null
  /** The id of a mailbox, also of one that is gone. */
  mailboxId: string | null
  since: Date | null
  until: Date | null
}

/** Entries of the workspace, newest first. @throws Refusal forbidden for a key that is bound to one mailbox. */
export async function listAuditLog(
  { db }: Platform,
  scope: Scope,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<AuditEntry>> {
  requireWorkspace(scope)
  return await pageOf(db, filter, page, ofWorkspace(scope))
}

/**
 * Entries of the organization that are no workspace's: keys, workspaces, people. Newest first.
 * @throws Refusal forbidden for a key that does not reach all of it.
 */
export async function listOrganizationAuditLog(
  { db }: Platform,
  principal: Principal,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<AuditEntry>> {
  requireOrganization(principal)
  return await pageOf(db, filter, page, ofOrganization(principal))
}

type Condition = ReturnType<typeof sql<boolean>>

function ofWorkspace({ workspaceId, organizationId }: Scope): Condition {
  return sql`(workspace_id = ${workspaceId}::uuid and organization_id = ${organizationId}::uuid)`
}

function ofOrganization({ organizationId }: Principal): Condition {
  return sql`(workspace_id is null and organization_id = ${organizationId}::uuid)`
}

async function pageOf(
  db: Db,
  { actor, action, mailboxId, since, until }: AuditFilter,
  page: PageRequest,
  isTheirs: Condition,
): Promise<Page<AuditEntry>> {
  const rows = await db
    .selectFrom('audit_log')
    .selectAll()
    .where(isTheirs)
    .$if(actor !== null, (query) => query.where('actor', '=', actor ?? ''))
    .$if(action !== null, (query) =>
      action?.endsWith('.') === true
        ? query.where(sql<boolean>`starts_with(action, ${action})`)
        : query.where('action', '=', action ?? ''),
    )
    .$if(mailboxId !== null, (query) => query.where('mailbox_id', '=', mailboxId))
    .$if(since !== null, (query) => query.where('created_at', '>=', since ?? new Date(0)))
    .$if(until !== null, (query) => query.where('created_at', '<', until ?? new Date(0)))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id < ${page.after}::uuid`))
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/**
 * One entry of the workspace or, for who reaches all of it, of the organization.
 * @throws Refusal audit_entry_not_found, forbidden for a key that is bound to one mailbox.
 */
export async function getAuditEntry(
  db: Db,
  { principal, scope }: { principal: Principal; scope: Scope },
  id: string,
): Promise<AuditEntry> {
  requireWorkspace(scope)
  const reachesAll = workspacesOf(principal) === null && managesOrganization(principal)
  const isTheirs = reachesAll
    ? sql<boolean>`(${ofWorkspace(scope)} or ${ofOrganization(principal)})`
    : ofWorkspace(scope)
  const row = isId(id)
    ? await db.selectFrom('audit_log').selectAll().where('id', '=', id).where(isTheirs).executeTakeFirst()
    : undefined
  if (!row) throw new Refusal('audit_entry_not_found')
  return row
}
