/**
 * METADATA of folders and of the server, RFC 5464: what is stored, and the entries that are computed and read-only
 * (§4.1): /shared/admin of the server and /private/specialuse of a folder (RFC 6154 §4).
 */
import {
  type Annotation,
  type AnnotationChange,
  readAnnotations,
  requireEntryName,
  writeAnnotations,
} from '../../messages/annotations.ts'
import type { Folder } from '../../messages/folders.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { type AuthenticatedSession, nameEncodingOf, type Session } from './session.ts'
import { attributeOf } from './special-uses.ts'
import { encodeAstring, encodeMailbox, encodeString, literalHeader } from './syntax/encode.ts'

export type MetadataQuery = {
  entries: readonly string[]
  depth: 0 | 1 | 'infinity'
  maxSizeBytes: number | null
}

export type FoundMetadata = {
  /** For each folder in its place. An entry that was asked for by name and is not there has the value null. */
  values: [entry: string, value: Buffer | null][][]
  /** The size of the largest value that was asked for and passes maxSizeBytes; 0 when none does. */
  longestBytes: number
}

type MetadataFolder = Pick<Folder, 'id' | 'special_use'>

const adminEntry = '/shared/admin'
const specialUseEntry = '/private/specialuse'

/**
 * Entries of folders, and of the server by null, in one statement for all of them.
 * @throws Refusal annotation_name_invalid.
 */
export async function readMetadata(
  { platform, state }: AuthenticatedSession,
  folders: readonly (MetadataFolder | null)[],
  query: MetadataQuery,
): Promise<FoundMetadata> {
  const entries = query.entries.map(requireEntryName)
  const { mailboxId } = state.owner
  const stored = await readAnnotations(platform.db, mailboxId, {
    folderIds: folders.map((folder) => folder?.id ?? null),
    entries,
    depth: query.depth,
    valueBytesMax: query.maxSizeBytes,
  })
  const byFolder = Map.groupBy(stored, (annotation) => annotation.folderId)
  let longestBytes = 0
  const values = folders.map((folder) => {
    const own = byFolder.get(folder?.id ?? null) ?? []
    const computed = computedEntry(platform.config.hostname, folder)
    const isWanted = computed.value !== null && isBelow(entries, query.depth, computed.entry)
    const found = isWanted ? [toAnnotation(computed, query.maxSizeBytes), ...own] : own
    longestBytes = found.reduce(
      (longest, { sizeBytes, value }) => (value === null ? Math.max(longest, sizeBytes) : longest),
      longestBytes,
    )
    return listed(found, query.depth === 0 ? entries : [])
  })
  return { values, longestBytes }
}

/**
 * @throws Refusal annotation_name_invalid, annotation_too_large, annotation_limit_reached, folder_not_found,
 * forbidden for an entry that is read-only.
 */
export async function writeMetadata(
  { platform, state }: AuthenticatedSession,
  folderId: string | null,
  values: readonly AnnotationChange[],
): Promise<void> {
  const changes = values.map(({ entry, value }) => ({ entry: requireEntryName(entry), value }))
  for (const { entry } of changes) {
    // What is shared by all users of the server is not for one of them to write (§3.3).
    if (folderId === null ? entry.startsWith('/shared') : entry === specialUseEntry) {
      throw new Refusal('forbidden', `The entry ${entry} is read-only`)
    }
  }
  await transaction(platform.db, (tx) => writeAnnotations(platform, tx, state.owner, folderId, changes))
}

/** `* METADATA "a" (/private/comment "text")` with CRLF. @param mailbox null for the server. */
export function encodeMetadata(
  session: Session,
  mailbox: string | null,
  values: readonly (readonly [entry: string, value: Buffer | null])[],
): string {
  const encoding = nameEncodingOf(session)
  const pairs = values.map(
    ([entry, value]) => `${encodeAstring(entry)} ${encodeValue(value, encoding === 'utf-8')}`,
  )
  const name = mailbox === null ? '""' : encodeMailbox(mailbox, encoding)
  return `* METADATA ${name} (${pairs.join(' ')})\r\n`
}

/** nstring / literal8: only the last can hold NUL. */
function encodeValue(value: Buffer | null, utf8: boolean): string {
  if (value === null) return 'NIL'
  if (!value.includes(0)) return encodeString(value, utf8)
  return literalHeader(value.length, true) + value.toString('latin1')
}

type ComputedEntry = { entry: string; folderId: string | null; value: string | null }

function computedEntry(hostname: string, folder: MetadataFolder | null): ComputedEntry {
  return folder === null
    ? { entry: adminEntry, folderId: null, value: `mailto:postmaster@${hostname}` } // RFC 5321 §4.5.1
    : { entry: specialUseEntry, folderId: folder.id, value: attributeOf(folder.special_use) }
}

function toAnnotation({ entry, folderId, value }: ComputedEntry, bytesMax: number | null): Annotation {
  const bytes = Buffer.from(value ?? '')
  const fits = bytesMax === null || bytes.length <= bytesMax
  return { entry, folderId, sizeBytes: bytes.length, value: fits ? bytes : null }
}

function isBelow(names: readonly string[], depth: MetadataQuery['depth'], entry: string): boolean {
  const levels = (name: string): number => name.split('/').length
  return names.some(
    (name) =>
      name === entry ||
      (depth !== 0 &&
        entry.startsWith(`${name}/`) &&
        (depth === 'infinity' || levels(entry) === levels(name) + 1)),
  )
}

/** Values that are too large are left out; `named` entries that are not there are shown as NIL (RFC 9590 §3). */
function listed(found: readonly Annotation[], named: readonly string[]): FoundMetadata['values'][number] {
  const have = new Set(found.map(({ entry }) => entry))
  return [
    ...found.flatMap(({ entry, value }): [string, Buffer][] => (value === null ? [] : [[entry, value]])),
    ...named.filter((name) => !have.has(name)).map((name): [string, null] => [name, null]),
  ]
}
