/**
 * FETCH (RFC 9051 §6.4.5, §7.5.2): one untagged response for each message, in UID order. Rows are read a page at a
 * time and bodies a batch at a time, large ones a chunk at a time, so that memory stays flat at any number and size
 * of messages. What clients ask for of a whole folder has a way of its own, light.ts. A message that was expunged in
 * between is not reported: the session learns of it by EXPUNGE.
 */
import { type BodyReader, batchesOfBodies, readBodies } from '../../../messages/bodies-read.ts'
import type { FlagState } from '../../../messages/changes.ts'
import { lightMessagesIn } from '../../../messages/light-folders.ts'
import { keepBody, rememberedMessage } from '../../../messages/remembered-bodies.ts'
import { mergeUidRanges, rangesOfUids, type UidRange } from '../../../messages/uid-ranges.ts'
import {
  bodiedMessagesMax,
  type MessageParts,
  type MessageRow,
  messageRowsMax,
  readMessages,
  readMessagesWithBodies,
} from '../../../messages/view.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { FetchItem } from '../syntax/fetch-item.ts'
import {
  encodeRowItem,
  type FetchedMessage,
  isRowItem,
  partsFor,
  previewsFor,
  writeContentItem,
} from './items.ts'
import { isLight, isRememberable, writeLight } from './light.ts'
import { encodeMessageFlags } from './message-flags.ts'
import { createFetchOutput, type FetchOutput, type Write } from './output.ts'
import type { FetchRequest, FetchTarget, SequenceOf } from './request.ts'

/** `unknown-cte`: an item was left out, and the command ends with NO [UNKNOWN-CTE] (RFC 3516 §4.3). */
export type FetchOutcome = 'done' | 'unknown-cte'

type Shown = Omit<FlagState, 'keywords'> & { keywords: readonly string[] }

/** Whether fetching these marks messages \Seen: RFC 9051 §6.4.5, and BINARY[...] by RFC 3516 §4.2. */
export function setsSeen(items: readonly FetchItem[]): boolean {
  return items.some((item) => {
    if (item.item === 'BODY[]' || item.item === 'BINARY[]') return !item.peek
    return item.item === 'RFC822' || item.item === 'RFC822.TEXT'
  })
}

/** The answer to a STORE.SILENT of a client that knows MODSEQs: `* 3 FETCH (UID 7 MODSEQ (12))` and CRLF. */
export function modseqResponse(sequence: number, { uid, modseq }: { uid: number; modseq: number }): string {
  return `* ${sequence} FETCH (UID ${uid} MODSEQ (${modseq}))\r\n`
}

/** The response that tells of changed flags: `* 3 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))` and CRLF. */
export function flagsResponse(
  sequence: number,
  state: Shown,
  options: { uid: boolean; modseq: boolean; recent: boolean },
): string {
  const uid = options.uid ? `UID ${state.uid} ` : ''
  const modseq = options.modseq ? ` MODSEQ (${state.modseq})` : ''
  const flags = encodeMessageFlags(state.flags, state.keywords, options.recent)
  return `* ${sequence} FETCH (${uid}FLAGS ${flags}${modseq})\r\n`
}

/**
 * Writes the responses. `write` takes a wire string (one character per byte) or bytes, and resolves when more may be
 * written.
 * @throws when a body breaks off inside a literal: the connection is out of step then and has to be closed.
 */
export async function writeFetch(
  platform: Platform,
  target: FetchTarget,
  request: FetchRequest,
  sequenceOf: SequenceOf,
  write: Write,
): Promise<FetchOutcome> {
  const items = itemsToShow(request)
  const needs = { parts: partsFor(items), bodies: !items.every((item) => isRowItem(item.item)) }
  const fetch: Fetch = {
    platform,
    request,
    items,
    output: createFetchOutput(write),
    outcome: 'done',
    previews: new Map(),
  }
  if (request.flagsAfter === undefined && isLight(items, request.remembered !== undefined)) {
    await writeLight(fetch, target, items, sequenceOf)
    return fetch.outcome
  }
  if (needs.bodies && isFew(request.ranges)) {
    await writeFew(fetch, sequenceOf, await openFew(fetch, target, needs.parts))
    return fetch.outcome
  }
  let afterUid = 0
  for (;;) {
    const { mailboxId, folderId } = target
    const options = { parts: needs.parts, afterUid }
    const rows = await readMessages(platform.db, mailboxId, folderId, request.ranges, options)
    const messages = rows.flatMap((row) => {
      const sequence = sequenceOf(row.uid)
      return sequence === null ? [] : [{ ...row, sequence }]
    })
    fetch.previews = await previewsFor(platform, items, messages)
    if (needs.bodies) await writeWithBodies(fetch, messages)
    else for (const message of messages) await writeMessage(fetch, message, null)
    const last = rows.at(-1)
    if (last === undefined || rows.length < messageRowsMax) break
    afterUid = last.uid
  }
  await fetch.output.flush()
  return fetch.outcome
}

