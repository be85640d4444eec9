/**
 * FETCH of flags and the like, which clients ask for of whole folders: read packed, written as text. A FETCH of a
 * million FLAGS takes some seconds and no more memory than a page. Of a folder that this process remembers nothing is
 * read, and the envelopes that were shown before are shown again: a client's list of messages costs no statement.
 */
import {
  keepText,
  type LightFolder,
  lightMessagesIn,
  rememberedMessagesMax,
} from '../../../messages/light-folders.ts'
import { type LightMessage, readLightMessages } from '../../../messages/light-messages.ts'
import { mergeUidRanges, rangesOfUids } from '../../../messages/uid-ranges.ts'
import { readMessages } from '../../../messages/view.ts'
import type { Platform } from '../../../platform/platform.ts'
import { encodeDateTime } from '../syntax/date-time.ts'
import { encodeEnvelope } from '../syntax/encode-structure.ts'
import type { FetchItem } from '../syntax/fetch-item.ts'
import { isRowItem, partsFor } from './items.ts'
import { encodeMessageFlags } from './message-flags.ts'
import type { FetchOutput } from './output.ts'
import type { FetchRequest, FetchTarget, SequenceOf } from './request.ts'

const lightItems = ['UID', 'FLAGS', 'MODSEQ', 'RFC822.SIZE', 'INTERNALDATE', 'ENVELOPE'] as const
type LightItem = (typeof lightItems)[number]
const lightItemNames: ReadonlySet<string> = new Set(lightItems)

export type LightItems = readonly (FetchItem & { item: LightItem })[]

/** Whether the items can be shown without more of a message than its narrow part, and its envelope where remembered. */
export function isLight(items: readonly FetchItem[], isRemembered: boolean): items is LightItems {
  return items.every(({ item }) => lightItemNames.has(item) && (item !== 'ENVELOPE' || isRemembered))
}

/** Text that is handed on at once: neither a message at a time nor a page. */
const textLengthMax = 16 * 1024
/** Messages whose envelopes are read together. */
const pageMessages = 200

type LightFetch = { platform: Platform; request: FetchRequest; output: FetchOutput }

export async function writeLight(
  fetch: LightFetch,
  target: FetchTarget,
  items: LightItems,
  sequenceOf: SequenceOf,
): Promise<void> {
  const { request, output } = fetch
  const names = items.map(({ item }) => item)
  for await (const page of pagesOf(fetch, target)) {
    const envelopes = names.includes('ENVELOPE') ? await envelopesOf(fetch, target, page) : noEnvelopes
    let text = ''
    for (const message of page) {
      const sequence = sequenceOf(message.uid)
      if (sequence === null) continue
      if (names.includes('ENVELOPE') && !envelopes.has(message.uid)) continue // expunged in between
      const before = request.before === undefined ? '' : request.before(message)
      if (before === null) continue
      text += `${before}* ${sequence} FETCH (${encodeLight(message, names, request, envelopes)})\r\n`
      if (text.length < textLengthMax) continue
      output.text(text)
      text = ''
      await output.relieve()
    }
    output.text(text)
    await output.relieve()
  }
  await output.flush()
}

const noEnvelopes: ReadonlyMap<number, string> = new Map()

async function* pagesOf(
  { platform, request }: LightFetch,
  { mailboxId, folderId }: FetchTarget,
): AsyncGenerator<readonly LightMessage[], void> {
  if (request.remembered === undefined) {
    yield* readLightMessages(platform.db, mailboxId, folderId, request.ranges)
    return
  }
  const messages = [...lightMessagesIn(request.remembered, mergeUidRanges(request.ranges))]
  for (let at = 0; at < messages.length; at += pageMessages) yield messages.slice(at, at + pageMessages)
}

/** The envelopes of a page on the wire, by UID: those that are not remembered are read, and remembered. */
async function envelopesOf(
  { platform, request }: LightFetch,
  { mailboxId, folderId }: FetchTarget,
  page: readonly LightMessage[],
): Promise<ReadonlyMap<number, string>> {
  const folder: LightFolder | undefined = request.remembered
  const known = new Map<number, string>()
  const missing: number[] = []
  for (const { uid } of page) {
    const text = folder?.texts.get(uid)
    if (text === undefined) missing.push(uid)
    else known.set(uid, text)
  }
  if (missing.length === 0) return known
  const options = { parts: 'envelope', afterUid: 0 } as const
  const rows = await readMessages(platform.db, mailboxId, folderId, rangesOfUids(missing), options)
  for (const { uid, envelope } of rows) {
    if (envelope === null) continue
    const text = encodeEnvelope(envelope)
    known.set(uid, text)
    if (folder !== undefined) keepText(platform, folder, uid, text)
  }
  return known
}

/** Whether a folder of so many messages is worth to be remembered for these items. */
export function wantsRemembered(items: readonly FetchItem[], messages: number): boolean {
  return messages <= rememberedMessagesMax && isLight(items, true)
}

/** Whether messages can be shown from their bodies and the narrow part of their rows. */
export function isRememberable(items: readonly FetchItem[]): boolean {
  if (partsFor(items) !== 'none') return false
  return items.every(({ item }) => !isRowItem(item) || lightItemNames.has(item))
}

function encodeLight(
  message: LightMessage,
  names: readonly LightItem[],
  request: FetchRequest,
  envelopes: ReadonlyMap<number, string>,
): string {
  let text = ''
  for (const name of names) {
    const value = name === 'ENVELOPE' ? envelopes.get(message.uid) : itemValue(message, name, request)
    text += `${text === '' ? '' : ' '}${name} ${value}`
  }
  return text
}

function itemValue(
  message: LightMessage,
  name: Exclude<LightItem, 'ENVELOPE'>,
  request: FetchRequest,
): string | number {
  switch (name) {
    case 'UID':
      return message.uid
    case 'FLAGS':
      return encodeMessageFlags(message.flags, message.keywords, request.isRecent(message.uid))
    case 'MODSEQ':
      return `(${message.modseq})`
    case 'RFC822.SIZE':
      return message.size_bytes
    case 'INTERNALDATE':
      return encodeDateTime(message.internal_date)
  }
}
