/** Sender lists as people keep them: listed, added to, removed from; and whether a mailbox hears its allow list only. */
import { type Selectable, sql } from 'kysely'
import { type Principal, requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { getDomain } from '../../domains/domains.ts'
import { getMailbox, lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { canonicalPattern } from './sender-patterns.ts'
import type { SenderListKind, SenderListMode, SenderListScope, SenderListsTable } from './tables.ts'

/** Of one mailbox, domain or workspace. */
export const senderListEntriesMax = 10_000
/** Added in one call. */
export const senderListBatchMax = 1_000

export type SenderListEntry = Selectable<SenderListsTable>
export type NewEntry = { kind: SenderListKind; pattern: string }

/** Whose list. */
export type SenderListLevel = {
  organizationId: string
  workspaceId: string
  scope: SenderListScope
  scopeId: string
}

/** @param ref the mailbox's id or address. @throws Refusal mailbox_not_found. */
export async function mailboxLevel(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<SenderListLevel> {
  const { organizationId, workspaceId, mailboxId } = subject(await getMailbox(platform, scope, ref, db))
  return { organizationId, workspaceId, scope: 'mailbox', scopeId: mailboxId }
}

/** @param ref the domain's id or name. @throws Refusal domain_not_found, forbidden. */
export async function domainLevel(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<SenderListLevel> {
  const domain = await getDomain(platform, scope, ref, db)
  const { organizationId, workspaceId } = scope
  return { organizationId, workspaceId, scope: 'domain', scopeId: domain.id }
}

/** @throws Refusal workspace_not_found, forbidden. */
export async function workspaceLevel(
  platform: Platform,
  principal: Principal,
  id: string,
  db: Db = platform.db,
): Promise<SenderListLevel> {
  requireWorkspace(principal)
  const workspace = await getWorkspace(platform, principal, id, db)
  const { organization_id: organizationId } = workspace
  return { organizationId, workspaceId: workspace.id, scope: 'workspace', scopeId: workspace.id }
}

/** Entries, oldest first. */
export async function listSenders(
  platform: Platform,
  { scopeId }: SenderListLevel,
  page: PageRequest,
): Promise<Page<SenderListEntry>> {
  const rows = await platform.db
    .selectFrom('sender_lists')
    .selectAll()
    .where('scope_id', '=', scopeId)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/**
 * Adds entries. One whose pattern is there already changes its kind and keeps its place. A key that is bound to a mailbox
 * may not: the list may be what keeps others from that key's owner.
 * @returns the entries as they are now, in the order of their ids.
 * @throws Refusal invalid_request, sender_list_limit_reached, forbidden.
 */
export async function addSenders(
  platform: Platform,
  tx: Tx,
  writer: Scope | Principal,
  level: SenderListLevel,
  entries: readonly NewEntry[],
): Promise<SenderListEntry[]> {
  requireWrite(writer)
  requireWorkspace(writer)
  const wanted = canonicalEntries(entries)
  await lockLevel(tx, level)
  const { rows } = await sql<SenderListEntry>`
    insert into sender_lists as listed (id, scope, scope_id, workspace_id, kind, pattern, created_at)
    select id, ${level.scope}, ${level.scopeId}::uuid, ${level.workspaceId}::uuid, kind, pattern, ${platform.clock.now()}
    from unnest(${uuidArray(wanted.map(() => newId()))}, ${wanted.map(({ kind }) => kind)}::text[],
      ${wanted.map(({ pattern }) => pattern)}::text[]) as new (id, kind, pattern)
    on conflict (scope_id, pattern) do update set kind = excluded.kind
    returning listed.*`.execute(tx)
  if ((await countOf(tx, level)) > senderListEntriesMax) throw new Refusal('sender_list_limit_reached')
  await tell(platform, tx, level, { added: wanted, removed: [] })
  return rows.sort((left, right) => (left.id < right.id ? -1 : 1))
}

/** Canonical and each pattern once; of two kinds of one pattern the last holds. @throws Refusal invalid_request. */
function canonicalEntries(entries: readonly NewEntry[]): NewEntry[] {
  const problems: FieldProblem[] = []
  const byPattern = new Map<string, NewEntry>()
  for (const [index, { kind, pattern: text }] of entries.entries()) {
    const pattern = canonicalPattern(text)
    if (pattern !== null) byPattern.set(pattern, { kind, pattern })
    else {
      const detail = 'must be an address, or a domain behind @, or behind a dot for those below it'
      problems.push({ pointer: `/entries/${index}/pattern`, detail })
    }
  }
  if (problems.length > 0) {
    throw new Refusal('invalid_request', 'A pattern is not valid.', { fields: problems })
  }
  return [...byPattern.values()]
}

/** Two calls that add at once must not pass the limit together. */
async function lockLevel(tx: Tx, { scopeId }: SenderListLevel): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`sender_lists ${scopeId}`}, 0))`.execute(tx)
}

async function countOf(tx: Tx, { scopeId }: SenderListLevel): Promise<number> {
  const { count } = await tx
    .selectFrom('sender_lists')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('scope_id', '=', scopeId)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** @throws Refusal sender_list_entry_not_found, forbidden. */
export async function removeSender(
  platform: Platform,
  tx: Tx,
  writer: Scope | Principal,
  level: SenderListLevel,
  id: string,
): Promise<void> {
  requireWrite(writer)
  requireWorkspace(writer)
  const removed = isId(id)
    ? await tx
        .deleteFrom('sender_lists')
        .where('scope_id', '=', level.scopeId)
        .where('id', '=', id)
        .returning(['kind', 'pattern'])
        .executeTakeFirst()
    : undefined
  if (!removed) throw new Refusal('sender_list_entry_not_found')
  await tell(platform, tx, level, { added: [], removed: [removed] })
}

async function tell(
  platform: Platform,
  tx: Tx,
  level: SenderListLevel,
  change: { added: NewEntry[]; removed: NewEntry[] },
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type: 'sender_list.updated',
      organizationId: level.organizationId,
      workspaceId: level.workspaceId,
      mailboxId: level.scope === 'mailbox' ? level.scopeId : null,
      data: { scope: level.scope, scope_id: level.scopeId, ...change },
    },
  ])
}

/** @returns the mode of each mailbox that has one set; the others are open. */
export async function senderListModesOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, SenderListMode>> {
  const rows = await db
    .selectFrom('sender_list_modes')
    .select(['mailbox_id', 'mode'])
    .where(sql<boolean>`mailbox_id = any(${uuidArray(mailboxIds)})`)
    .execute()
  return new Map(rows.map(({ mailbox_id, mode }) => [mailbox_id, mode]))
}

export async function senderListModeOf(db: Db, mailboxId: string): Promise<SenderListMode> {
  return (await senderListModesOf(db, [mailboxId])).get(mailboxId) ?? 'open'
}

/** @param ref the mailbox's id or address. @throws Refusal mailbox_not_found, forbidden. */
export async function setSenderListMode(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  mode: SenderListMode,
): Promise<void> {
  requireWorkspace(scope)
  const owner = subject(await lockMailbox(platform, tx, scope, ref))
  const row = { mailbox_id: owner.mailboxId, workspace_id: owner.workspaceId, mode }
  await tx
    .insertInto('sender_list_modes')
    .values(row)
    .onConflict((conflict) => conflict.column('mailbox_id').doUpdateSet({ mode }))
    .execute()
  await appendEvents(platform, tx, [{ type: 'sender_list.mode_changed', ...owner, data: { mode } }])
}
