/**
 * Changes of flags and expunges of several clients at the same moment, in folders that are remembered, go to the
 * database in one statement and so with one commit (decision 0022). What each comes to is reckoned here; the statement
 * writes it for every folder that is still at the MODSEQ from which it was reckoned and that nobody has locked. For any
 * other it writes nothing, and the caller makes the change in the database.
 */
import { sql } from 'kysely'
import { type NewEvent, publishCommitted } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { int4Array, int8Array, timeArray, uuidArray } from '../platform/sql-arrays.ts'
import { knownLightFolder, type LightFolder, noteFlags, noteGone } from './light-folders.ts'
import type { MailboxOwner } from './owner.ts'
import type { PlannedChange } from './planned-changes.ts'
import { dayMs } from './removal.ts'

/** What is to be changed in one folder. */
export type FolderWork = {
  owner: MailboxOwner
  folderId: string
  /** Removed messages can be restored for so long. */
  restoreDays: number
  /** Reckons the change from the folder as it is now; null: it must be made in the database. */
  plan(folder: LightFolder): PlannedChange | null
  /** Called after the commit, before anyone hears of the change. It must not throw. */
  committed(): void
}

/** How many messages have left the folder, ever: UIDNEXT - 1 - EXISTS. */
export type Changed = { removedEver: number }

type Waiting = {
  work: FolderWork
  resolve: (changed: Changed | null) => void
  reject: (error: unknown) => void
}

type Planned = Waiting & { change: PlannedChange; modseq: number }

type Lane = { waiting: Waiting[]; isRunning: boolean }

const foldersPerStatementMax = 100

const lanes = new WeakMap<Platform, Lane>()

/**
 * Makes a change in a remembered folder.
 * @returns null when nothing was done: the folder is not remembered, or not as it is in the database.
 * @throws what `plan` throws.
 */
export function changeRemembered(platform: Platform, work: FolderWork): Promise<Changed | null> {
  const lane = lanes.get(platform) ?? { waiting: [], isRunning: false }
  lanes.set(platform, lane)
  return new Promise((resolve, reject) => {
    lane.waiting.push({ work, resolve, reject })
    if (lane.isRunning) return
    lane.isRunning = true
    setImmediate(() => void run(platform, lane)) // whatever else arrives in this turn goes with it
  })
}

/** Never rejects: each of the waiting hears for itself. */
async function run(platform: Platform, lane: Lane): Promise<void> {
  while (lane.waiting.length > 0) {
    const batch = takeBatch(platform, lane)
    if (batch.length > 0) await commit(platform, batch)
  }
  lane.isRunning = false
}

/** One change of each folder: the next one is reckoned from what this one leaves. */
function takeBatch(platform: Platform, lane: Lane): Planned[] {
  const folderIds = new Set<string>()
  const left: Waiting[] = []
  const batch: Planned[] = []
  for (const one of lane.waiting) {
    const { folderId } = one.work
    if (folderIds.has(folderId) || batch.length >= foldersPerStatementMax) {
      left.push(one)
      continue
    }
    folderIds.add(folderId)
    const planned = plan(platform, one)
    if (planned !== null) batch.push(planned)
  }
  lane.waiting = left
  return batch
}

/** @returns null when the waiting one has its answer. */
function plan(platform: Platform, waiting: Waiting): Planned | null {
  try {
    const folder = knownLightFolder(platform, waiting.work.folderId)
    const change = folder === null ? null : waiting.work.plan(folder)
    if (folder !== null && change !== null) return { ...waiting, change, modseq: folder.modseq }
    waiting.resolve(null)
  } catch (error) {
    waiting.reject(error)
  }
  return null
}

async function commit(platform: Platform, batch: readonly Planned[]): Promise<void> {
  const rows = await write(platform, batch).catch((error: unknown) => {
    // One change that the database refuses must not take the others with it: each is tried by itself.
    platform.log.warn({ event: 'messages.changes_failed', cause: error })
    return []
  })
  const removedEver = new Map(rows.map((row) => [row.folder_id, row.removed_ever]))
  const done = batch.filter(({ work }) => removedEver.has(work.folderId))
  for (const one of done) note(platform, one)
  publishCommitted(platform, done.flatMap(eventOf))
  for (const { work, resolve } of batch) {
    const removed = removedEver.get(work.folderId)
    resolve(removed === undefined ? null : { removedEver: removed })
  }
}

function countOf({ flags, gone }: PlannedChange): number {
  return flags.length + gone.length
}

function note(platform: Platform, { work, change, modseq }: Planned): void {
  work.committed()
  const { flags, gone } = change
  const next = modseq + 1
  if (gone.length > 0) noteGone(platform, work.folderId, next, gone)
  else if (flags.length > 0) {
    noteFlags(
      platform,
      work.folderId,
      next,
      flags.map((message) => ({ ...message, modseq: next })),
    )
  }
}

function typeOf({ gone }: PlannedChange): 'message.expunged' | 'message.flags_changed' {
  return gone.length > 0 ? 'message.expunged' : 'message.flags_changed'
}

