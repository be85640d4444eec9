/** What is taken out of a header on the way in. What others may have signed stays byte for byte. */
import type { HeaderField } from '../../messages/mime/header-fields.ts'

/** The field that tells the spam score; ours alone. */
export const spamFieldName = 'X-Mailwright-Spam'

export type ByteRange = { start: number; end: number }

/** Ranges of the header that stay when some of its fields go, neighbours as one; the blank line always stays. */
export function keptRanges(
  header: Buffer,
  fields: readonly HeaderField[],
  isRemoved: (field: HeaderField) => boolean,
): ByteRange[] {
  const ranges: ByteRange[] = []
  let start = 0
  for (const field of fields) {
    if (!isRemoved(field)) continue
    if (field.start > start) ranges.push({ start, end: field.start })
    start = field.end
  }
  if (start < header.length) ranges.push({ start, end: header.length })
  return ranges
}

/**
 * Whether a field of an arrival claims to be ours: readers would take it for the result of our own checks. RFC 8601 §5
 * asks for this; fields of other names or other hosts are not touched.
 */
export function isForged({ name, value }: HeaderField, hostname: string): boolean {
  const lower = name.toLowerCase()
  if (lower === spamFieldName.toLowerCase()) return true
  return lower === 'authentication-results' && authservIdOf(value) === hostname.toLowerCase()
}

/** RFC 8601 §2.2: a token or a quoted string, perhaps behind comments. Lower case, without a final dot. */
export function authservIdOf(value: string): string | null {
  const match = /^(?:[ \t]|\((?:[^()\\]|\\.)*\))*(?:"((?:[^"\\]|\\.)*)"|([^\s;()"]+))/.exec(
    value.slice(0, 2000),
  )
  const id = match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2]
  return id === undefined ? null : id.trim().toLowerCase().replace(/\.$/, '')
}
