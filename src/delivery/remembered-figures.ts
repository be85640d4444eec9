/**
 * Figures of a whole workspace, for whoever shows them again and again. To count them reads all rows that its queue has, so
 * that a node does it once in a minute at most, however many ask at the same moment.
 */
import type { Scope } from '../accounts/principals.ts'
import { type Cache, createCache } from '../platform/cache.ts'
import type { Platform } from '../platform/platform.ts'
import {
  type BouncingMailbox,
  type BouncingRate,
  type DayFigures,
  dailyFigures,
  figureDaysMax,
  figuresOfWorkspace,
  mailboxesThatBounce,
  type WorkspaceFigures,
} from './figures.ts'

type Memory = {
  totals: Cache<Promise<WorkspaceFigures>>
  days: Cache<Promise<DayFigures[]>>
  bouncing: Cache<Promise<BouncingMailbox[]>>
}

const bounds = { entriesMax: 1000, ttlMs: 60_000 } as const
const memories = new WeakMap<Platform, Memory>()

function memoryOf(platform: Platform): Memory {
  const memory = memories.get(platform) ?? {
    totals: createCache(bounds),
    days: createCache(bounds),
    bouncing: createCache(bounds),
  }
  memories.set(platform, memory)
  return memory
}

/** As figuresOfWorkspace, at most a minute old. */
export async function workspaceFigures(platform: Platform, scope: Scope): Promise<WorkspaceFigures> {
  const read = () => figuresOfWorkspace(platform.db, scope, platform.clock.now())
  return await once(memoryOf(platform).totals, keyOf(scope), read)
}

/** As dailyFigures of all days that there are, at most a minute old. */
export async function workspaceDays(platform: Platform, scope: Scope): Promise<DayFigures[]> {
  const read = () => dailyFigures(platform.db, scope, platform.clock.now(), figureDaysMax)
  return await once(memoryOf(platform).days, keyOf(scope), read)
}

/** As mailboxesThatBounce, at most a minute old. */
export async function workspaceBouncing(
  platform: Platform,
  scope: Scope,
  rate: BouncingRate,
): Promise<BouncingMailbox[]> {
  const key = `${keyOf(scope)} ${rate.percent} ${rate.minimum} ${rate.max}`
  const read = () => mailboxesThatBounce(platform.db, scope, platform.clock.now(), rate)
  return await once(memoryOf(platform).bouncing, key, read)
}

function keyOf({ workspaceId, mailboxId }: Scope): string {
  return `${workspaceId} ${mailboxId}`
}

/** What is being read is waited for together; what fails is read again by the next. */
async function once<T>(cache: Cache<Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const kept = cache.get(key)
  if (kept) return await kept
  const reading = read()
  cache.set(key, reading)
  try {
    return await reading
  } catch (error) {
    cache.delete(key)
    throw error
  }
}
