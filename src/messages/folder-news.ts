/**
 * What happened in a folder after a MODSEQ. Nothing here locks; a session that reads while others write sees their
 * changes by MODSEQ afterwards.
 */
import { sql } from 'kysely'
import type { Platform } from '../platform/platform.ts'
import type { FlagState } from './changes.ts'
import type { LightFolder } from './light-folders.ts'
import { packedUids, unpackUids } from './packed-uids.ts'
import { lowerBound, uidsNotIn } from './uid-arrays.ts'

/** A state of a folder that the caller knows. */
export type KnownState = { mailboxId: string; folderId: string; modseq: number; uidnext: number }

/**
 * The news of a remembered folder, without reading.
 * @param uids the messages that the caller knows.
 */
export function newsOf(folder: LightFolder, known: KnownState, uids: Uint32Array): FolderNews {
  const from = lowerBound(folder.uids, known.uidnext)
  const changed: FlagState[] = []
  for (let at = 0; at < from; at++) {
    const modseq = folder.modseqs[at] ?? 0
    if (modseq <= known.modseq) continue
    const uid = folder.uids[at] ?? 0
    changed.push({
      uid,
      flags: folder.flags[at] ?? 0,
      keywords: [...(folder.keywords.get(uid) ?? [])],
      modseq,
    })
  }
  const expunged = uidsNotIn(uids, folder.uids)
  return {
    highestModseq: folder.modseq,
    uidnext: Math.max(known.uidnext, (folder.uids.at(-1) ?? 0) + 1),
    added: folder.uids.slice(from),
    expunged,
    expungedFrom: expunged.length === 0 ? null : known.modseq + 1,
    isForgotten: false,
    changed: changed.length > changesMax ? null : changed,
  }
}

export type FolderNews = {
  highestModseq: number
  uidnext: number
  /** UIDs from the known `uidnext` on, ascending. */
  added: Uint32Array
  /** Ascending. Some may be of messages that the caller never saw. */
  expunged: Uint32Array
  /** The lowest MODSEQ at which one of `expunged` was. */
  expungedFrom: number | null
  /** Older tombstones are gone: what was expunged can only be told by what is left. */
  isForgotten: boolean
  /** Messages below the known `uidnext` that changed, in UID order; null when they are more than `changesMax`. */
  changed: FlagState[] | null
}

/** Changed messages that are read with the other news. Of more, their UIDs are to be read first. */
export const changesMax = 1_000

/** Whether anything happened in a folder after a MODSEQ, or the folder is gone. The cheapest look there is. */
export async function hasNews(platform: Platform, known: KnownState): Promise<boolean> {
  const { rows } = await sql<{ modseq: number }>`/* prepared folder_modseq */
    select highest_modseq as modseq from folders
    where mailbox_id = ${known.mailboxId}::uuid and id = ${known.folderId}::uuid`.execute(platform.db)
  return rows[0]?.modseq !== known.modseq
}

type NewsRow = {
  modseq: number
  uidnext: number
  forgotten: number
  added: Buffer | null
  expunged: Buffer | null
  expunged_from: number | null
  changed: [uid: number, flags: number, keywords: string[], modseq: number][] | null
}

/**
 * In one statement and so of one moment: a message that is new and at once changed again must not fall between two.
 * @returns null when the folder is gone.
 */
export async function readFolderNews(platform: Platform, known: KnownState): Promise<FolderNews | null> {
  const inFolder = sql`mailbox_id = ${known.mailboxId}::uuid and folder_id = ${known.folderId}::uuid`
  const { rows } = await sql<NewsRow>`/* prepared folder_news */
    select highest_modseq as modseq, uidnext, tombstones_from_modseq as forgotten, (
      select ${packedUids} from messages where ${inFolder} and uid >= ${known.uidnext}::bigint
    ) as added, expunged.uids as expunged, expunged.modseq as expunged_from, (
      select json_agg(json_build_array(uid, flags, keywords, modseq)) from (
        select uid, flags, keywords, modseq from messages
        where ${inFolder} and modseq > ${known.modseq}::bigint and uid < ${known.uidnext}::bigint
        limit ${sql.lit(changesMax + 1)}
      ) as changes
    ) as changed
    from folders cross join (
      select ${packedUids} as uids, min(modseq) as modseq from expunged_messages
      where ${inFolder} and modseq > ${known.modseq}::bigint
    ) as expunged
    where mailbox_id = ${known.mailboxId}::uuid and id = ${known.folderId}::uuid`.execute(platform.db)
  const row = rows[0]
  if (row === undefined) return null
  const changed = (row.changed ?? []).map(([uid, flags, keywords, modseq]) => ({
    uid,
    flags,
    keywords,
    modseq,
  }))
  return {
    highestModseq: row.modseq,
    uidnext: row.uidnext,
    added: unpackUids(row.added),
    expunged: unpackUids(row.expunged),
    expungedFrom: row.expunged_from,
    isForgotten: row.forgotten > known.modseq,
    changed: changed.length > changesMax ? null : changed.sort((a, b) => a.uid - b.uid),
  }
}

/** UIDs of the messages whose MODSEQ is above one, ascending. */
export async function readChangedUids(
  platform: Platform,
  folder: { mailboxId: string; folderId: string },
  modseq: number,
): Promise<Uint32Array> {
  const { rows } = await sql<{ uids: Buffer | null }>`/* prepared changed_uids */
    select ${packedUids} as uids from messages
    where mailbox_id = ${folder.mailboxId}::uuid and folder_id = ${folder.folderId}::uuid
      and modseq > ${modseq}::bigint`.execute(platform.db)
  return unpackUids(rows[0]?.uids ?? null)
}

/** UIDs that were expunged after a MODSEQ, ascending; null when some of their tombstones may be gone. */
export async function readExpungedUids(
  platform: Platform,
  folder: { mailboxId: string; folderId: string },
  modseq: number,
): Promise<Uint32Array | null> {
  const { rows } = await sql<{ uids: Buffer | null; forgotten: number }>`/* prepared expunged_uids */
    select tombstones_from_modseq as forgotten, (
      select ${packedUids} from expunged_messages
      where mailbox_id = folders.mailbox_id and folder_id = folders.id and modseq > ${modseq}::bigint
    ) as uids
    from folders where mailbox_id = ${folder.mailboxId}::uuid and id = ${folder.folderId}::uuid`.execute(
    platform.db,
  )
  const row = rows[0]
  return row === undefined || row.forgotten > modseq ? null : unpackUids(row.uids)
}
