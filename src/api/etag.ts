/** ETags of objects with a version (RFC 9110 §8.8.3). Weak: another rendering of the same version is as good. */

export function etagOf(object: { version: number }): string {
  return `W/"${object.version}"`
}

/**
 * Reads an If-Match header (RFC 9110 §13.1.1).
 * @returns null when any version will do, else the versions that will; a tag that is none of ours matches nothing.
 */
export function versionsOfIfMatch(header: string | undefined): readonly number[] | null {
  if (header === undefined || header.trim() === '*') return null
  return header.split(',').flatMap((tag) => {
    const digits = /^\s*(?:W\/)?"(\d{1,9})"\s*$/.exec(tag)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
}

/** The same of objects whose version is an id: it changes with each edit. */
export function etagOfId(id: string): string {
  return `W/"${id}"`
}

/** As `versionsOfIfMatch`. */
export function idsOfIfMatch(header: string | undefined): readonly string[] | null {
  if (header === undefined || header.trim() === '*') return null
  return header
    .split(',')
    .flatMap((tag) => /^\s*(?:W\/)?"([\da-f-]{36})"\s*$/i.exec(tag)?.[1]?.toLowerCase() ?? [])
}
