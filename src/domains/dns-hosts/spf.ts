/** SPF records of two parties in one, because a name may have only one (RFC 7208 §4.5). */

export function isSpf(text: string): boolean {
  return /^v=spf1(?: |$)/i.test(text)
}

/** What a record allows: its mechanisms without `all` and without modifiers (RFC 7208 §4.6.1). */
function mechanismsOf(record: string): string[] {
  return termsOf(record).filter((term) => !/^[+?~-]?all$/i.test(term) && !/^[a-z][\w.-]*=/i.test(term))
}

function termsOf(record: string): string[] {
  return record.split(/ +/).slice(1).filter(Boolean)
}

const plain = (term: string): string => term.toLowerCase().replace(/^\+/, '')

/**
 * The owner's record with those of our mechanisms that it lacks put first; `all` and modifiers stay the owner's.
 * @returns the owner's record itself when it lacks none.
 */
export function mergeSpf(owners: string, ours: string): string {
  const present = new Set(termsOf(owners).map(plain))
  const missing = mechanismsOf(ours).filter((term) => !present.has(plain(term)))
  return missing.length === 0
    ? owners
    : owners.replace(/^v=spf1/i, (version) => [version, ...missing].join(' '))
}
