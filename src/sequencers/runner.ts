/**
 * Which connections a node works with. A sequencer may take seconds for a call and minutes for a pause, and a worker has
 * few places: so one job is the host of all connections that this node works with, and the jobs of the others only bring
 * theirs to it. One connection to the database holds the locks of them all; they end with a node that ends.
 */
import type pg from 'pg'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { wakeSequencerAt } from './jobs.ts'
import { sequencerPolicy } from './policy.ts'
import { reconcileSlice } from './reconcile.ts'

type Host = {
  client: pg.PoolClient
  slices: Set<Promise<void>>
  /** Aborted when the locks may have been lost, or the node stops: nothing more is begun. */
  gone: AbortSignal
  isFull: boolean
  lose(): void
}

type Node = { host: Promise<Host> | null; running: Map<string, { isAsked: boolean }> }

const nodes = new WeakMap<Platform, Node>()

/**
 * The job: works with a connection for a while, unless it is worked with already.
 * @param stopping of the job: what a host has begun with others ends with it, too.
 */
export async function reconcileSequencer(
  platform: Platform,
  id: string,
  stopping?: AbortSignal,
): Promise<void> {
  const node = nodes.get(platform) ?? { host: null, running: new Map() }
  nodes.set(platform, node)
  const running = node.running.get(id)
  if (running) {
    running.isAsked = true // it looks once more when it is done
    return
  }
  if (node.running.size >= sequencerPolicy.slicesPerNodeMax) return await comeLater(platform, id)
  node.running.set(id, { isAsked: false })
  try {
    while (node.host !== null) {
      const host = await node.host
      if (!host.isFull) return begin(platform, node, host, id)
    }
    node.host = openHost(platform)
    const host = await node.host
    begin(platform, node, host, id)
    await serve(node, host, stopping)
  } catch (error) {
    if (node.running.delete(id)) node.host = null
    throw error
  }
}

async function openHost({ pool }: Platform): Promise<Host> {
  const client = await pool.connect()
  const gone = new AbortController()
  const host: Host = {
    client,
    slices: new Set(),
    gone: gone.signal,
    isFull: false,
    lose: () => gone.abort(),
  }
  client.once('error', host.lose)
  return host
}

/** Until none is left; after a while those that come find another host. */
async function serve(node: Node, host: Host, stopping: AbortSignal | undefined): Promise<void> {
  const leave = (): void => {
    if (!host.isFull) node.host = null
    host.isFull = true
  }
  const timer = setTimeout(leave, sequencerPolicy.hostMs)
  stopping?.addEventListener('abort', host.lose)
  if (stopping?.aborted) host.lose()
  try {
    while (host.slices.size > 0) await Promise.race(host.slices)
  } finally {
    clearTimeout(timer)
    stopping?.removeEventListener('abort', host.lose)
    leave()
    host.client.off('error', host.lose)
    host.client.release(host.gone.aborted)
  }
}

function begin(platform: Platform, node: Node, host: Host, id: string): void {
  const slice = runLocked(platform, node, host, id)
    .catch((error: unknown) =>
      platform.log.error({ event: 'sequencers.run_failed', sequencerId: id, cause: error }),
    )
    .finally(() => {
      node.running.delete(id)
      host.slices.delete(slice)
    })
  host.slices.add(slice)
}

const reconcilingLock = 7_302_059

async function runLocked(platform: Platform, node: Node, host: Host, id: string): Promise<void> {
  const lock = [reconcilingLock, id]
  const { rows } = await host.client.query<{ mine: boolean }>(
    'select pg_try_advisory_lock($1::int, hashtext($2)) as mine',
    lock,
  )
  if (rows[0]?.mine !== true) return await comeLater(platform, id)
  const asked = node.running.get(id)
  try {
    do {
      if (asked) asked.isAsked = false
      await reconcileSlice(platform, id, host.gone)
    } while (asked?.isAsked === true && !host.gone.aborted && !host.isFull)
  } finally {
    await host.client.query('select pg_advisory_unlock($1::int, hashtext($2))', lock)
  }
  // Whoever asked while it ended would else wait for the next minute.
  if (asked?.isAsked === true) await comeLater(platform, id)
}

async function comeLater(platform: Platform, id: string): Promise<void> {
  const at = new Date(platform.clock.now().getTime() + sequencerPolicy.busyRetryMs)
  await transaction(platform.db, (tx) => wakeSequencerAt(tx, id, at))
}
