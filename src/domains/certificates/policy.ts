/** When certificates are asked for, and how often: within what authorities allow, whatever goes wrong. */

export const certificatePolicy = {
  /** Names of a domain that clients and other servers connect to, where they lead to this platform. */
  domainPrefixes: ['mail', 'mta-sts', 'autoconfig', 'autodiscover'],
  /** Of a certificate's life: renewed then. A third remains for what may go wrong. */
  renewAfterShare: 2 / 3,
  /** Between two orders for a name at least, whatever the clocks say. */
  renewalPauseMs: 60 * 60_000,
  /**
   * Before another try; the last one is used again and again. Let's Encrypt allows five failed validations of a name in
   * an hour.
   */
  retryMs: [15 * 60_000, 60 * 60_000, 3 * 3_600_000, 6 * 3_600_000, 12 * 3_600_000, 24 * 3_600_000],
  /** Orders of one run, which comes every ten minutes. Let's Encrypt allows 300 in three hours. */
  ordersPerRunMax: 15,
  /** A run that takes longer leaves the rest to the next one. */
  runMsMax: 8 * 60_000,
  /** Domains whose names are looked up in one run, and how long that holds. */
  domainsPerRunMax: 200,
  namesHoldMs: 6 * 3_600_000,
  /** A name that nobody orders for any more is forgotten so long after it was due. */
  forgottenAfterMs: 30 * 24 * 3_600_000,
  challengeMs: 60 * 60_000,
  /** Of a DNS-01 record; how long an order waits to see it, and how often it looks. */
  challengeTtlSeconds: 10,
  challengeSeenMsMax: 15_000,
  challengeLookMs: 250,
  requestMsMax: 30_000,
} as const
