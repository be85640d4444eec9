/** How often domains are looked at, how much is asked for it, and when what was seen has consequences. */

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export const checkPolicy = {
  /** Between two looks at an active domain, give or take a tenth, so that domains do not march in step. */
  activeEveryMs: hourMs,
  jitterShare: 0.1,
  /** A domain that waits is looked at after a tenth of the time that it has waited, within these bounds, and then no more. */
  pendingShare: 0.1,
  pendingEveryMsMin: minuteMs,
  pendingEveryMsMax: 6 * hourMs,
  pendingEndsAfterMs: 60 * dayMs,
  /** In other states (suspended, expired) nothing is asked, but it is seen whether the state is another one. */
  idleEveryMs: 6 * hourMs,
  /** Questions about records in a regular look, beside the one to the parent; what was asked longest ago goes first. */
  recordsPerLook: 5,
  /** The same where we are the name servers and the delegation says so. */
  servedRecordsPerLook: 1,
  /** Bounds of one look, whatever the servers do. A whole look asks for everything. */
  lookMsMax: 20_000,
  questionsPerLookMax: 14,
  questionsPerWholeLookMax: 90,
  /** Looks that callers ask for, of one domain in a minute and on one node. */
  looksPerMinuteMax: 20,
  /** The same of all domains at one moment. */
  looksAtOnceMax: 32,
  /** Mail that does not come here for so long, by the authorities' own word at every look, makes a domain wait again. */
  brokenForMsMax: 14 * dayMs,
  /** Looks at the same moment: each waits for the network nearly all of its time. */
  concurrency: 64,
  domainsPerRead: 500,
  /** Domains that a node has taken and did not get to are due again after that. */
  leaseMs: 10 * minuteMs,
  /** A run of the job that takes longer leaves the rest to the next one, which comes at once. */
  runMsMax: 5 * minuteMs,
} as const