type Fetch = {
  platform: Platform
  request: FetchRequest
  items: readonly FetchItem[]
  output: FetchOutput
  outcome: FetchOutcome
  /** Of the page in hand, by body id. */
  previews: ReadonlyMap<string, string>
}

function isFew(ranges: readonly UidRange[]): boolean {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0) <= bodiedMessagesMax
}

type Opened = { row: MessageRow; body: BodyReader }

/** Messages that somebody opens: rows and bodies in one statement, or none where they are remembered. */
async function openFew(
  { platform, request, items }: Fetch,
  { mailboxId, folderId }: FetchTarget,
  parts: MessageParts,
): Promise<Opened[]> {
  const folder = isRememberable(items) ? request.remembered : undefined
  const known = folder === undefined ? [] : [...lightMessagesIn(folder, mergeUidRanges(request.ranges))]
  const opened = known.map((message) => rememberedMessage(platform, folderId, message))
  const missing = known.flatMap(({ uid }, at) => (opened[at] === null ? [uid] : []))
  const ranges = folder === undefined ? request.ranges : rangesOfUids(missing)
  if (ranges.length === 0) return opened.filter((one) => one !== null)
  const read = await readMessagesWithBodies(platform.db, mailboxId, folderId, ranges, parts)
  for (const { row, frame } of read) keepBody(platform, folderId, row.uid, { ...row, frame })
  return [...opened.filter((one) => one !== null), ...read].sort((a, b) => a.row.uid - b.row.uid)
}

async function writeFew(fetch: Fetch, sequenceOf: SequenceOf, found: readonly Opened[]): Promise<void> {
  const { platform, items } = fetch
  const rows = found.map(({ row }) => row)
  fetch.previews = await previewsFor(platform, items, rows)
  for (const { row, body } of found) {
    const sequence = sequenceOf(row.uid)
    if (sequence !== null) await writeMessage(fetch, { ...row, sequence }, body)
  }
  await fetch.output.flush()
}

type NumberedRow = MessageRow & { sequence: number }

/** UID first where it belongs, and no item of the row twice: clients ask for UID FETCH ... (UID FLAGS). */
function itemsToShow(request: FetchRequest): FetchItem[] {
  const asked: FetchItem[] = request.uid ? [{ item: 'UID' }, ...request.items] : [...request.items]
  const names = new Set<string>()
  return asked.filter((item) => {
    const isNew = !isRowItem(item.item) || !names.has(item.item)
    names.add(item.item)
    return isNew
  })
}

async function writeWithBodies(fetch: Fetch, messages: readonly NumberedRow[]): Promise<void> {
  for (const batch of batchesOfBodies(messages)) {
    const ids = batch.map((message) => message.body_id)
    const bodies = await readBodies(fetch.platform.db, ids)
    for (const message of batch) {
      const body = bodies.get(message.body_id)
      if (body !== undefined) await writeMessage(fetch, message, body)
    }
  }
}

async function writeMessage(fetch: Fetch, row: NumberedRow, body: BodyReader | null): Promise<void> {
  const { output } = fetch
  const message = fetchedMessage(fetch, row)
  const before = fetch.request.before === undefined ? '' : fetch.request.before(message)
  if (before === null) return
  const start = `${before}* ${row.sequence} FETCH (`
  let separator = start
  for (const item of itemsOf(fetch, row.uid)) {
    const name = item.item
    if (isRowItem(name)) output.text(separator + encodeRowItem(message, name))
    else if (body === null) throw new Error(`${name} was asked for and no body was read`)
    else if (!(await writeContentItem(output, row, body, item, separator))) {
      fetch.outcome = 'unknown-cte'
      continue
    }
    separator = ' '
  }
  if (separator !== start) output.text(')\r\n') // the grammar has no response without an item
  await output.relieve()
}

const flagsItem: FetchItem = { item: 'FLAGS' }

function itemsOf({ items, request }: Fetch, uid: number): readonly FetchItem[] {
  if (request.flagsAfter?.has(uid) !== true) return items
  const more = [flagsItem, ...(request.withFlagsAfter ?? [])]
  return [...items, ...more.filter(({ item }) => !items.some((asked) => asked.item === item))]
}

function fetchedMessage({ request, previews }: Fetch, row: MessageRow): FetchedMessage {
  const after = request.flagsAfter?.get(row.uid)
  const { flags, keywords, modseq } = after !== undefined && after.modseq > row.modseq ? after : row
  return { row, flags, keywords, modseq, isRecent: request.isRecent(row.uid), previews }
}
