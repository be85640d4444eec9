/**
 * Every bound of the MIME parser. A message that passes one of them is still stored and served whole;
 * only its description gets coarser, and `ParsedMessage.truncated` says so.
 */
export const mimeLimits = {
  /** MIME parts described per message, embedded messages included. What follows is opaque body. */
  partsMax: 2_000,
  /** Multiparts and embedded messages open inside each other. Deeper ones are opaque leaves. */
  depthMax: 64,
  /** Header bytes kept for field parsing: of one part, and of all parts together. Offsets stay exact. */
  headerBytesPerPartMax: 256 * 1024,
  headerBytesTotalMax: 1024 * 1024,
  /** RFC 2046 §5.1.1 allows 70; senders exceed it. A longer one counts as no boundary. */
  boundaryBytesMax: 250,
  /** RFC 5322 §2.1.1: 998 and the line end. A longer line is never a boundary delimiter line. */
  boundaryLineBytesMax: 1_000,
  /** Parameters of one field, before RFC 2231 continuations are joined. */
  parametersMax: 100,
  /** RFC 6838 §4.2: type and subtype names. */
  mediaTypeCharsMax: 127,
  transferEncodingCharsMax: 64,
  languagesMax: 32,
  addressesPerFieldMax: 5_000,
  /** Message identifiers kept of one References field: the first one and the newest. */
  messageIdsMax: 200,
  messageIdCharsMax: 998,
  /** Text decoders kept ready, by charset label. */
  textDecodersMax: 64,
} as const
