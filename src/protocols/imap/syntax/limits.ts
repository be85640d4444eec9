/** Every bound of the IMAP syntax lives here and nowhere else. Parsers refuse what passes them. */
export const imapSyntaxLimits = {
  /** Text of one command over all its segments. RFC 9051 §4 and RFC 7162 §4 ask for at least 8,192. */
  commandTextBytesMax: 65_536,
  /** One literal held in memory; a larger one is streamed (APPEND) or refused. */
  literalBufferedBytesMax: 65_536,
  literalsBufferedMax: 64,
  literalsBufferedTotalBytesMax: 524_288,
  /** What is read and thrown away to stay in step after a refusal; above it the connection must close. */
  discardBytesMax: 64 * 1024 ** 2,

  sequenceRangesMax: 20_000,
  flagsMax: 100,
  keywordBytesMax: 255,

  mailboxNameBytesMax: 1_000,
  listPatternsMax: 32,
  listPatternBytesMax: 1_000,
  listOptionsMax: 16,

  searchKeysMax: 2_000,
  searchDepthMax: 64,
  fetchItemsMax: 200,
  headerFieldsMax: 256,
  sectionPartsMax: 100,

  /** RFC 2971 §3.3. */
  idPairsMax: 30,
  idFieldBytesMax: 30,
  idValueBytesMax: 1_024,

  enableCapabilitiesMax: 64,
  specialUsesMax: 16,
  appendMessagesMax: 5_000,

  /** A string longer than this is written as a literal. */
  quotedBytesMax: 1_000,
} as const
