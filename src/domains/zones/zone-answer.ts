/** What a zone says to a question, before it becomes a message: for the name server, and for whoever signs it. */

/** A set of records as it goes into a message: RDATA in wire form, names in it lower case and never compressed. */
export type WireRRset = {
  /** Absolute, lower case, no final dot. */
  owner: string
  /** The number (RFC 1035 §3.2.2 and the registry). */
  type: number
  /** In seconds. */
  ttl: number
  rdata: readonly Buffer[]
  /** The wildcard that the set was made from (RFC 4592), such as `*.example.com`; its signature has that name's labels. */
  wildcard: string | null
}

export type ZoneAnswer = {
  /**
   * records: there is something. nodata: the name exists, without that type. nxdomain: it does not exist. referral: the
   * zone has given the name away (RFC 1034 §4.3.2).
   */
  kind: 'records' | 'nodata' | 'nxdomain' | 'referral'
  /** The apex of the zone that says so. */
  zone: string
  /** A chain of CNAMEs first. */
  answers: readonly WireRRset[]
  /** The SOA for what is not there; the NS set of a referral. */
  authority: readonly WireRRset[]
  /** Addresses of name servers and mail exchangers that are in this zone, as far as there is room. */
  additional: readonly WireRRset[]
  /** The name at the end of the chain, which nodata and nxdomain are about. */
  name: string
  /** The numbers of the types at that name; empty for nxdomain and for an empty non-terminal. */
  types: readonly number[]
}
