/** Folders that deliveries name, remembered by mailbox until the event log tells of a change. */
import { canonicalPath, createFolder, findFolder } from '../../messages/folders.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { SpecialUse } from '../../messages/tables.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

const mailboxesMax = 20_000
const namesPerMailboxMax = 100
const ttlMs = 60_000

/** @returns the folder of that path; null when there is none and `create` does not ask for one, or none can be made. */
export async function folderByPath(
  platform: Platform,
  owner: MailboxOwner,
  path: string,
  create: boolean,
): Promise<string | null> {
  const find = async () => (await findFolder(platform, owner.mailboxId, path))?.id ?? null
  const id = await remembered(platform, owner.mailboxId, canonicalPath(path), find)
  return id ?? (create ? await makeFolder(platform, owner, path, null) : null)
}

/** @returns the folder of that use, made under the usual name where there is none; null when it cannot be. */
export async function folderByUse(
  platform: Platform,
  owner: MailboxOwner,
  use: SpecialUse,
  usualPath: string,
): Promise<string | null> {
  const find = async () => {
    const row = await platform.db
      .selectFrom('folders')
      .select('id')
      .where('mailbox_id', '=', owner.mailboxId)
      .where('special_use', '=', use)
      .executeTakeFirst()
    return row?.id ?? null
  }
  const id = await remembered(platform, owner.mailboxId, `\0${use}`, find)
  if (id !== null) return id
  const made = await makeFolder(platform, owner, usualPath, use)
  return made ?? (await folderByPath(platform, owner, usualPath, false))
}

async function makeFolder(
  platform: Platform,
  owner: MailboxOwner,
  path: string,
  use: SpecialUse | null,
): Promise<string | null> {
  try {
    return (await transaction(platform.db, (tx) => createFolder(platform, tx, owner, path, use))).id
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // Another delivery may have made it in the meantime.
    return (await findFolder(platform, owner.mailboxId, path))?.id ?? null
  }
}

type Names = Map<string, string>
const caches = new WeakMap<Platform, Cache<Names>>()

async function remembered(
  platform: Platform,
  mailboxId: string,
  name: string,
  find: () => Promise<string | null>,
): Promise<string | null> {
  const cache = cacheOf(platform)
  const names: Names = cache.get(mailboxId) ?? new Map()
  cache.set(mailboxId, names)
  const kept = names.get(name)
  if (kept !== undefined) return kept
  const id = await find()
  // Should it be out of date by now, these names are no longer the cache's.
  if (id !== null && names.size < namesPerMailboxMax) names.set(name, id)
  return id
}

function cacheOf(platform: Platform): Cache<Names> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<Names>({ entriesMax: mailboxesMax, ttlMs })
  platform.bus.subscribe(({ type, mailboxId }) => {
    if (mailboxId !== null && (type === 'folder.deleted' || type === 'folder.renamed'))
      cache.delete(mailboxId)
    else if (type === 'mailbox.purged' && mailboxId !== null) cache.delete(mailboxId)
  })
  caches.set(platform, cache)
  return cache
}
