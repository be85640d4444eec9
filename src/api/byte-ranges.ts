/** Range requests (RFC 9110 §14) for one range of bytes; a request for several is answered with the whole. */

export type WantedRange =
  | { kind: 'whole' }
  /** `end` is not part of it. */
  | { kind: 'part'; start: number; end: number }
  /** Nothing of what is asked for is there: 416. */
  | { kind: 'none' }

const whole: WantedRange = { kind: 'whole' }

/**
 * What a request asks for of `sizeBytes` bytes. A header that makes no sense, or is of another unit, counts as none
 * (RFC 9110 §14.2).
 * @param etag a strong one: If-Range is compared strongly (§13.1.5). A date there never matches: none is given out.
 */
export function wantedRange(
  headers: { range?: string | undefined; 'if-range'?: string | string[] | undefined },
  etag: string,
  sizeBytes: number,
): WantedRange {
  const { range, 'if-range': condition } = headers
  if (range === undefined) return whole
  if (condition !== undefined && condition !== etag) return whole
  const found = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(range)
  const [, first = '', last = ''] = found ?? []
  if (found === null || (first === '' && last === '')) return whole
  if (first === '') return suffix(Number(last), sizeBytes)
  if (last !== '' && Number(last) < Number(first)) return whole // §14.1.1: invalid
  const start = Number(first)
  const end = last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)
  return start < sizeBytes ? { kind: 'part', start, end } : { kind: 'none' }
}

function suffix(bytes: number, sizeBytes: number): WantedRange {
  if (bytes === 0 || sizeBytes === 0) return { kind: 'none' }
  return { kind: 'part', start: Math.max(0, sizeBytes - bytes), end: sizeBytes }
}

/** RFC 9110 §13.1.2: whether If-None-Match names what there is, compared weakly. */
export function isKnownTag(header: string | undefined, etag: string): boolean {
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '')
  return header?.split(',').some((tag) => tag.trim() === '*' || opaque(tag) === opaque(etag)) ?? false
}
