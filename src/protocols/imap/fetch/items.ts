/** Each FETCH item with its value, as it stands in the response (RFC 9051 §7.5.2). */
import type { BodyReader } from '../../../messages/bodies-read.ts'
import { readPreviews } from '../../../messages/previews.ts'
import type { MessageParts, MessageRow } from '../../../messages/view.ts'
import type { Platform } from '../../../platform/platform.ts'
import { encodeDateTime } from '../syntax/date-time.ts'
import { encodeNstring } from '../syntax/encode.ts'
import { encodeBody, encodeBodyStructure, encodeEnvelope } from '../syntax/encode-structure.ts'
import { type FetchItem, fetchItemName, type Section } from '../syntax/fetch-item.ts'
import { binarySize, findBinaryPart, writeBinary } from './binary.ts'
import { encodeMessageFlags } from './message-flags.ts'
import { emailId, threadId } from './object-ids.ts'
import type { FetchOutput } from './output.ts'
import { needsStructure, writeSection } from './sections.ts'

/** A message and the flags to show, which may be younger than its row. */
export type FetchedMessage = {
  row: MessageRow
  flags: number
  keywords: readonly string[]
  modseq: number
  isRecent: boolean
  /** As far as they were asked for, by body id; see previewsFor. */
  previews: ReadonlyMap<string, string>
}

const contentItems = ['BODY[]', 'BINARY[]', 'BINARY.SIZE', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT'] as const

/** Items made from the message's row; the others are made from its octets. */
export type RowItem = Exclude<FetchItem['item'], (typeof contentItems)[number]>

const contentItemNames: ReadonlySet<string> = new Set(contentItems)

export function isRowItem(name: FetchItem['item']): name is RowItem {
  return !contentItemNames.has(name)
}

/** Which of envelope and structure have to be read for these items. */
export function partsFor(items: readonly FetchItem[]): MessageParts {
  const envelope = items.some(({ item }) => item === 'ENVELOPE')
  const structure = items.some(usesStructure)
  if (envelope) return structure ? 'both' : 'envelope'
  return structure ? 'structure' : 'none'
}

function usesStructure(item: FetchItem): boolean {
  if (item.item === 'BINARY[]' || item.item === 'BINARY.SIZE') return item.part.length > 0
  const section = sectionOf(item)
  if (section !== null) return needsStructure(section)
  return item.item === 'BODY' || item.item === 'BODYSTRUCTURE'
}

/** RFC 9051 §6.4.5: the RFC822 items are BODY[], BODY.PEEK[HEADER] and BODY[TEXT] under other names. */
function sectionOf(item: FetchItem): Section | null {
  switch (item.item) {
    case 'BODY[]':
      return item.section
    case 'RFC822':
      return { part: [], text: 'all' }
    case 'RFC822.HEADER':
      return { part: [], text: 'header' }
    case 'RFC822.TEXT':
      return { part: [], text: 'text' }
    default:
      return null
  }
}

/** `FLAGS (\Seen)` and the like, as a wire string. */
export function encodeRowItem(message: FetchedMessage, name: RowItem): string {
  return `${name} ${rowValue(message, name)}`
}

function rowValue(message: FetchedMessage, name: RowItem): string {
  const { row, flags, keywords, modseq, isRecent, previews } = message
  switch (name) {
    case 'UID':
      return String(row.uid)
    case 'FLAGS':
      return encodeMessageFlags(flags, keywords, isRecent)
    case 'MODSEQ':
      return `(${modseq})`
    case 'INTERNALDATE':
      return encodeDateTime(row.internal_date)
    case 'SAVEDATE':
      return encodeDateTime(row.saved_at)
    case 'RFC822.SIZE':
      return String(row.size_bytes)
    case 'EMAILID':
      return `(${emailId(row.body_id)})`
    case 'THREADID':
      return `(${threadId(row.thread_id)})`
    case 'ENVELOPE':
      return row.envelope === null ? missing(name) : encodeEnvelope(row.envelope)
    case 'BODY':
      return row.structure === null ? missing(name) : encodeBody(row.structure)
    case 'BODYSTRUCTURE':
      return row.structure === null ? missing(name) : encodeBodyStructure(row.structure)
    case 'PREVIEW':
      return encodeNstring(previews.get(row.body_id)) // NIL: not kept yet (RFC 8970 §4)
  }
}

/** The previews that the items ask for, by body id (RFC 8970 §3). With LAZY those that are kept already. */
export async function previewsFor(
  platform: Platform,
  items: readonly FetchItem[],
  rows: readonly MessageRow[],
): Promise<ReadonlyMap<string, string>> {
  const asked = items.flatMap((item) => (item.item === 'PREVIEW' ? [item] : []))
  if (asked.length === 0 || rows.length === 0) return noPreviews
  return await readPreviews(platform, rows, { lazy: asked.every(({ lazy }) => lazy) })
}

const noPreviews: ReadonlyMap<string, string> = new Map()

function missing(name: RowItem): never {
  throw new Error(`${name} was asked for and not read`)
}

/**
 * Writes an item that is made from the message's octets.
 * @returns false when nothing was written: a BINARY part in an unknown transfer encoding.
 */
export async function writeContentItem(
  output: FetchOutput,
  row: MessageRow,
  body: BodyReader,
  item: FetchItem,
  separator: string,
): Promise<boolean> {
  const name = `${separator}${fetchItemName(item)} `
  const section = sectionOf(item)
  if (section !== null) {
    output.text(name)
    await writeSection(output, body, row.structure, section, item.item === 'BODY[]' ? item.partial : null)
  } else if (item.item === 'BINARY[]' || item.item === 'BINARY.SIZE') {
    const part = findBinaryPart(body, row.structure, item.part)
    if (part?.encoding === null) return false
    output.text(name)
    if (item.item === 'BINARY[]') await writeBinary(output, body, part, item.partial)
    else output.text(String(await binarySize(body, part)))
  }
  return true
}
