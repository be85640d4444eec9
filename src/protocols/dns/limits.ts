/** Every bound of the DNS server lives here and nowhere else. */
export const dnsLimits = {
  /** What one UDP answer holds at most, and what we say that we take: it crosses networks unfragmented (RFC 9715). */
  udpBytesMax: 1232,
  /** Without EDNS, RFC 1035 §4.2.1. */
  plainUdpBytesMax: 512,
  tcpBytesMax: 65_535,
  /** Datagrams above that are of no use to anybody. */
  udpQueryBytesMax: 4096,
  /** Records of a query beside its question: more are refused unread. */
  recordsMax: 64,
  /** Answers that wait in the kernel's place; what comes above it is not answered. */
  udpWaitingBytesMax: 4 * 1024 ** 2,
  /** Answers of one socket that wait for the database. */
  udpPendingMax: 1_000,
  /** Answers kept in wire form, some 400 bytes each: the older half goes when the newer one is full. */
  cachedAnswersMax: 250_000,
  /** Signed ones are kept no longer: their signatures hold for a week at least. */
  signedAnswerMsMax: 24 * 3600 * 1000,

  tcp: {
    connectionsMax: 1_000,
    connectionsPerAddressMax: 50,
    stopMsMax: 3_000,
  },
  /** RFC 7766 §6.2.3: some seconds; also how long a client may take to accept what we send. */
  tcpIdleMsMax: 10_000,
  /** From the first byte of a query to its last. */
  tcpQueryMsMax: 10_000,
  /** Messages of one connection that are answered before others have their turn. */
  tcpMessagesInATurnMax: 50,

  /** RFC 9018 §4.3, in seconds. */
  cookie: {
    /** Older ones are as none. */
    ageMax: 3600,
    /** Older ones are replaced. */
    renewAfter: 1800,
    /** How far ahead another node's clock may be. */
    futureMax: 300,
  },
} as const

/**
 * Response rate limiting: answers a second to one network of clients that have not shown (by a cookie, or by TCP) that
 * they are where they say. Whoever forges a victim's address gets no more than this sent to it.
 */
export const rateLimits = {
  ipv4PrefixBits: 24,
  ipv6PrefixBits: 56,
  /** Answers with records, referrals included. */
  answersPerSecond: 500,
  /** Refusals, errors, and names or types that are not there. */
  negativesPerSecond: 100,
  /** Above it: each so-manieth is a TC that sends a true client to TCP, the others are dropped. */
  slip: 2,
  /** Networks that are counted in one second; those above it are not limited. */
  networksMax: 100_000,
} as const
