/**
 * Looks for texts in the content of a message: in its text parts (transfer encoding and charset undone), and in its
 * headers. Attached messages are part of the content. A part is read in pieces, so a large text needs no more memory
 * than a small one; a text that lies across two pieces is found.
 */

import type { ByteRange } from '../bodies.ts'
import { type BodyReader, readRange } from '../bodies-read.ts'
import { readPartText } from '../content/part-text.ts'
import { decodeHeaderText } from '../mime/encoded-words.ts'
import { parseHeaderFields } from '../mime/header-fields.ts'
import { mimeLimits } from '../mime/mime-limits.ts'
import type { MimePart } from '../mime/structure.ts'
import { foldHeaderText, foldText } from './search-fold.ts'

/** Folded texts: to be found in text parts only, or there and in headers. */
export type Needles = { body: Set<string>; anywhere: Set<string> }
/** Those that were found. */
export type FoundNeedles = { body: ReadonlySet<string>; anywhere: ReadonlySet<string> }

export async function findNeedles(body: BodyReader, root: MimePart, needles: Needles): Promise<FoundNeedles> {
  const search = startSearch(needles)
  for (const part of partsOf(root)) {
    if (isDone(search)) break
    if (search.missing.anywhere.size > 0) lookInHeader(search, await readRange(body, headerRange(part)))
    if (isText(part)) await lookInText(search, body, part)
  }
  return search.found
}

/** The header of a message or part, as far as the structure parser read it too. */
export function headerRange(part: MimePart): ByteRange {
  const end = Math.min(part.bodyStart, part.headerStart + mimeLimits.headerBytesPerPartMax)
  return { start: part.headerStart, end }
}

type Search = { missing: Needles; found: Needles; longestChars: number }

function startSearch(needles: Needles): Search {
  const search: Search = {
    missing: { body: new Set(needles.body), anywhere: new Set(needles.anywhere) },
    found: { body: new Set(), anywhere: new Set() },
    longestChars: Math.max(
      0,
      ...Array.from([...needles.body, ...needles.anywhere], (needle) => needle.length),
    ),
  }
  lookFor(search, 'body', '') // an empty text is in every message
  lookFor(search, 'anywhere', '')
  return search
}

function isDone({ missing }: Search): boolean {
  return missing.body.size + missing.anywhere.size === 0
}

function lookFor(search: Search, place: keyof Needles, text: string): void {
  for (const needle of search.missing[place]) {
    if (!text.includes(needle)) continue
    search.missing[place].delete(needle)
    search.found[place].add(needle)
  }
}

/** A part and those within it, in the order of the message. */
export function* partsOf(part: MimePart): Generator<MimePart, void> {
  yield part
  for (const child of part.parts ?? []) yield* partsOf(child)
  if (part.message !== undefined) yield* partsOf(part.message.part)
}

/** Delivery reports and the like (message/delivery-status) are text under another name. */
export function isText(part: MimePart): boolean {
  return part.type === 'text' || (part.type === 'message' && part.message === undefined)
}

function lookInHeader(search: Search, header: Buffer): void {
  for (const line of foldedHeaderLines(header)) lookFor(search, 'anywhere', line)
}

/** The fields of a header as search sees them, each in one line. */
export function foldedHeaderLines(header: Buffer): string[] {
  return parseHeaderFields(header).map(({ name, value }) => {
    const text = decodeHeaderText(value)
    return foldHeaderText(name === '' ? text : `${name}: ${text}`)
  })
}

async function lookInText(search: Search, body: BodyReader, part: MimePart): Promise<void> {
  let carried = ''
  for await (const text of readFoldedText(body, part)) {
    const folded = carried + text
    lookFor(search, 'body', folded)
    lookFor(search, 'anywhere', folded)
    if (isDone(search)) return
    carried = search.longestChars > 1 ? folded.slice(1 - search.longestChars) : ''
  }
}

/** The text of a text part in pieces, folded. Never fails: what cannot be decoded is taken as it is. */
export async function* readFoldedText(body: BodyReader, part: MimePart): AsyncGenerator<string, void> {
  for await (const text of readPartText(body, part)) yield foldText(text)
}
