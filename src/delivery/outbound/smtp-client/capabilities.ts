/** What a server says that it can do: the reply to EHLO (RFC 5321 §4.1.1.1). */

export type Capabilities = {
  pipelining: boolean
  starttls: boolean
  /** RFC 1870. 0: it has SIZE, but names no limit. Null: it does not know SIZE. */
  size: number | null
  eightBitMime: boolean
  smtputf8: boolean
  dsn: boolean
  /** RFC 8689. */
  requireTls: boolean
  /** Mechanisms in upper case. */
  auth: ReadonlySet<string>
}

/** What a server has that only knows HELO. */
export const noCapabilities: Capabilities = {
  pipelining: false,
  starttls: false,
  size: null,
  eightBitMime: false,
  smtputf8: false,
  dsn: false,
  requireTls: false,
  auth: new Set(),
}

/** @param lines of the reply; the first is the server's greeting. */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const found = new Map<string, string[]>()
  for (const line of lines.slice(1)) {
    // Old servers write AUTH=LOGIN.
    const [keyword = '', ...parameters] = line
      .trim()
      .replace(/^AUTH=/i, 'AUTH ')
      .split(/\s+/)
    const name = keyword.toUpperCase()
    found.set(name, [...(found.get(name) ?? []), ...parameters])
  }
  const [limit] = found.get('SIZE') ?? []
  return {
    pipelining: found.has('PIPELINING'),
    starttls: found.has('STARTTLS'),
    size: found.has('SIZE') ? (/^\d{1,15}$/.test(limit ?? '') ? Number(limit) : 0) : null,
    eightBitMime: found.has('8BITMIME'),
    smtputf8: found.has('SMTPUTF8'),
    dsn: found.has('DSN'),
    requireTls: found.has('REQUIRETLS'),
    auth: new Set((found.get('AUTH') ?? []).map((mechanism) => mechanism.toUpperCase())),
  }
}
