/**
 * What a DNS host must be able to do, so that a domain's records are kept there by its API. A driver only translates:
 * which records are ours to change is decided in changes.ts.
 */
import type { RecordType, RRset } from '../zones/records.ts'

/** A zone as a host knows it. */
export type HostZone = {
  /** The host's own name for it; where it has none, the name. */
  id: string
  /** The apex: absolute, lower case, A-labels, no final dot. */
  name: string
  /** What the zone is to be delegated to, as far as the host says. */
  nameservers: readonly string[]
}

/** One of the zones that a host lists. */
export type ListedZone = HostZone & {
  /** The host's own word for how it stands. */
  status: string
}

/**
 * A change to one set, value by value, so that a value which someone else adds in the meantime stays. Names and values
 * are in the form of zones/records.ts.
 */
export type SetChange = {
  name: string
  type: RecordType
  /** Of the whole set afterwards, in seconds. */
  ttl: number
  /** Values that the set must have. One that it has already keeps the form in which the host has it. */
  add: readonly string[]
  /** Values that it must not have; one that is not there is no error. With its last value the set is gone. */
  remove: readonly string[]
}

/** Every function throws DnsHostError, and nothing else, for what the host or the way to it does. */
export type DnsHost = {
  /** Proves that the host takes the credentials; changes nothing. */
  check(): Promise<void>
  /** The zone with exactly this apex, or null. */
  findZone(name: string): Promise<HostZone | null>
  /** The zones that the credentials show, so many at most. Absent where a host does not list them. */
  listZones?(max: number): Promise<ListedZone[]>
  /** Makes a zone. One that is there already is returned as it is. */
  createZone(name: string): Promise<HostZone>
  /** All sets of the zone that have a type of `recordTypes` (SOA is none); sets of other types are passed over. */
  listRRsets(zone: HostZone): Promise<RRset[]>
  /** Makes the changes, all or none where the host can. Done again, it changes nothing. */
  apply(zone: HostZone, changes: readonly SetChange[]): Promise<void>
}

/**
 * credentials: the host does not know us. zone_missing: it has no such zone (or does not show it to us). conflict: the
 * change does not go together with what is there. rejected: it will not have the request. rate_limited: not now.
 * unreachable: there was no answer, or none that could be understood.
 */
export type DnsHostErrorKind =
  | 'credentials'
  | 'zone_missing'
  | 'conflict'
  | 'rejected'
  | 'rate_limited'
  | 'unreachable'

const wordsLengthMax = 500

/** A failure of the host. Its message may be shown to the domain's owner. */
export class DnsHostError extends Error {
  readonly kind: DnsHostErrorKind
  /** For rate_limited: how long the host wants to be left alone. null: it did not say. */
  readonly retryAfterMs: number | null

  /**
   * @param words the host's own, as far as it said any; cut to `wordsLengthMax` characters, control characters left out.
   * They must hold no secret.
   */
  constructor(
    kind: DnsHostErrorKind,
    words: string,
    more: { retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(cleaned(words), { cause: more.cause })
    this.name = 'DnsHostError'
    this.kind = kind
    this.retryAfterMs = more.retryAfterMs ?? null
  }
}

function cleaned(words: string): string {
  return words
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, wordsLengthMax)
    .toWellFormed() // a cut may go through a character, which no JSON column takes
}
