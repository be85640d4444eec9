/** DNS records as the core thinks of them: sets of one name and type (RFC 2181 §5), their values as text. */

/** The types that a zone of ours may hold beside SOA. */
export const recordTypes = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TLSA', 'TXT'] as const

export type RecordType = (typeof recordTypes)[number]

/**
 * A set of records. Names are absolute, in lower case, in A-labels, without the final dot; the first label may be `*`.
 * A value is what a zone file has, with names in that same form (`10 mx.example.com`, `0 5 993 imap.example.com`,
 * `0 issue "ca.example"`); a TXT value is the text itself, whole and without quotes: it is cut into character-strings
 * of up to 255 bytes where it meets a wire or a zone file.
 */
export type RRset = {
  name: string
  type: RecordType
  /** In seconds. */
  ttl: number
  values: readonly string[]
}

/** A zone without its SOA, which is made of the serial (see soa.ts). */
export type Zone = {
  /** The apex. */
  name: string
  serial: number
  rrsets: readonly RRset[]
}

/** Sets of the same name and type are one set; its TTL is the smallest (RFC 2181 §5.2). */
export function mergeRRsets(rrsets: readonly RRset[]): RRset[] {
  const merged = new Map<string, RRset>()
  for (const rrset of rrsets) {
    const key = `${rrset.type} ${rrset.name}`
    const known = merged.get(key)
    merged.set(
      key,
      known === undefined
        ? rrset
        : {
            ...known,
            ttl: Math.min(known.ttl, rrset.ttl),
            values: [...new Set([...known.values, ...rrset.values])],
          },
    )
  }
  return [...merged.values()]
}
