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
  quotaResourcesMax: 16,
  metadataEntriesMax: 100,

  searchKeysMax: 2_000,
  searchDepthMax: 64,
  searchReturnsMax: 8,
  sortCriteriaMax: 32,
  cancelledTagsMax: 100,
  fetchItemsMax: 200,
  headerFieldsMax: 256,
  sectionPartsMax: 100,

  /** RFC 2971 §3.3. */
  idPairsMax: 30,
  idFieldBytesMax: 30,
  idValueBytesMax: 1_024,

  enableCapabilitiesMax: 64,
  notifyGroupsMax: 100,
  /** Of one group. */
  notifyMailboxesMax: 1_000,
  notifyEventsMax: 32,
  specialUsesMax: 16,
  appendMessagesMax: 5_000,
  /** Of one message, RFC 4469. */
  catenatePartsMax: 1_000,
  /** RFC 5092. */
  urlBytesMax: 2_000,

  /** A string longer than this is written as a literal. */
  quotedBytesMax: 1_000,
} as const
