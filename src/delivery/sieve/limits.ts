/** The bounds of a filter, in one place. */
export const sieveLimits = {
  scriptBytesMax: 64 * 1024,
  /** Blocks inside blocks, and tests inside tests (RFC 5228 §10.2 asks for 15 each). */
  depthMax: 15,
  /** Commands and tests of a script. */
  nodesMax: 5000,
  /** What one message may come to. */
  actionsMax: 100,
  redirectsMax: 4,
  /** Characters that one message's tests may look at: about a tenth of a second. */
  stepsMax: 20_000_000,
  /** RFC 5230 §4.1: an interval outside is brought inside. */
  vacationDaysMin: 1,
  vacationDaysMax: 365,
  vacationDaysDefault: 7,
} as const
