/** Every bound of the HTTP face that is not a rule of the core. */

export const apiLimits = {
  /** Of a request's body, where a route does not say more. */
  bodyBytesMax: 1024 ** 2,
  /** Of POST /v1/mailboxes, which takes 10,000 mailboxes in one call. */
  batchBodyBytesMax: 16 * 1024 ** 2,
  /** Of a message that is sent: in base64 its attachments are a third larger. */
  messageBodyBytesMax: 36 * 1024 ** 2,
  /** Of a picture that is sent in base64. */
  pictureBodyBytesMax: 14 * 1024 ** 2,
  /** Of one path segment as it is sent: an address of 254 bytes, each percent-encoded, and then some. */
  pathSegmentLengthMax: 1024,
  /** How long a client may take to send a whole request. */
  requestMsMax: 60_000,
  /** The same for a file that is imported. */
  uploadMsMax: 60 * 60_000,
  /** How long a connection without a request is kept. Above the 60 s of most load balancers. */
  keepAliveMs: 72_000,
  /** How long a stop waits for running requests. */
  drainMs: 10_000,
  /** How long /readyz waits for the database. */
  readinessMsMax: 2_000,
  /** Requests of one API key or session in a minute, on each node. */
  requestsPerMinute: 50_000,
  /** Failed logins from one remote address in a minute, on each node. */
  failedLoginsPerMinute: 10,
  /** Unsubscribe links that are not good from one remote address in a minute, on each node. */
  unknownTokensPerMinute: 30,
  /** Openings of one message that are counted in a minute, on each node. */
  opensPerMinute: 60,
  /** Coupons that were refused to one organization in a minute, on each node. */
  refusedCouponsPerMinute: 20,
  /** Callers whose rates are remembered; past it, the one that was idle longest is forgotten. */
  rateEntriesMax: 20_000,
  nameLengthMax: 200,
  descriptionLengthMax: 2000,
  aliasDescriptionLengthMax: 500,
  /** Far above what an address may have, so that the core can say what is wrong with each one of a batch. */
  addressLengthMax: 1000,
  passwordLengthMax: 1000,
  /** 512 bits in base32, with room for spaces. */
  totpSecretLengthMax: 200,
  secondFactorLengthMax: 100,
  tagsMax: 50,
  tagLengthMax: 100,
  workspacesPerMemberMax: 200,
  searchLengthMax: 200,
  requestNoteLengthMax: 2000,
  /** Of a file of mailboxes; the core bounds its lines. */
  csvBytesMax: 10 * 1024 ** 2,
  /** How long GET /v1/events may be asked to wait; most proxies cut a request that takes longer. */
  eventWaitSecondsMax: 55,
  eventTypesLengthMax: 4000,
  /** On each node; event-streams.ts says of what. */
  eventStreams: { perCallerMax: 10_000, perNodeMax: 20_000, heartbeatMs: 15_000, stallMs: 60_000 },
  /** When a client of a stream tries again. */
  eventRetryMs: 1_000,
  /** Of what a client may send over a WebSocket, which is nothing yet. */
  webSocketBytesMax: 4096,
  /** A new version of the reference page is seen after this at the latest. */
  referenceCacheSeconds: 3600,
} as const
