/** Bounds of the records that customers keep in a zone. */

export const recordPolicy = {
  recordsPerDomainMax: 2000,
  valuesPerSetMax: 100,
  /** Of all values of one set: it must fit into a message over TCP beside a signature. */
  bytesPerSetMax: 16 * 1024,
  /** Of one TXT value. */
  txtBytesMax: 4096,
  ttlSecondsMin: 60,
  ttlSecondsMax: 604_800,
  /** Where a customer does not say. */
  ttlSecondsDefault: 3600,
} as const
