/** A folder as a session selects it: its row, its UIDs and its keywords, of one moment. */
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import { flagBits, uniqueKeywords } from './flags.ts'
import { type CachedIndex, folderIndexCacheOf } from './folder-index-cache.ts'
import { type Folder, folderColumns } from './folders.ts'
import { knownLightFolder } from './light-folders.ts'
import { packedUids, unpackUids } from './packed-uids.ts'
import { mergeUids } from './uid-arrays.ts'

export type FolderIndex = {
  folder: Readonly<Folder>
  /** Ascending. Never changed in place, because others may hold the same array. */
  uids: Uint32Array
  /** Those of the newest messages that have any; at most `keywordsShownMax`. */
  keywords: string[]
}

export const keywordsShownMax = 100
/** Messages whose keywords are looked at. */
const keywordedMessagesMax = 1_000

/** @returns null when the folder is gone. */
export async function readFolderIndex(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<FolderIndex | null> {
  const cache = folderIndexCacheOf(platform)
  const known = cache.get(folderId)
  const read = await readSince(platform, mailboxId, folderId, known)
  if (read === null) {
    cache.delete(folderId)
    return null
  }
  const { folder, keywords } = read
  if (known !== undefined && !reaches(known, folder)) {
    cache.delete(folderId)
    return await readFolderIndex(platform, mailboxId, folderId)
  }
  const uids = known === undefined ? read.added : mergeUids(known.uids, read.expunged, read.added)
  const { uidnext, uidvalidity, highest_modseq: modseq } = folder
  const seenBelow =
    folder.unseen_count === 0 ? { uid: uidnext, modseq } : (known?.seenBelow ?? { uid: 0, modseq })
  cache.set(folderId, { uids, uidnext, modseq, uidvalidity, seenBelow })
  return { folder, uids, keywords: uniqueKeywords(keywords).slice(0, keywordsShownMax) }
}

/** The same without reading, of a folder that is remembered as it is in its row; else null. */
export function rememberedIndex(platform: Platform, folder: Readonly<Folder>): FolderIndex | null {
  const light = knownLightFolder(platform, folder.id)
  if (light === null || light.modseq !== folder.highest_modseq) return null
  const newest = [...light.keywords.keys()].sort((a, b) => b - a).slice(0, keywordedMessagesMax)
  const keywords = new Set(newest.flatMap((uid) => light.keywords.get(uid) ?? []))
  return {
    folder,
    uids: light.uids,
    keywords: uniqueKeywords([...keywords].sort()).slice(0, keywordsShownMax),
  }
}

/** Whether what happened since is still known. */
function reaches(known: CachedIndex, folder: Folder): boolean {
  return folder.uidvalidity === known.uidvalidity && folder.tombstones_from_modseq <= known.modseq
}

type ReadSince = { folder: Folder; keywords: string[]; added: Uint32Array; expunged: Uint32Array }

type IndexRow = Folder & { added: Buffer | null; expunged: Buffer | null; used_keywords: string[] }

/** In one statement and so of one moment. */
async function readSince(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  known: CachedIndex | undefined,
): Promise<ReadSince | null> {
  const { uidnext, modseq } = known ?? { uidnext: 0, modseq: Number.MAX_SAFE_INTEGER }
  const { rows } = await sql<IndexRow>`/* prepared folder_index */
    select ${folderColumns}, (
      select ${packedUids} from messages
      where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and uid >= ${uidnext}::bigint
    ) as added, (
      select ${packedUids} from expunged_messages
      where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and modseq > ${modseq}::bigint
    ) as expunged, array(
      select distinct keyword from (
        select keywords from messages
        where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and keywords <> '{}'
        order by uid desc limit ${sql.lit(keywordedMessagesMax)}
      ) as newest, unnest(newest.keywords) as keyword
    ) as used_keywords
    from folders where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid`.execute(platform.db)
  const row = rows[0]
  if (row === undefined) return null
  const { added, expunged, used_keywords: keywords, ...folder } = row
  return { folder, keywords, added: unpackUids(added), expunged: unpackUids(expunged) }
}

/**
 * The first message without \Seen; null when all have it. In a folder that is remembered, only messages that changed
 * and those from the last answer on are looked at.
 */
export async function firstUnseenUid(platform: Platform, folder: Readonly<Folder>): Promise<number | null> {
  if (folder.unseen_count === 0) return null
  const light = knownLightFolder(platform, folder.id)
  if (light?.modseq === folder.highest_modseq) {
    const at = light.flags.findIndex((flags) => (flags & flagBits.seen) === 0)
    return light.uids[at] ?? null
  }
  const cache = folderIndexCacheOf(platform)
  const from = cache.get(folder.id)?.seenBelow ?? { uid: 0, modseq: folder.highest_modseq }
  const inFolder = sql`mailbox_id = ${folder.mailbox_id}::uuid and folder_id = ${folder.id}::uuid`
  const unseen = sql`flags & ${sql.lit(flagBits.seen)} = 0`
  // `uid + 0`: else the planner may look for the smallest UID first, and for its MODSEQ message by message.
  const { rows } = await sql<{
    uid: number | null
    uidnext: number
    modseq: number
  }>`/* prepared first_unseen */
    select uidnext, highest_modseq as modseq, least(
      (select min(uid + 0) from messages
        where ${inFolder} and modseq > ${from.modseq}::bigint and uid < ${from.uid}::bigint and ${unseen}),
      (select uid from messages where ${inFolder} and uid >= ${from.uid}::bigint and ${unseen} order by uid limit 1)
    ) as uid
    from folders where mailbox_id = ${folder.mailbox_id}::uuid and id = ${folder.id}::uuid`.execute(
    platform.db,
  )
  const row = rows[0]
  if (row === undefined) return null
  const known = cache.get(folder.id)
  if (known !== undefined && known.uidvalidity === folder.uidvalidity) {
    cache.set(folder.id, { ...known, seenBelow: { uid: row.uid ?? row.uidnext, modseq: row.modseq } })
  }
  return row.uid
}
