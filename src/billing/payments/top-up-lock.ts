/**
 * One at a time for each top-up, over all nodes: whoever asks the provider about it, or of it, holds its lock from before
 * the call until what was answered is written. The lock belongs to a connection and to no transaction, and ends with a
 * node that ends.
 */
import type pg from 'pg'
import type { Platform } from '../../platform/platform.ts'

/** Connections that wait or hold: the work needs others, of which there must be some left. */
const turnsMax = 5

type Turns = { free: number; waiting: (() => void)[] }

const turnsOf = new WeakMap<pg.Pool, Turns>()

/** @param id of the top-up, or of the workspace whose cards it is about. */
export async function alone<T>({ pool }: Platform, id: string, work: () => Promise<T>): Promise<T> {
  const turns = turnsOf.get(pool) ?? { free: turnsMax, waiting: [] }
  turnsOf.set(pool, turns)
  if (turns.free > 0) turns.free--
  else await new Promise<void>((resolve) => turns.waiting.push(resolve))
  try {
    return await locked(pool, `payments ${id}`, work)
  } finally {
    const next = turns.waiting.shift()
    if (next) next()
    else turns.free++
  }
}

async function locked<T>(pool: pg.Pool, key: string, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [key])
    try {
      return await work()
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [key])
    }
  } finally {
    client.release()
  }
}
