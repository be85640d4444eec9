/** What of a message the checks are given: all of it, but no more signatures than are worth looking at. */
import { Readable } from 'node:stream'
import type { SpooledMessage } from './arrival.ts'
import { headerFieldsOf } from './arrival-fields.ts'
import { type ByteRange, keptRanges } from './header-edits.ts'

export const checkLimits = {
  /** Each costs a look-up, a hash of the header that it names and a public key operation. Real mail has one to four. */
  signaturesMax: 12,
  /** An ARC chain ends at 50 (RFC 8617 §4.2.1); a chain this long is nobody's to trust. */
  arcSetsMax: 12,
  /** Names in all h= tags together: each is looked for among the fields of the message. */
  signedNamesMax: 1000,
} as const

/** In memory as one buffer: a stream costs more than the hash of a small message. */
const bufferBytesMax = 1024 * 1024

export async function checkInput(message: SpooledMessage): Promise<Buffer | Readable> {
  const ranges = [...boundedHeader(message), { start: message.header.length, end: message.sizeBytes }]
  const pieces = readRanges(message, ranges)
  if (message.sizeBytes > bufferBytesMax) return Readable.from(pieces, { objectMode: false })
  const held: Buffer[] = []
  for await (const piece of pieces) held.push(piece)
  return held.length === 1 && held[0] ? held[0] : Buffer.concat(held)
}

/**
 * Trace fields are added on top, so that the first signatures are the youngest. What is left out counts as absent: an ARC
 * chain that is too long goes whole.
 */
function boundedHeader(message: SpooledMessage): ByteRange[] {
  const { header } = message
  const fields = headerFieldsOf(message)
  const arcSets = fields.filter(({ name }) => name.toLowerCase() === 'arc-seal').length
  let signatures = 0
  let names = 0
  return keptRanges(header, fields, ({ name, value }) => {
    const lower = name.toLowerCase()
    if (lower.startsWith('arc-') && arcSets > checkLimits.arcSetsMax) return true
    if (lower !== 'dkim-signature' && lower !== 'arc-message-signature') return false
    names += value.split(':').length
    if (lower === 'dkim-signature') signatures += 1
    return signatures > checkLimits.signaturesMax || names > checkLimits.signedNamesMax
  })
}

async function* readRanges(message: SpooledMessage, ranges: readonly ByteRange[]): AsyncGenerator<Buffer> {
  for (const { start, end } of ranges) if (start < end) yield* message.read(start, end)
}
