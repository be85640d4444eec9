/**
 * Leases: a node that sends says so every few seconds. What a node that has gone silent was sending is queued again,
 * by whichever node notices first. Only the database's clock counts: those of nodes may differ.
 */
import { sql } from 'kysely'
import { type Db, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

const heartbeatMs = 5_000
const silentSeconds = 30
// Well before the others give up on this node, it begins nothing new.
const freshMs = 20_000

export type NodeLease = {
  /** Whether the others surely know of this node still. */
  isFresh(): boolean
  /** Ends the lease: what is still `sending` under it is queued again. */
  stop(): Promise<void>
}

export async function startNodeLease(platform: Platform, onRequeued: () => void): Promise<NodeLease> {
  const { db, nodeId, log } = platform
  let beatenAt = performance.now()
  const beat = async (): Promise<void> => {
    const startedAt = performance.now()
    await sql`insert into delivery_nodes (node_id, seen_at) values (${nodeId}::uuid, clock_timestamp())
      on conflict (node_id) do update set seen_at = excluded.seen_at`.execute(db)
    beatenAt = startedAt
    const requeued = await requeueOfSilent(db)
    if (requeued === 0) return
    log.warn({ event: 'outbound.requeued', recipients: requeued })
    onRequeued()
  }
  await beat()
  // Nobody else can be at work on an embedded database: what a killed process left goes on at once.
  if (platform.config.databaseUrl === null) await requeueOfOthers(db, nodeId)
  let running: Promise<void> | null = null
  const timer = setInterval(() => {
    running ??= beat()
      .catch((error: unknown) => log.error({ event: 'outbound.lease_failed', cause: error }))
      .finally(() => {
        running = null
      })
  }, heartbeatMs)
  return {
    isFresh: () => performance.now() - beatenAt < freshMs,
    async stop() {
      clearInterval(timer)
      await running
      await transaction(db, async (tx) => {
        await sql`delete from delivery_nodes where node_id = ${nodeId}::uuid`.execute(tx)
        await requeueOf(tx, [nodeId])
      })
    },
  }
}

/** @returns how many recipients are queued again. */
async function requeueOfSilent(db: Db): Promise<number> {
  return await transaction(db, async (tx) => {
    const { rows } = await sql<{ node_id: string }>`
      delete from delivery_nodes where seen_at < clock_timestamp() - ${silentSeconds} * interval '1 second'
      returning node_id`.execute(tx)
    return rows.length === 0
      ? 0
      : await requeueOf(
          tx,
          rows.map((row) => row.node_id),
        )
  })
}

async function requeueOf(db: Db, nodeIds: readonly string[]): Promise<number> {
  const { numAffectedRows } = await sql`
    update outbound_recipients set state = 'queued', node_id = null
    where state = 'sending' and node_id = any(${uuidArray(nodeIds)})`.execute(db)
  return Number(numAffectedRows ?? 0)
}

async function requeueOfOthers(db: Db, nodeId: string): Promise<void> {
  await sql`update outbound_recipients set state = 'queued', node_id = null
    where state = 'sending' and node_id is distinct from ${nodeId}::uuid`.execute(db)
  await sql`delete from delivery_nodes where node_id <> ${nodeId}::uuid`.execute(db)
}
