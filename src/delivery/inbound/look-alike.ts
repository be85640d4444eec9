/** Display names that pretend: a stranger with the name of somebody of the workspace, or with an address for a name. */
import { parseAddress } from '../../mailboxes/address.ts'
import type { Trust } from '../../messages/trust.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'
import { skeletonOf } from './confusables.ts'

const skeletonCharsMin = 4 // shorter ones are too often somebody else's
const namesMax = 10_000 // of a workspace
const nameCharsMax = 200

export type Author = { displayName: string; address: string }

/** @param workspaceId of all recipients; null when they are of several, who must not hear of each other's names. */
export async function findLookAlike(
  platform: Platform,
  workspaceId: string | null,
  { displayName, address }: Author,
): Promise<Trust['look_alike']> {
  const name = displayName.slice(0, nameCharsMax).toWellFormed()
  const written = addressIn(name)
  if (written !== null && written !== canonical(address)) return { display_name: name, of: written }
  const skeleton = skeletonOf(name)
  if (workspaceId === null || skeleton.length < skeletonCharsMin) return null
  const owners = (await namesOf(platform, workspaceId)).get(skeleton) ?? []
  const [of] = owners
  return of !== undefined && !owners.includes(canonical(address)) ? { display_name: name, of } : null
}

function addressIn(name: string): string | null {
  const found = /[^\s<>()[\]"',;:@]{1,64}@[^\s<>()[\]"',;:@]{1,255}/u.exec(name)?.[0]
  const parsed = found === undefined ? null : parseAddress(found.replace(/\.+$/, ''))
  return parsed?.ok ? parsed.value.address : null
}

function canonical(address: string): string {
  const parsed = parseAddress(address)
  return parsed.ok ? parsed.value.address : address
}

/** The addresses of a workspace's mailboxes by the skeleton of their display names. */
type Names = ReadonlyMap<string, string[]>

const cachedMax = 200
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Names>>()

async function namesOf(platform: Platform, workspaceId: string): Promise<Names> {
  const cache = caches.get(platform) ?? createCache<Names>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  caches.set(platform, cache)
  const read = (): Promise<Names> => readNames(platform, workspaceId)
  return (await cache.load(workspaceId, read)) ?? (await read())
}

async function readNames({ db }: Platform, workspaceId: string): Promise<Names> {
  const rows = await db
    .selectFrom('mailboxes')
    .select(['display_name', 'address'])
    .where('workspace_id', '=', workspaceId)
    .where('display_name', 'is not', null)
    .where('state', '<>', 'deleted')
    .limit(namesMax)
    .execute()
  const names = new Map<string, string[]>()
  for (const { display_name: displayName, address } of rows) {
    const skeleton = skeletonOf(displayName ?? '')
    names.set(skeleton, [...(names.get(skeleton) ?? []), address])
  }
  return names
}
