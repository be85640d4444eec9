/** The bounds of zone transfers and of telling secondaries about changes. */

export const transferLimits = {
  /** Transfers of a node that run at once; more wait. */
  transfersMax: 16,
  /** Transfers that wait: a secondary that starts asks for all zones at once. */
  waitingMax: 500,
  /** Shorter than a connection may be silent. */
  waitMsMax: 8_000,
  /** Messages of a transfer are filled up to this: few, and each soon complete. */
  messageBytes: 16 * 1024,
} as const

export const notifyLimits = {
  /** Changes of a zone within this time are told once. It also lets this node take them in itself. */
  gatherMs: 500,
  /** Of one secondary: messages without an answer so far. */
  inFlightMax: 16,
  /** How long one answer is waited for. */
  answerMsMax: 3_000,
  /** After each failure; with the last one the secondary is left to its refresh timer (RFC 1996 §3.6). */
  retryMs: [5_000, 15_000, 60_000, 300_000],
  /** Zones that a secondary is still to be told about; past it the oldest is left to the refresh timer. */
  zonesMax: 100_000,
  /** The platform's own zone changes with every key of every domain: it is told of at most this often. */
  ownZoneMs: 60_000,
} as const
