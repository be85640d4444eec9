/** Sender lists as people keep them: listed, added to, removed from; and whether a mailbox hears its allow list only. */
import { type Selectable, sql } from 'kysely'
import { type Principal, requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { getDomain } from '../../domains/domains.ts'
import { getMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import {
  changeEntry,
  type DirectedEntry,
  type EntryChange,
  type EntryWish,
  placeEntry,
} from './entry-directions.ts'
import { canonicalPattern } from './sender-patterns.ts'
import type {
  SenderListDirection,
  SenderListEventEntry,
  SenderListKind,
  SenderListScope,
  SenderListsTable,
} from './tables.ts'

/** Of one mailbox, domain or workspace. */
export const senderListEntriesMax = 10_000
/** Added in one call. */
export const senderListBatchMax = 1_000

export type SenderListEntry = Selectable<SenderListsTable>
export type NewEntry = {
  kind: SenderListKind
  pattern: string
  /** Default: inbound. */
  direction?: SenderListDirection
  /** Default: false. */
  paused?: boolean
}

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
 * Adds entries. One whose pattern is there already for the same direction changes its kind and keeps its place; one that
 * is there for both directions keeps the other. A key that is bound to a mailbox may not: the list may be what keeps
 * others from that key's owner.
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
  requireListWriter(writer)
  const wanted = canonicalEntries(entries)
  await lockLevel(tx, level)
  const before = await entriesOf(
    tx,
    level,
    wanted.map(({ pattern }) => pattern),
  )
  let after: readonly DirectedEntry[] = before
  const placed = new Set<string>()
  for (const wish of wanted) {
    const of = after.filter(({ pattern }) => pattern === wish.pattern)
    const [own, ...others] = placeEntry(of, wish, newId)
    if (own === undefined) throw new Error('an entry was not placed')
    placed.add(own.id)
    after = [...after.filter(({ pattern }) => pattern !== wish.pattern), own, ...others]
  }
  await writeEntries(platform, tx, level, before, after)
  if ((await countOf(tx, level)) > senderListEntriesMax) throw new Refusal('sender_list_limit_reached')
  await tell(platform, tx, level, { added: wanted, removed: [] })
  const patterns = wanted.map(({ pattern }) => pattern)
  const rows = await entriesOf(tx, level, patterns)
  return rows.filter(({ id }) => placed.has(id)).sort((left, right) => (left.id < right.id ? -1 : 1))
}

/**
 * Adds an entry for a pattern that the list does not have.
 * @throws Refusal sender_list_entry_exists with its id; invalid_request, sender_list_limit_reached, forbidden.
 */
export async function addNewSender(
  platform: Platform,
  tx: Tx,
  writer: Scope | Principal,
  level: SenderListLevel,
  entry: NewEntry,
): Promise<SenderListEntry> {
  requireListWriter(writer)
  const patterns = canonicalEntries([entry]).map(({ pattern }) => pattern)
  await lockLevel(tx, level)
  const [existing] = await entriesOf(tx, level, patterns)
  if (existing) {
    const facts = { existing_rule_id: existing.id }
    throw new Refusal('sender_list_entry_exists', `The list has ${existing.pattern}.`, { facts })
  }
  const [added] = await addSenders(platform, tx, writer, level, [entry])
  if (added === undefined) throw new Error('an entry was not added')
  return added
}

/**
 * Changes an entry; its pattern is fixed. What other entries of the pattern have of its new direction is taken from them.
 * @param keepsRest whether what was of its former direction alone goes on as it was, as an entry of its own.
 * @throws Refusal sender_list_entry_not_found, forbidden.
 */
export async function changeSender(
  platform: Platform,
  tx: Tx,
  writer: Scope | Principal,
  level: SenderListLevel,
  id: string,
  change: EntryChange,
  { keepsRest = false }: { keepsRest?: boolean } = {},
): Promise<SenderListEntry> {
  requireListWriter(writer)
  await lockLevel(tx, level)
  const { pattern } = await getSender(tx, level, id)
  const before = await entriesOf(tx, level, [pattern])
  const entry = before.find((one) => one.id === id)
  if (entry === undefined) throw new Refusal('sender_list_entry_not_found')
  const after = changeEntry(before, entry, change, keepsRest, newId)
  await writeEntries(platform, tx, level, before, after)
  const removed = before.filter(({ id }) => after.every((one) => one.id !== id))
  await tell(platform, tx, level, { added: after, removed })
  return await getSender(tx, level, id)
}

function requireListWriter(writer: Scope | Principal): void {
  requireWrite(writer)
  requireWorkspace(writer)
}

/** @throws Refusal sender_list_entry_not_found. */
export async function getSender(db: Db, { scopeId }: SenderListLevel, id: string): Promise<SenderListEntry> {
  const found = isId(id)
    ? await db
        .selectFrom('sender_lists')
        .selectAll()
        .where('scope_id', '=', scopeId)
        .where('id', '=', id)
        .executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('sender_list_entry_not_found')
  return found
}

async function entriesOf(
  tx: Tx,
  { scopeId }: SenderListLevel,
  patterns: readonly string[],
): Promise<SenderListEntry[]> {
  return await tx
    .selectFrom('sender_lists')
    .selectAll()
    .where('scope_id', '=', scopeId)
    .where(sql<boolean>`pattern = any(${[...patterns]}::text[])`)
    .execute()
}

/** Writes what became of entries: first what makes room, then what takes it. */
async function writeEntries(
  platform: Platform,
  tx: Tx,
  level: SenderListLevel,
  before: readonly DirectedEntry[],
  after: readonly DirectedEntry[],
): Promise<void> {
  const former = new Map(before.map((entry) => [entry.id, entry]))
  const kept = new Set(after.map(({ id }) => id))
  const gone = before.filter(({ id }) => !kept.has(id)).map(({ id }) => id)
  await sql`delete from sender_lists where id = any(${uuidArray(gone)})`.execute(tx)
  const isChanged = (entry: DirectedEntry): boolean => {
    const was = former.get(entry.id)
    return (
      was !== undefined &&
      (was.kind !== entry.kind || was.direction !== entry.direction || was.paused !== entry.paused)
    )
  }
  const now = platform.clock.now()
  await sql`
    update sender_lists as listed
    set kind = new.kind, direction = new.direction, paused = new.paused, updated_at = ${now}
    from ${asRows(after.filter(isChanged))} where listed.id = new.id`.execute(tx)
  await sql`
    insert into sender_lists
      (id, scope, scope_id, workspace_id, kind, pattern, direction, paused, created_at, updated_at)
    select new.id, ${level.scope}, ${level.scopeId}::uuid, ${level.workspaceId}::uuid, new.kind, new.pattern,
      new.direction, new.paused, ${now}, ${now}
    from ${asRows(after.filter(({ id }) => !former.has(id)))}`.execute(tx)
}

function asRows(entries: readonly DirectedEntry[]) {
  return sql`unnest(${uuidArray(entries.map(({ id }) => id))}, ${entries.map(({ kind }) => kind)}::text[],
    ${entries.map(({ pattern }) => pattern)}::text[], ${entries.map(({ direction }) => direction)}::text[],
    ${entries.map(({ paused }) => paused)}::boolean[]) as new (id, kind, pattern, direction, paused)`
}

/** Of two kinds of one pattern the last will hold. @throws Refusal invalid_request. */
function canonicalEntries(entries: readonly NewEntry[]): EntryWish[] {
  const problems: FieldProblem[] = []
  const wishes: EntryWish[] = []
  for (const [index, { kind, pattern: text, direction = 'inbound', paused = false }] of entries.entries()) {
    const pattern = canonicalPattern(text)
    if (pattern !== null) wishes.push({ kind, pattern, direction, paused })
    else {
      const detail = 'must be an address, or a domain behind @, or behind a dot for those below it'
      problems.push({ pointer: `/entries/${index}/pattern`, detail })
    }
  }
  if (problems.length > 0) {
    throw new Refusal('invalid_request', 'A pattern is not valid.', { fields: problems })
  }
  return wishes
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

/** How many entries of one kind hold in any of the directions. @param scopeId of the mailbox, the domain or the workspace. */
export async function countEntries(
  db: Db,
  scopeId: string,
  kind: SenderListKind,
  directions: readonly Exclude<SenderListDirection, 'both'>[],
): Promise<number> {
  const { count } = await db
    .selectFrom('sender_lists')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('scope_id', '=', scopeId)
    .where('kind', '=', kind)
    .where('paused', '=', false)
    .where('direction', 'in', ['both', ...directions])
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
  requireListWriter(writer)
  const removed = isId(id)
    ? await tx
        .deleteFrom('sender_lists')
        .where('scope_id', '=', level.scopeId)
        .where('id', '=', id)
        .returning(['kind', 'pattern', 'direction', 'paused'])
        .executeTakeFirst()
    : undefined
  if (!removed) throw new Refusal('sender_list_entry_not_found')
  await tell(platform, tx, level, { added: [], removed: [removed] })
}

async function tell(
  platform: Platform,
  tx: Tx,
  level: SenderListLevel,
  change: { added: readonly SenderListEventEntry[]; removed: readonly SenderListEventEntry[] },
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type: 'sender_list.updated',
      organizationId: level.organizationId,
      workspaceId: level.workspaceId,
      mailboxId: level.scope === 'mailbox' ? level.scopeId : null,
      data: {
        scope: level.scope,
        scope_id: level.scopeId,
        added: change.added.map(eventEntry),
        removed: change.removed.map(eventEntry),
      },
    },
  ])
}

function eventEntry({ kind, pattern, direction, paused }: SenderListEventEntry): SenderListEventEntry {
  return { kind, pattern, direction, paused }
}
