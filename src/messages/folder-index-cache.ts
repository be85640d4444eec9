/**
 * What this process remembers of large folders that were selected: their UIDs at a MODSEQ. It only saves reading them
 * again; whoever uses an entry first reads what changed after its MODSEQ, so that neither another node nor a restart
 * can make it wrong. Sessions share the arrays, which nobody changes in place.
 */
import type { Platform } from '../platform/platform.ts'

export type CachedIndex = {
  readonly uids: Uint32Array
  /** The folder's at the moment when these were its UIDs. */
  readonly uidnext: number
  readonly modseq: number
  readonly uidvalidity: number
  /** Messages with a UID below `uid` were \Seen when the folder was at `modseq`. */
  readonly seenBelow: { uid: number; modseq: number }
}

export type FolderIndexCache = {
  get(folderId: string): CachedIndex | undefined
  /** Keeps an index unless a younger one is kept already. Small ones are read again as fast. */
  set(folderId: string, index: CachedIndex): void
  delete(folderId: string): void
}

/** Fewer messages than this are read as fast as the change since. */
const messagesMin = 2_000
const totalBytesMax = 64 * 1024 ** 2

export function createFolderIndexCache(
  options: { messagesMin: number; totalBytesMax: number } = { messagesMin, totalBytesMax },
): FolderIndexCache {
  const entries = new Map<string, CachedIndex>()
  let totalBytes = 0

  const drop = (folderId: string): void => {
    totalBytes -= entries.get(folderId)?.uids.byteLength ?? 0
    entries.delete(folderId)
  }
  return {
    get(folderId) {
      const entry = entries.get(folderId)
      if (entry === undefined) return undefined
      entries.delete(folderId)
      entries.set(folderId, entry) // a Map iterates in order of insertion: last used goes last
      return entry
    },
    set(folderId, index) {
      const kept = entries.get(folderId)
      if (kept !== undefined && kept.modseq > index.modseq && kept.uidvalidity === index.uidvalidity) return
      drop(folderId)
      const { byteLength, length } = index.uids
      if (length < options.messagesMin || byteLength > options.totalBytesMax) return
      entries.set(folderId, index)
      totalBytes += byteLength
      for (const oldest of entries.keys()) {
        if (totalBytes <= options.totalBytesMax) break
        drop(oldest)
      }
    },
    delete: drop,
  }
}

const caches = new WeakMap<Platform, FolderIndexCache>()

/** The one of this process. */
export function folderIndexCacheOf(platform: Platform): FolderIndexCache {
  const kept = caches.get(platform)
  if (kept !== undefined) return kept
  const made = createFolderIndexCache()
  caches.set(platform, made)
  return made
}
