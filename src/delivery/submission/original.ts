/** A stored message that is answered or passed on: everything that a reply or a forward takes from it. */

import { parseAddress } from '../../mailboxes/address.ts'
import { readBodies, readRange } from '../../messages/bodies-read.ts'
import {
  type Attachment,
  attachmentsOf,
  type MessageContent,
  readContent,
} from '../../messages/content/read-content.ts'
import { getMessage, type MessageDetails } from '../../messages/find-message.ts'
import { type EnvelopeAddress, parseAddressList } from '../../messages/mime/addresses.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import { collectHeaderValues } from '../../messages/mime/header-fields.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Person } from './compose.ts'

export type Original = {
  message: MessageDetails
  content: MessageContent
  attachments: Attachment[]
  /** Decoded; empty where there is none. */
  subject: string
  from: Person[]
  replyTo: Person[]
  to: Person[]
  cc: Person[]
  /** RFC 2369 §3.4: where the list takes messages; null where it is no list's, or takes none. */
  listPost: Person | null
}

const headerBytesMax = 256 * 1024
const wantedFields: ReadonlySet<string> = new Set(['list-post'])

/** @throws Refusal message_not_found. */
export async function readOriginal(platform: Platform, mailboxId: string, id: string): Promise<Original> {
  const message = await getMessage(platform.db, mailboxId, id)
  const { envelope } = message
  const body = (await readBodies(platform.db, [message.bodyId])).get(message.bodyId)
  if (body === undefined) throw new Error(`body ${message.bodyId} is gone`)
  const header = await readRange(body, {
    start: 0,
    end: Math.min(message.structure.bodyStart, headerBytesMax),
  })
  const fields = collectHeaderValues(header, wantedFields)
  return {
    message,
    content: await readContent(platform.db, message.bodyId, message.structure),
    attachments: attachmentsOf(message.structure),
    subject: decodeHeaderText(envelope.subject ?? '').trim(),
    ...peopleIn(envelope),
    listPost: listPostOf(fields.get('list-post')?.[0] ?? ''),
  }
}

/** Everybody that a message names, as far as they can be written to. */
export function peopleIn({
  from,
  replyTo,
  to,
  cc,
}: MessageDetails['envelope']): Pick<Original, 'from' | 'replyTo' | 'to' | 'cc'> {
  return { from: peopleOf(from), replyTo: peopleOf(replyTo), to: peopleOf(to), cc: peopleOf(cc) }
}

/** The addresses of a list that can be written to; marks of groups, and what is no address, are left out. */
export function peopleOf(list: readonly EnvelopeAddress[]): Person[] {
  return list.flatMap((entry) => {
    const address = addressOf(entry)
    if (address === null) return []
    const name = cleanName(decodeHeaderText(entry.name ?? ''))
    return [{ address, name: name === '' ? null : name }]
  })
}

/** Canonical; null for what is none. */
function addressOf({ mailbox, host }: EnvelopeAddress): string | null {
  if (!mailbox || !host) return null
  const parsed = parseAddress(`${mailbox}@${host}`)
  if (parsed.ok) return parsed.value.address
  const quoted = parseAddress(`"${mailbox.replace(/["\\]/g, '\\$&')}"@${host}`)
  return quoted.ok ? quoted.value.address : null
}

const nameCharsMax = 200

/** Decoded words can hold line ends and marks that turn the text around: none of it may reach a field of ours. */
function cleanName(name: string): string {
  return name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, nameCharsMax)
    .toWellFormed()
}

function listPostOf(value: string): Person | null {
  const target = /<mailto:([^<>?]{1,500})(?:\?[^<>]{0,500})?>/i.exec(value.slice(0, 4_000))?.[1]
  if (target === undefined) return null
  let decoded = target
  try {
    decoded = decodeURIComponent(target)
  } catch {
    // taken as it is
  }
  return peopleOf(parseAddressList(decoded))[0] ?? null
}
