/** The relaxed canonicalisation of DKIM (RFC 6376 §3.4.2, §3.4.4). A bare LF counts as the CRLF that it is sent as. */
import { createHash } from 'node:crypto'

/** A header field as it is hashed, without the line end behind it (§3.4.2). */
export function relaxedField(raw: Buffer | string): string {
  const text = typeof raw === 'string' ? raw : raw.toString('latin1')
  const unfolded = text.replace(/\r?\n/g, '')
  const colon = unfolded.indexOf(':')
  const name = unfolded.slice(0, colon).trimEnd().toLowerCase()
  const value = unfolded.slice(colon + 1).replace(/[ \t]+/g, ' ')
  return `${name}:${value.replace(/^ | $/g, '')}`
}

export type BodyHash = {
  update(chunk: Buffer): void
  /** Of the body up to here, in base64 as `bh=` has it. */
  digest(): string
}

const cr = 0x0d
const lf = 0x0a
const space = 0x20
const tab = 0x09

/** Line ends that are held back are written from here, so many at a time. */
const crlfs = Buffer.from('\r\n'.repeat(512))

/**
 * SHA-256 of a body (§3.4.4): white space at the end of a line goes, any other becomes one space, empty lines at the end
 * of the body go, and a body that is not empty then ends with CRLF. Whatever may still turn out to be at an end is
 * counted, never kept, so that memory does not depend on the body.
 */
export function createBodyHash(): BodyHash {
  const hash = createHash('sha256')
  const held = { lineEnds: 0, space: false, cr: false }
  let hasContent = false

  const writeLineEnds = (): void => {
    for (; held.lineEnds > 0; held.lineEnds -= crlfs.length / 2) {
      hash.update(crlfs.subarray(0, Math.min(held.lineEnds * 2, crlfs.length)))
    }
    held.lineEnds = 0
  }

  return {
    update(chunk) {
      // A byte becomes two at most (LF is sent as CRLF), and four may be held from before: CRLF, a space, a CR.
      const out = Buffer.allocUnsafe(chunk.length * 2 + 4)
      let length = 0
      const flush = (): void => {
        if (length > 0) hash.update(out.subarray(0, length))
        length = 0
        writeLineEnds()
      }
      const writeHeld = (): void => {
        if (held.lineEnds === 1) {
          out[length++] = cr
          out[length++] = lf
          held.lineEnds = 0
        } else if (held.lineEnds > 1) flush()
        if (held.space) out[length++] = space
        if (held.cr) out[length++] = cr
        held.space = false
        held.cr = false
        hasContent = true
      }
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] ?? 0
        if (byte === lf) {
          held.space = false
          held.cr = false
          held.lineEnds++
        } else if (byte === cr) {
          if (held.cr) writeHeld() // the one before was no part of a line end
          held.cr = true
        } else if (byte === space || byte === tab) {
          if (held.cr) writeHeld()
          held.space = true
        } else {
          if (!hasContent || held.space || held.cr || held.lineEnds > 0) writeHeld()
          out[length++] = byte
        }
      }
      if (length > 0) hash.update(out.subarray(0, length))
    },
    digest() {
      // A CR at the very end is sent with the LF that it lacks.
      if (hasContent) hash.update('\r\n')
      return hash.digest('base64')
    },
  }
}
