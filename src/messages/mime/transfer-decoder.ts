/** Undoes a transfer encoding (RFC 2045 §6) while the bytes of a part arrive; `decode-body.ts` does it at once. */
import { decodeQuotedPrintable } from './quoted-printable.ts'

export type TransferDecoder = {
  /** What can be decoded with these bytes. The result may share memory with them. */
  write(bytes: Buffer): Buffer
  end(): Buffer
}

const nothing = Buffer.alloc(0)
/** RFC 2045 §6.7 allows 76 characters; a longer line than this is cut where it does no harm. */
const quotedLineBytesMax = 64 * 1024

/** @returns null for an encoding that is not known; its bytes then mean what only the sender knows. */
export function createTransferDecoder(encoding: string): TransferDecoder | null {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return { write: (bytes) => bytes, end: () => nothing }
    case 'base64':
      return base64Decoder()
    case 'quoted-printable':
      return quotedPrintableDecoder()
    default:
      return null
  }
}

/** RFC 2045 §6.8: characters outside the alphabet are skipped, and `=` is the end of the data. */
function base64Decoder(): TransferDecoder {
  let held = ''
  let isEnded = false
  return {
    write(bytes) {
      if (isEnded) return nothing
      const text = held + bytes.toString('latin1').replace(/[^\w+/=-]+/g, '')
      const padding = text.indexOf('=')
      isEnded = padding !== -1
      const usable = isEnded ? padding : text.length - (text.length % 4)
      held = isEnded ? '' : text.slice(usable)
      return Buffer.from(text.slice(0, usable), 'base64')
    },
    end: () => Buffer.from(held, 'base64'),
  }
}

/** Decodes whole lines, because white space and `=` get their meaning from the line's end. */
function quotedPrintableDecoder(): TransferDecoder {
  let held = nothing
  return {
    write(bytes) {
      const pending = held.length === 0 ? bytes : Buffer.concat([held, bytes])
      let cut = pending.lastIndexOf(0x0a) + 1
      if (pending.length - cut > quotedLineBytesMax) cut = cutInLine(pending)
      held = Buffer.from(pending.subarray(cut)) // a copy, so that the whole piece can be freed
      return decodeQuotedPrintable(pending.subarray(0, cut))
    },
    end: () => decodeQuotedPrintable(held),
  }
}

/** An offset that parts no escape and has no white space before it. Nothing but white space is cut at its end. */
function cutInLine(pending: Buffer): number {
  let cut = beforeSpaces(pending, pending.length)
  const equalsSign = pending.lastIndexOf(0x3d)
  if (equalsSign !== -1 && cut - equalsSign <= 2) cut = beforeSpaces(pending, equalsSign)
  return cut === 0 ? pending.length : cut
}

function beforeSpaces(bytes: Buffer, end: number): number {
  let at = end
  while (at > 0 && (bytes[at - 1] === 0x20 || bytes[at - 1] === 0x09)) at--
  return at
}
