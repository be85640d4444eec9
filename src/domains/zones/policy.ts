/** What zones of ours are made with that is no fact of a domain: times, timers and bounds. */
import type { RecordType } from './records.ts'

/** Of sets that the platform makes, in seconds. Addresses and proofs change sooner than the rest. */
export const ttlSeconds = {
  A: 300,
  AAAA: 300,
  CAA: 3600,
  CNAME: 3600,
  MX: 3600,
  NS: 3600,
  PTR: 3600,
  SRV: 3600,
  TLSA: 3600,
  TXT: 3600,
} as const satisfies Record<RecordType, number>

/** RFC 1035 §3.3.13, in seconds. */
export const soaTimers = {
  ttl: 3600,
  /** How often a secondary asks whether NOTIFY was lost. */
  refresh: 3600,
  retry: 600,
  expire: 14 * 24 * 3600,
  /** How long "there is no such name" may be remembered (RFC 2308 §4): a record that is added is seen after that. */
  negativeTtl: 300,
} as const

export const zoneLimits = {
  /** Zones whose records are kept in wire form; those of the others are made when they are asked for. */
  compiledMax: 10_000,
  /** Zones of one statement when all are loaded: each goes over all keys and records. */
  loadedPerStatement: 100_000,
  /** Zones read again by one statement after changes. */
  refreshedPerStatement: 1_000,
  /** From a failed reading until the next. */
  retryMs: 500,
  /** CNAMEs that are followed within a zone. */
  chainMax: 8,
  /** Host names of one answer whose addresses go with it. */
  additionalNamesMax: 8,
  /** Domains whose DKIM keys are remembered for the platform's own zone, and for how long without a change. */
  keysRememberedMax: 10_000,
  keysRememberedMs: 3_600_000,
  /** Look-ups of such keys that wait for the database; what is asked above it fails. */
  keyLookupsMax: 500,
} as const
