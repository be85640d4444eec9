/** Bounds of webhooks that nobody has to set; what an operator sets is in the configuration. */
export const webhookPolicy = {
  mailboxesMax: 200,
  /** In another format: of a mailbox itself, and of its identity. */
  ownedPerMailboxMax: 20,
  ownedPerIdentityMax: 60,
  /** Of one workspace that are listed together: the oldest beyond that are found by a filter. */
  ownedListedMax: 5_000,
  headersMax: 10,
  headerValueLengthMax: 1000,
  urlLengthMax: 2000,
  descriptionLengthMax: 500,
  secretBytes: 32,
  rotationHoursDefault: 24,
  rotationHoursMax: 168,
  connectMsMax: 5_000,
  /** Of a response so much is read, and so much of that is kept. */
  responseBytesRead: 16 * 1024,
  responseBytesKept: 4 * 1024,
  responseHeadersKept: 40,
  responseHeaderLengthKept: 300,
  /** Failures behind each other after which an endpoint is left alone for a while, and then tried with one delivery. */
  failuresUntilBlocked: 5,
  blockMsMin: 5_000,
  blockMsMax: 5 * 60_000,
  /** A Retry-After holds for no longer. */
  retryAfterMsMax: 3_600_000,
  /** The part of a wait by which it is made longer or shorter at random. */
  jitter: 0.1,
  /** How far back a replay reaches. */
  replayDaysMax: 7,
  /** Of the log of attempts: how far into it a list reaches, and what the payloads of one list have together at the most. */
  attemptsOffsetMax: 10_000,
  attemptsBytesMax: 16 * 1024 * 1024,
} as const
