/**
 * Previews of messages (RFC 8970): made when one is first asked for, since a delivery has better things to do, and then
 * kept with the body, whose content never changes.
 */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type BodyReader, batchesOfBodies, readBodies, readRange } from './bodies-read.ts'
import { decodeCharset } from './mime/charset.ts'
import { previewOfText } from './mime/preview-text.ts'
import type { MimePart } from './mime/structure.ts'
import { createTransferDecoder } from './mime/transfer-decoder.ts'

/** Encoded octets of a part that are read for a preview: the heads and styles of HTML are long. */
const partBytesMax = 64 * 1024
/** Parts that are tried before a message counts as one without text. */
const partsTriedMax = 4

type Previewed = { body_id: string; size_bytes: number }

/**
 * Previews by body id, at most 200 characters each; empty for a message without text.
 * @param lazy only what is kept already, RFC 8970 §4: the others are not in the result.
 */
export async function readPreviews(
  platform: Pick<Platform, 'db' | 'log'>,
  messages: readonly Previewed[],
  { lazy }: { lazy: boolean },
): Promise<Map<string, string>> {
  const previews = new Map<string, string>()
  const structures = new Map<string, MimePart>()
  for (const { id, preview, structure } of await readKept(platform.db, messages, lazy)) {
    if (preview !== null) previews.set(id, preview)
    else if (structure !== null) structures.set(id, structure)
  }
  const wanted = messages.filter(({ body_id }) => structures.has(body_id))
  for (const batch of batchesOfBodies(wanted)) {
    const made = await makePreviews(platform.db, batch, structures)
    for (const [id, preview] of made) previews.set(id, preview)
    await keepPreviews(platform, made)
  }
  return previews
}

type KeptRow = { id: string; preview: string | null; structure: MimePart | null }

async function readKept(db: Db, messages: readonly Previewed[], lazy: boolean): Promise<KeptRow[]> {
  const ids = [...new Set(messages.map(({ body_id }) => body_id))]
  const { rows } = await sql<KeptRow>`/* prepared kept_previews */
    select id, preview, case when preview is null and not ${lazy}::boolean then structure end as structure
    from bodies where id = any(${uuidArray(ids)})`.execute(db)
  return rows
}

async function makePreviews(
  db: Db,
  messages: readonly Previewed[],
  structures: ReadonlyMap<string, MimePart>,
): Promise<Map<string, string>> {
  const made = new Map<string, string>()
  const bodies = await readBodies(
    db,
    messages.map(({ body_id }) => body_id),
  )
  for (const [id, body] of bodies) {
    const structure = structures.get(id)
    if (structure !== undefined) made.set(id, await makePreview(body, structure))
  }
  return made
}

/** Of a body that is being read already and has none kept yet. */
export async function firstPreview(
  platform: Pick<Platform, 'db' | 'log'>,
  bodyId: string,
  body: BodyReader,
  structure: MimePart,
): Promise<string> {
  const preview = await makePreview(body, structure)
  await keepPreviews(platform, new Map([[bodyId, preview]]))
  return preview
}

/** A reader is answered also when it cannot be kept: the next one makes it again. */
async function keepPreviews(
  platform: Pick<Platform, 'db' | 'log'>,
  made: ReadonlyMap<string, string>,
): Promise<void> {
  const [ids, texts] = [[...made.keys()], [...made.values()]]
  try {
    await sql`/* prepared keep_previews */
      update bodies set preview = new.preview
      from unnest(${uuidArray(ids)}, ${texts}::text[]) as new (id, preview)
      where bodies.id = new.id and bodies.preview is null`.execute(platform.db)
  } catch (cause) {
    platform.log.warn({ event: 'previews.not_kept', count: ids.length, cause })
  }
}

/** The preview of one message. */
export async function makePreview(body: BodyReader, root: MimePart): Promise<string> {
  for (const part of textParts(root).slice(0, partsTriedMax)) {
    const text = await readText(body, part)
    const preview = text === null ? '' : previewOfText(text, part.subtype === 'html' ? 'html' : 'plain')
    if (preview !== '') return preview
  }
  return ''
}

/** Texts that are shown, in the order in which they are tried: of alternatives the plain one, which costs less. */
function textParts(part: MimePart): MimePart[] {
  if (part.disposition?.type === 'attachment') return []
  if (part.message !== undefined) return textParts(part.message.part)
  if (part.parts === undefined) return part.type === 'text' && part.subtype !== 'calendar' ? [part] : []
  if (part.subtype === 'encrypted') return []
  const texts = part.parts.flatMap(textParts)
  if (part.subtype !== 'alternative') return texts
  const isPlain = ({ subtype }: MimePart): boolean => subtype === 'plain'
  return [...texts.filter(isPlain), ...texts.filter((text) => !isPlain(text))]
}

/** The beginning of a text; null for a transfer encoding that is not known. */
async function readText(body: BodyReader, part: MimePart): Promise<string | null> {
  const decoder = createTransferDecoder(part.encoding)
  if (decoder === null) return null
  const end = Math.min(part.end, part.bodyStart + partBytesMax)
  const encoded = await readRange(body, { start: part.bodyStart, end })
  const decoded = Buffer.concat([decoder.write(encoded), decoder.end()])
  const charset = part.params?.find(([name]) => name === 'charset')?.[1] ?? null
  return decodeCharset(decoded, charset)
}
