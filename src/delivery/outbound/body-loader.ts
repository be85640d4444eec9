/** Bodies for the workers: those that are asked for at the same moment are read in one statement. */
import { zstdDecompressSync } from 'node:zlib'
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

/** Larger ones are read by themselves. */
export const loadedBytesMax = 64 * 1024

const bodiesPerStatement = 50

type Waiting = {
  bodyId: string
  resolve: (raw: Buffer) => void
  reject: (error: unknown) => void
}

const queues = new WeakMap<Platform, Waiting[]>()

/** The raw bytes of a small body. @throws when it does not exist. */
export function loadBody(platform: Platform, bodyId: string): Promise<Buffer> {
  const queue = queues.get(platform) ?? []
  queues.set(platform, queue)
  return new Promise((resolve, reject) => {
    queue.push({ bodyId, resolve, reject })
    if (queue.length === 1) setImmediate(() => void loadAll(platform, queue))
  })
}

async function loadAll(platform: Platform, queue: Waiting[]): Promise<void> {
  for (
    let batch = queue.splice(0, bodiesPerStatement);
    batch.length > 0;
    batch = queue.splice(0, bodiesPerStatement)
  ) {
    try {
      const { rows } = await sql<{ id: string; content: Buffer | null }>`/* prepared load_bodies */
        select id, content from bodies where id = any(${uuidArray(batch.map(({ bodyId }) => bodyId))})`.execute(
        platform.db,
      )
      const contents = new Map(rows.map(({ id, content }) => [id, content]))
      for (const { bodyId, resolve, reject } of batch) {
        const content = contents.get(bodyId)
        if (content) resolve(zstdDecompressSync(content))
        else reject(new Error(`the body ${bodyId} is not there`))
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
