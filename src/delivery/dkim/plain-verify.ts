/** Verifies a plain signature (plain-signature.ts): it holds, or somebody else must say what is wrong with it. */
import { createHash, verify } from 'node:crypto'
import type { RawField } from './message-digest.ts'
import type { PlainKey, PlainSignature } from './plain-signature.ts'
import { createBodyHash, relaxedField } from './relaxed.ts'

export type BodyHashes = { relaxed(): string; simple(): string }

/** Hashes of a body whose lines end with CRLF, each reckoned when it is first asked for, in base64. */
export function bodyHashesOf(body: Buffer): BodyHashes {
  let relaxed: string | null = null
  let simple: string | null = null
  return {
    relaxed() {
      if (relaxed === null) {
        const hash = createBodyHash()
        hash.update(body)
        relaxed = hash.digest()
      }
      return relaxed
    },
    simple() {
      simple ??= simpleBodyHash(body)
      return simple
    },
  }
}

const cr = 0x0d
const lf = 0x0a

/** RFC 6376 §3.4.3: empty lines at the end go, and one CRLF is there in any case. */
function simpleBodyHash(body: Buffer): string {
  let end = body.length
  while (end >= 2 && body[end - 2] === cr && body[end - 1] === lf) end -= 2
  return createHash('sha256').update(body.subarray(0, end)).update('\r\n').digest('base64')
}

/**
 * Whether the signature is that of this key over this message.
 * @param own the field that the signature stands in.
 */
export function holds(
  signature: PlainSignature,
  own: RawField,
  fields: readonly RawField[],
  hashes: BodyHashes,
  key: PlainKey,
): boolean {
  if (key.algorithm !== signature.algorithm) return false
  if (hashes[signature.body]() !== signature.bodyHash) return false
  const canonical = signature.header === 'relaxed' ? relaxedField : simpleField
  // §3.7: the fields in the order of h=, and then this one with an empty b= and no line end.
  const covered = coveredFields(signature.names, fields).map(({ raw }) => canonical(raw))
  const data = [...covered, withoutSignature(canonical(own.raw))].join('\r\n')
  const bytes = Buffer.from(data, 'latin1')
  const value = Buffer.from(signature.signature, 'base64')
  if (signature.algorithm === 'rsa-sha256') return verify('sha256', bytes, key.publicKey, value)
  return verify(null, createHash('sha256').update(bytes).digest(), key.publicKey, value) // RFC 8463 §3
}

/** §5.4.2: a name that comes again means the field of that name above the last one; one too many means none. */
function coveredFields(names: readonly string[], fields: readonly RawField[]): RawField[] {
  const left = Map.groupBy(fields, ({ name }) => name)
  return names.flatMap((name) => left.get(name)?.pop() ?? [])
}

function simpleField(raw: Buffer): string {
  return raw.toString('latin1').replace(/\r\n$/, '')
}

/** `b=` is the only tag of that name, and a plain field has no semicolon but between tags. */
function withoutSignature(field: string): string {
  return field.replace(/([:;][ \t\r\n]*b[ \t\r\n]*=)[^;]*/, '$1')
}
