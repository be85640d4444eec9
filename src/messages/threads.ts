/**
 * Threads: a message joins the thread of any Message-ID that it has or refers to (RFC 5322 §3.6.4), within its
 * mailbox. Where a message connects two threads, the younger is merged into the older.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { uuidArray } from '../platform/sql-arrays.ts'

export type Threadable = {
  mailboxId: string
  messageId: string | null
  inReplyTo: readonly string[]
  references: readonly string[]
}

// A chain of references grows for ever in some clients; the nearest ones connect as well as all of them.
const referencesMax = 50

/** Finds or makes the thread of each message. @returns thread ids in the messages' order. */
export async function assignThreads(tx: Tx, messages: readonly Threadable[]): Promise<string[]> {
  const groups = groupByReference(messages)
  const wanted = [...groups.byKey].map(([key, group]) => ({ ...splitKey(key), group }))
  if (wanted.length > 0) await resolveGroups(tx, wanted)
  return messages.map((_, index) => rootOf(groups.groupOf[index] ?? newGroup()).threadId)
}

/** Messages that share a Message-ID, before the database is asked. `merged` points at the group it went into. */
type Group = { threadId: string; merged: Group | null }

type KeyedGroup = { mailboxId: string; hash: string; group: Group }

function newGroup(): Group {
  return { threadId: newId(), merged: null }
}

function rootOf(group: Group): Group {
  let root = group
  while (root.merged) root = root.merged
  return root
}

function groupByReference(messages: readonly Threadable[]): { groupOf: Group[]; byKey: Map<string, Group> } {
  const byKey = new Map<string, Group>()
  const groupOf = messages.map((message) => {
    const group = newGroup()
    for (const id of idsOf(message)) {
      const key = `${message.mailboxId} ${hashOf(id)}`
      const other = byKey.get(key)
      if (other) merge(group, other)
      else byKey.set(key, group)
    }
    return group
  })
  return { groupOf, byKey }
}

function merge(a: Group, b: Group): void {
  const [first, second] = [rootOf(a), rootOf(b)]
  if (first === second) return
  if (first.threadId < second.threadId) second.merged = first
  else first.merged = second
}

function idsOf(message: Threadable): string[] {
  const own = message.messageId === null ? [] : [message.messageId]
  return [...own, ...message.inReplyTo.slice(0, referencesMax), ...message.references.slice(-referencesMax)]
}

/** 128 bits of SHA-256 in the form of a uuid: a compact key, and none that a sender can make collide. */
function hashOf(messageId: string): string {
  return createHash('sha256').update(messageId).digest('hex').slice(0, 32)
}

function splitKey(key: string): { mailboxId: string; hash: string } {
  const [mailboxId = '', hash = ''] = key.split(' ')
  return { mailboxId, hash }
}

/**
 * Writes the new Message-IDs and reads the threads of the known ones. A concurrent delivery of the same
 * Message-ID makes the insert wait for its commit, so that both see one thread.
 */
async function resolveGroups(tx: Tx, wanted: readonly KeyedGroup[]): Promise<void> {
  // One order for all transactions, so that they cannot wait for each other in a circle.
  const sorted = [...wanted].sort((a, b) =>
    a.mailboxId === b.mailboxId ? compare(a.hash, b.hash) : compare(a.mailboxId, b.mailboxId),
  )
  const mailboxIds = sorted.map((one) => one.mailboxId)
  const hashes = sorted.map((one) => one.hash)
  const { numAffectedRows } = await sql`/* prepared insert_thread_message_ids */
    insert into thread_message_ids (mailbox_id, message_id_hash, thread_id)
    select * from unnest(${uuidArray(mailboxIds)}, ${uuidArray(hashes)},
      ${uuidArray(sorted.map((one) => rootOf(one.group).threadId))})
    on conflict do nothing`.execute(tx)
  if (Number(numAffectedRows) === sorted.length) return
  await joinKnownThreads(tx, sorted, mailboxIds, hashes)
}

async function joinKnownThreads(
  tx: Tx,
  sorted: readonly KeyedGroup[],
  mailboxIds: readonly string[],
  hashes: readonly string[],
): Promise<void> {
  const { rows } = await sql<{
    mailbox_id: string
    hash: string
    thread_id: string
  }>`/* prepared known_threads */
    select mailbox_id, replace(message_id_hash::text, '-', '') as hash, thread_id
    from thread_message_ids join unnest(${uuidArray(mailboxIds)}, ${uuidArray(hashes)}) as wanted (m, h)
      on mailbox_id = m and message_id_hash = h`.execute(tx)
  const known = new Map(rows.map((row) => [`${row.mailbox_id} ${row.hash}`, row.thread_id]))
  const threadsOf = new Map<Group, { mailboxId: string; threads: Set<string> }>()
  for (const { mailboxId, hash, group } of sorted) {
    const thread = known.get(`${mailboxId} ${hash}`)
    if (thread === undefined) continue
    const entry = threadsOf.get(rootOf(group)) ?? { mailboxId, threads: new Set<string>() }
    entry.threads.add(thread)
    threadsOf.set(rootOf(group), entry)
  }
  for (const [group, { mailboxId, threads }] of threadsOf) {
    const [oldest = group.threadId, ...younger] = [...threads].sort(compare)
    group.threadId = oldest
    if (younger.length > 0) await mergeThreads(tx, mailboxId, oldest, younger)
  }
}

async function mergeThreads(
  tx: Tx,
  mailboxId: string,
  into: string,
  threads: readonly string[],
): Promise<void> {
  for (const table of ['messages', 'thread_message_ids'] as const) {
    await tx
      .updateTable(table)
      .set({ thread_id: into })
      .where('mailbox_id', '=', mailboxId)
      .where('thread_id', 'in', threads)
      .execute()
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
