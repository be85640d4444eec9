/** Every bound of the IMAP server lives here and nowhere else; those of its syntax are in syntax/limits.ts. */
export const imapLimits = {
  /** Of one listener. */
  connectionsMax: 16_000,
  /** From one address that is not this machine's own: a whole office can be behind one. */
  connectionsPerAddressMax: 500,

  idleBeforeLoginMsMax: 2 * 60_000,
  /** RFC 9051 §5.4: at least 30 minutes. */
  idleMsMax: 31 * 60_000,
  tlsHandshakeMsMax: 30_000,
  /** From our last word until the socket is cut. */
  closeMsMax: 2_000,
  stopMsMax: 10_000,

  /** What a client may send ahead; above it the socket is not read. */
  inputBytesMax: 256 * 1024,
  /** What is collected for one write; above it the command waits for the client to take it. */
  outputBytesMax: 64 * 1024,
  badCommandsInARowMax: 50,
  /** A literal of a client that has not logged in: names and passwords are small. */
  literalBeforeLoginBytesMax: 4_096,

  /** Changes that come this close together are announced together. */
  idleCoalesceMs: 5,
  /** Names and metadata entries of which a client was not told yet (RFC 5465 §5.8); more than a mailbox has folders. */
  notifyPendingMax: 10_000,
  /** How often a client is told that a command goes on (RFC 9585). */
  inProgressMs: 5_000,
  /** Searches of one session whose results are kept up to date (RFC 5267 §4.3.1). */
  liveSearchesMax: 8,
  /** All messages of one MULTIAPPEND, unless a single message may be larger. */
  appendBytesMax: 128 * 1024 ** 2,
  appendMessagesMax: 1_000,
} as const
