/** Every bound of the POP3 server lives here and nowhere else. */
export const pop3Limits = {
  /** Of one listener. */
  connectionsMax: 16_000,
  /** From one address that is not this machine's own: a whole office can be behind one. */
  connectionsPerAddressMax: 500,

  /** RFC 1939 §3: at least 10 minutes. */
  idleMsMax: 10 * 60_000,
  tlsHandshakeMsMax: 30_000,
  /** From our last word until the socket is cut. */
  closeMsMax: 2_000,
  stopMsMax: 10_000,

  /** A line with its line end. RFC 2449 §4 asks for 255; SASL responses may be longer (RFC 5034 §4). */
  lineBytesMax: 8_192,
  /** Of one line that is too long: what is read and thrown away to stay in step. */
  discardBytesMax: 64 * 1024,
  /** What a client may send ahead; above it the socket is not read. */
  inputBytesMax: 32 * 1024,
  /** What is collected for one write; above it the command waits for the client to take it. */
  outputBytesMax: 64 * 1024,
  /** A reply with its line end, RFC 2449 §4. */
  replyBytesMax: 512,
  badCommandsInARowMax: 20,
  /** Of one batch: then other connections have their turn. */
  commandsInATurnMax: 100,

  /** A header that is rewritten for a client without UTF-8 is held in memory; what is longer is refused. */
  rewrittenHeaderBytesMax: 256 * 1024,
} as const
