/** Signals in the message itself that something is not what it seems to be. */
import { getDomain } from 'tldts'
import type { StagedBody } from '../../messages/bodies.ts'
import { decodeCharset } from '../../messages/mime/charset.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import type { EnvelopeAddress, MimePart } from '../../messages/mime/structure.ts'
import { createTransferDecoder } from '../../messages/mime/transfer-decoder.ts'
import type { Trust } from '../../messages/trust.ts'
import type { Platform } from '../../platform/platform.ts'
import { storableText } from '../storable-text.ts'
import type { Arrival } from './arrival.ts'
import { hidesText } from './hidden-text.ts'
import { findLookAlike } from './look-alike.ts'

/** Encoded bytes of the HTML that are looked at. */
const htmlBytesMax = 256 * 1024

export async function trustSignals(
  platform: Platform,
  arrival: Arrival,
  body: StagedBody,
): Promise<Pick<Trust, 'look_alike' | 'reply_to_mismatch' | 'hidden_text'>> {
  const { from, replyTo } = body.parsed.envelope
  const [author] = from.filter(isAddress)
  const workspaces = new Set(arrival.local.map(({ owner }) => owner.workspaceId))
  const [workspaceId = null] = workspaces.size === 1 ? workspaces : []
  const name = author?.name ? storableText(decodeHeaderText(author.name)) : ''
  return {
    look_alike:
      author && name !== ''
        ? await findLookAlike(platform, workspaceId, {
            displayName: name,
            address: `${author.mailbox}@${author.host}`,
          })
        : null,
    reply_to_mismatch: author ? otherDomain(author, replyTo.filter(isAddress)) : null,
    hidden_text: await hasHiddenText(arrival, body),
  }
}

function isAddress({ host }: EnvelopeAddress): boolean {
  return host !== null && host !== ''
}

/** Names of one organisation are one: answers to another host of the author's are nothing strange. */
function otherDomain(author: EnvelopeAddress, replyTo: readonly EnvelopeAddress[]): string | null {
  const own = organization(author.host ?? '')
  const other = replyTo.find(({ host }) => organization(host ?? '') !== own)
  return other?.host ? storableText(other.host.toLowerCase()) : null
}

function organization(host: string): string {
  return getDomain(host) ?? host.toLowerCase()
}

async function hasHiddenText({ message }: Arrival, body: StagedBody): Promise<boolean> {
  const part = firstHtml(body.parsed.root)
  if (part === null) return false
  // Offsets count from the start of what is stored; of what was sent only the header differs.
  const shift = body.sizeBytes - message.sizeBytes
  const start = part.bodyStart - shift
  const pieces: Buffer[] = []
  for await (const piece of message.read(start, Math.min(part.end - shift, start + htmlBytesMax))) {
    pieces.push(piece)
  }
  const decoder = createTransferDecoder(part.encoding)
  if (decoder === null) return false
  const bytes = Buffer.concat([decoder.write(Buffer.concat(pieces)), decoder.end()])
  const charset = part.params?.find(([name]) => name.toLowerCase() === 'charset')?.[1] ?? null
  return hidesText(decodeCharset(bytes, charset))
}

function firstHtml(part: MimePart): MimePart | null {
  if (part.type.toLowerCase() === 'text' && part.subtype.toLowerCase() === 'html') return part
  for (const inner of part.parts ?? []) {
    const found = firstHtml(inner)
    if (found) return found
  }
  return null
}
