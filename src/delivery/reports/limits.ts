/** Every bound on reports of others: a report is written by a stranger. */
export const reportLimits = {
  /** Of a report as it is packed; what the largest senders write for a large domain stays far below. */
  packedBytesMax: 10 * 1024 * 1024,
  /** Of a report unpacked. */
  unpackedBytesMax: 64 * 1024 * 1024,
  /** Unpacked bytes for each packed one: XML and JSON of real reports come to 5 to 40. */
  expansionMax: 200,
  /** Below this size the expansion is nobody's harm. */
  expansionFromBytes: 1024 * 1024,
  /** Rows of one DMARC report; the rest is counted, not kept. */
  rowsMax: 20_000,
  /** Results of DKIM or SPF in one row. */
  resultsPerRowMax: 20,
  /** Policies of one TLS report, and failures of one policy. */
  policiesMax: 100,
  failuresMax: 1000,
  /** Of any text that is kept. */
  textLengthMax: 500,
  /** Parts of the message that are looked at. */
  partsMax: 20,
  /** Days that reports are kept. */
  keepDays: 400,
} as const
