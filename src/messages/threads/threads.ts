/**
 * Threads: a message joins the thread of any Message-ID that it has or refers to (RFC 5322 §3.6.4), within its
 * mailbox. Where a message connects two threads, the younger is merged into the older.
 */
import { createHash } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

export type Threadable = {
  mailboxId: string
  messageId: string | null
  inReplyTo: readonly string[]
  references: readonly string[]
}

// A chain of references grows for ever in some clients; the nearest ones connect as well as all of them.
const referencesMax = 50

/** The threads of some messages, before the database is asked. */
export type ThreadPlan = {
  /** Writes the Message-IDs; sent first, together with others of the transaction. */
  statement: RawBuilder<unknown>
  /** @param inserted how many rows the statement wrote. @returns thread ids in the messages' order. */
  resolve(tx: Tx, inserted: number): Promise<string[]>
}

/**
 * Plans the thread of each message. A concurrent delivery of the same Message-ID makes the statement wait for its
 * commit, so that both see one thread.
 */
export function planThreads(messages: readonly Threadable[]): ThreadPlan {
  const groups = groupByReference(messages)
  // One order for all transactions, so that they cannot wait for each other in a circle.
  const sorted = [...groups.byKey]
    .map(([key, group]) => ({ ...splitKey(key), group }))
    .sort((a, b) =>
      a.mailboxId === b.mailboxId ? compare(a.hash, b.hash) : compare(a.mailboxId, b.mailboxId),
    )
  const mailboxIds = sorted.map((one) => one.mailboxId)
  const hashes = sorted.map((one) => one.hash)
  return {
    statement: sql`/* prepared insert_thread_message_ids */
      insert into thread_message_ids (mailbox_id, message_id_hash, thread_id)
      select * from unnest(${uuidArray(mailboxIds)}, ${uuidArray(hashes)},
        ${uuidArray(sorted.map((one) => rootOf(one.group).threadId))})
      on conflict do nothing`,
    async resolve(tx, inserted) {
      if (inserted < sorted.length) await joinKnownThreads(tx, sorted, mailboxIds, hashes)
      return messages.map((_, index) => rootOf(groups.groupOf[index] ?? newGroup()).threadId)
    },
  }
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
      const key = `${message.mailboxId} ${messageIdHash(id)}`
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
export function messageIdHash(messageId: string): string {
  return createHash('sha256').update(messageId).digest('hex').slice(0, 32)
}

function splitKey(key: string): { mailboxId: string; hash: string } {
  const [mailboxId = '', hash = ''] = key.split(' ')
  return { mailboxId, hash }
}

/** Puts messages into the threads that their Message-IDs have already. */
async function joinKnownThreads(
  tx: Tx,
  sorted: readonly KeyedGroup[],
  mailboxIds: readonly string[],
  hashes: readonly string[],
): Promise<void> {
  // Locked: a thread that is merged away between this reading and our commit would keep our message for itself.
  const { rows } = await sql<{
    mailbox_id: string
    hash: string
    thread_id: string
  }>`/* prepared known_threads */
    select mailbox_id, replace(message_id_hash::text, '-', '') as hash, thread_id
    from thread_message_ids join unnest(${uuidArray(mailboxIds)}, ${uuidArray(hashes)}) as wanted (m, h)
      on mailbox_id = m and message_id_hash = h
    order by mailbox_id, message_id_hash for no key update of thread_message_ids`.execute(tx)
  const fresh = new Set(sorted.map(({ group }) => rootOf(group).threadId))
  const groupOf = new Map(sorted.map(({ mailboxId, hash, group }) => [`${mailboxId} ${hash}`, group]))
  const threads = new Map<string, { mailboxId: string; group: Group }>()
  for (const { mailbox_id: mailboxId, hash, thread_id: threadId } of rows) {
    const thread = threads.get(threadId)?.group ?? { threadId, merged: null }
    threads.set(threadId, { mailboxId, group: thread })
    merge(groupOf.get(`${mailboxId} ${hash}`) ?? thread, thread)
  }
  const finalOf = (threadId: string): string => rootOf(threads.get(threadId)?.group ?? newGroup()).threadId
  const moved = rows.filter((row) => fresh.has(row.thread_id) && finalOf(row.thread_id) !== row.thread_id)
  await moveMessageIds(
    tx,
    moved.map((row) => ({ ...row, into: finalOf(row.thread_id) })),
  )
  const merged = [...threads]
    .map(([threadId, { mailboxId }]) => ({ threadId, mailboxId, into: finalOf(threadId) }))
    .filter(({ threadId, into }) => !fresh.has(threadId) && into !== threadId)
  await mergeThreads(tx, merged)
}

/** Message-IDs that this transaction wrote before it knew their thread: found by their key, without a look at others. */
async function moveMessageIds(
  tx: Tx,
  moved: readonly { mailbox_id: string; hash: string; into: string }[],
): Promise<void> {
  if (moved.length === 0) return
  await sql`
    update thread_message_ids set thread_id = new.target
    from unnest(${uuidArray(moved.map((row) => row.mailbox_id))}, ${uuidArray(moved.map((row) => row.hash))},
      ${uuidArray(moved.map((row) => row.into))}) as new (mailbox_id, hash, target)
    where thread_message_ids.mailbox_id = new.mailbox_id and message_id_hash = new.hash`.execute(tx)
}

async function mergeThreads(
  tx: Tx,
  merged: readonly { mailboxId: string; threadId: string; into: string }[],
): Promise<void> {
  if (merged.length === 0) return
  const moves = sql`unnest(${uuidArray(merged.map((one) => one.mailboxId))},
    ${uuidArray(merged.map((one) => one.threadId))}, ${uuidArray(merged.map((one) => one.into))})
    as moves (mailbox_id, thread_id, target)`
  const move = async (table: 'thread_message_ids' | 'messages'): Promise<number> => {
    const { numAffectedRows } =
      await sql`update ${sql.table(table)} as moved set thread_id = moves.target from ${moves}
      where moved.mailbox_id = moves.mailbox_id and moved.thread_id = moves.thread_id`.execute(tx)
    return Number(numAffectedRows)
  }
  // A delivery that joins one of these threads has locked a Message-ID of it. The statement waits for its commit, but
  // only the next one sees what it wrote. When none is left, nobody can join any more, and no message is missed.
  while ((await move('thread_message_ids')) > 0);
  await move('messages')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