function eventOf({ work, change, modseq }: Planned): NewEvent[] {
  const count = countOf(change)
  if (count === 0) return []
  const named = change.keywords.length === 0 ? {} : { keywords: [...change.keywords] }
  const data = { folder_id: work.folderId, highest_modseq: modseq + 1, count, ...named }
  return [{ type: typeOf(change), ...work.owner, data }]
}

type WrittenRow = { folder_id: string; removed_ever: number }

/** @returns a row for each folder in which the change was made, or nothing was to be changed. */
async function write(platform: Platform, batch: readonly Planned[]): Promise<WrittenRow[]> {
  const now = platform.clock.now()
  const flags = batch.flatMap(({ work, change }) =>
    change.flags.map((message) => ({ ...message, folderId: work.folderId })),
  )
  const gone = batch.flatMap(({ work, change }) =>
    change.gone.map((uid) => ({ uid, folderId: work.folderId })),
  )
  const { rows } = await sql<WrittenRow>`/* prepared change_remembered */
    with wanted as (
      select * from unnest(
        ${uuidArray(batch.map(({ work }) => work.owner.mailboxId))}, ${uuidArray(batch.map(({ work }) => work.folderId))},
        ${int8Array(batch.map(({ modseq }) => modseq))}, ${int4Array(batch.map(({ change }) => countOf(change)))},
        ${int4Array(batch.map(({ change }) => change.gone.length))}, ${int4Array(batch.map(({ change }) => change.unseen))},
        ${int8Array(batch.map(({ change }) => change.bytes))},
        ${timeArray(batch.map(({ work }) => new Date(now.getTime() + work.restoreDays * dayMs)))},
        ${uuidArray(batch.map(() => newId()))}, ${batch.map(({ change }) => typeOf(change))}::text[],
        ${uuidArray(batch.map(({ work }) => work.owner.organizationId))},
        ${uuidArray(batch.map(({ work }) => work.owner.workspaceId))},
        ${batch.map(({ change }) => change.keywords.join(' '))}::text[] -- a keyword is an atom and has no space
      ) as wanted (mailbox_id, folder_id, modseq, count, removed, unseen, bytes, restore_until, event_id, event_type,
        organization_id, workspace_id, named)
    ), locked as materialized (
      select wanted.*, folders.path, folders.uidnext - 1 - folders.message_count + wanted.removed as removed_ever
      from folders join wanted on folders.mailbox_id = wanted.mailbox_id and folders.id = wanted.folder_id
        and folders.highest_modseq = wanted.modseq
      for no key update of folders skip locked -- whoever must wait does so alone
    ), raised as (
      update folders set highest_modseq = folders.highest_modseq + 1, message_count = message_count - locked.removed,
        unseen_count = unseen_count + locked.unseen, size_bytes = size_bytes + locked.bytes
      from locked where folders.mailbox_id = locked.mailbox_id and folders.id = locked.folder_id and locked.count > 0
    ), flagged as (
      update messages set flags = new.flags, keywords = string_to_array(new.keywords, ' '), modseq = locked.modseq + 1
      from unnest(
        ${uuidArray(flags.map(({ folderId }) => folderId))}, ${int8Array(flags.map(({ uid }) => uid))},
        ${int4Array(flags.map((message) => message.flags))},
        ${flags.map(({ keywords }) => keywords.join(' '))}::text[] -- likewise
      ) as new (folder_id, uid, flags, keywords) join locked on locked.folder_id = new.folder_id
      where messages.mailbox_id = locked.mailbox_id and messages.folder_id = new.folder_id and messages.uid = new.uid
    ), gone as (
      delete from messages
      using unnest(${uuidArray(gone.map(({ folderId }) => folderId))}, ${int8Array(gone.map(({ uid }) => uid))})
        as old (folder_id, uid) join locked on locked.folder_id = old.folder_id
      where messages.mailbox_id = locked.mailbox_id and messages.folder_id = old.folder_id and messages.uid = old.uid
      returning messages.mailbox_id, messages.folder_id, messages.uid, id, flags, keywords, internal_date, size_bytes, body_id,
        thread_id, saved_at, locked.path, locked.modseq + 1 as gone_modseq, locked.restore_until
    ), tombstones as (
      insert into expunged_messages (mailbox_id, folder_id, modseq, uid, expunged_at)
      select mailbox_id, folder_id, gone_modseq, uid, ${now}::timestamptz from gone
    ), kept as (
      insert into deleted_messages (mailbox_id, id, folder_id, folder_path, flags, keywords, internal_date, size_bytes,
        body_id, thread_id, saved_at, deleted_at, restore_until)
      select mailbox_id, id, folder_id, path, flags, keywords, internal_date, size_bytes,
        body_id, thread_id, saved_at, ${now}::timestamptz, restore_until
      from gone
    ), event as (
      insert into events (id, node_id, type, organization_id, workspace_id, mailbox_id, data, created_at)
      select event_id, ${platform.nodeId}::uuid, event_type, organization_id, workspace_id, mailbox_id,
        jsonb_build_object('folder_id', folder_id::text, 'highest_modseq', modseq + 1, 'count', count)
          || case when named = '' then '{}' else jsonb_build_object('keywords', string_to_array(named, ' ')) end,
        ${now}::timestamptz
      from locked where count > 0
    )
    select folder_id, removed_ever from locked`.execute(platform.db)
  return rows
}
