/**
 * FETCH of flags and the like, which clients ask for of whole folders: read packed, written as text. A FETCH of a
 * million FLAGS takes some seconds and no more memory than a page.
 */
import { type LightMessage, readLightMessages } from '../../../messages/light-messages.ts'
import type { Platform } from '../../../platform/platform.ts'
import { encodeDateTime } from '../syntax/date-time.ts'
import type { FetchItem } from '../syntax/fetch-item.ts'
import type { FetchRequest, FetchTarget, SequenceOf } from './fetch.ts'
import { encodeMessageFlags } from './message-flags.ts'
import type { FetchOutput } from './output.ts'

const lightItems = ['UID', 'FLAGS', 'MODSEQ', 'RFC822.SIZE', 'INTERNALDATE'] as const
type LightItem = (typeof lightItems)[number]
const lightItemNames: ReadonlySet<string> = new Set(lightItems)

export function isLight(items: readonly FetchItem[]): items is readonly (FetchItem & { item: LightItem })[] {
  return items.every(({ item }) => lightItemNames.has(item))
}

/** Text that is handed on at once: neither a message at a time nor a page. */
const textLengthMax = 16 * 1024

export async function writeLight(
  { platform, request, output }: { platform: Platform; request: FetchRequest; output: FetchOutput },
  { mailboxId, folderId }: FetchTarget,
  items: readonly { item: LightItem }[],
  sequenceOf: SequenceOf,
): Promise<void> {
  const names = items.map(({ item }) => item)
  for await (const page of readLightMessages(platform.db, mailboxId, folderId, request.ranges)) {
    let text = ''
    for (const message of page) {
      const sequence = sequenceOf(message.uid)
      if (sequence === null) continue
      const before = request.before === undefined ? '' : request.before(message)
      if (before === null) continue
      text += `${before}* ${sequence} FETCH (${encodeLight(message, names, request)})\r\n`
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

function encodeLight(message: LightMessage, names: readonly LightItem[], request: FetchRequest): string {
  let text = ''
  for (const name of names) text += `${text === '' ? '' : ' '}${name} ${itemValue(message, name, request)}`
  return text
}

function itemValue(message: LightMessage, name: LightItem, request: FetchRequest): string | number {
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
