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
