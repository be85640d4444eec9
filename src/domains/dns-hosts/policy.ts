/** How DNS hosts are asked, and how often. */

export const dnsHostPolicy = {
  /** Of one request, from the name's look-up to the last byte. */
  requestMsMax: 15_000,
  replyBytesMax: 32 * 1024 ** 2,
  /** A request that only reads is sent again so often when there was no answer, after this pause. */
  readRetries: 1,
  readRetryPauseMs: 250,
  /** A zone with more records is not read. */
  recordsPerZoneMax: 50_000,
  /** After a failure; the last one is used again and again. */
  retryMs: [30_000, 120_000, 600_000, 1_800_000, 3_600_000, 6 * 3_600_000],
  /** A host that gave no answer, or wants to be left alone, is left alone so long for all domains. */
  hostPauseMs: 30_000,
  /** What a host asks for is believed up to this. */
  hostPauseMsMax: 3_600_000,
  /** When another node is at the same domain. */
  busyRetryMs: 2_000,
  /** Runs that callers wait for, on one node: each holds a connection to the database. */
  awaitedRunsMax: 4,
  hostsPerWorkspaceMax: 100,
  /** Of an account with more, the others are not listed. */
  zonesListedMax: 5000,
} as const
