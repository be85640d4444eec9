/**
 * What a message can be scored for. The default policy puts a message into Junk at 6 and refuses it at 15: nothing that
 * honest mail does now and then reaches 6 by itself, and what no honest mail does comes near it.
 */

/** A row's score is added when the sign is seen; null is a score that is computed (see the named file). */
type SymbolRow = { score: number | null; reason: string }

export const symbolTable = {
  // Authentication
  SPF_FAIL: {
    score: 1.5,
    reason: 'The domain of the reverse path says that this client may not send for it.',
  },
  SPF_SOFTFAIL: { score: 0.7, reason: 'The same, of a domain that is not sure.' },
  DKIM_FAIL: { score: 0.5, reason: 'Signed, and no signature fits; mailing lists break signatures too.' },
  DMARC_PASS: { score: -0.5, reason: 'The author’s domain is proved, so that its owner can be held to it.' },
  DMARC_FAIL: {
    score: 1,
    reason: 'The author’s domain is not proved, and its owner only wants to know of it.',
  },
  DMARC_QUARANTINE: { score: 3, reason: 'It is not proved, and the owner asks for quarantine.' },
  DMARC_REJECT: { score: 5, reason: 'It is not proved, and the owner asks for refusal.' },
  NOTHING_PROVED: { score: 1, reason: 'Neither SPF nor DKIM passes: nobody answers for this message.' },
  // The client
  HELO_OURS: { score: 5, reason: 'The client says that it is this host.' },
  HELO_LOCALHOST: { score: 3.5, reason: 'A remote client says that it is localhost.' },
  HELO_ADDRESS: { score: 2.5, reason: 'A bare address is no name (RFC 5321 §4.1.3 wants brackets).' },
  HELO_LITERAL: { score: 1.5, reason: 'Allowed for hosts without a name, which send little honest mail.' },
  HELO_NO_DOT: { score: 2, reason: 'No name of the public DNS (RFC 5321 §2.3.5).' },
  NO_PTR: { score: 2, reason: 'The client’s address has no name; mail servers have one (RFC 1912 §2.1).' },
  PTR_MISMATCH: { score: 1, reason: 'It has a name that does not lead back to the address.' },
  DNS_LIST: { score: null, reason: 'The client’s address is on a list (dns-list-scores.ts).' },
  // The header
  NO_MESSAGE_ID: { score: 1.5, reason: 'Mail programs always set it (RFC 5322 §3.6.4).' },
  NO_DATE: { score: 1.5, reason: 'RFC 5322 §3.6 demands it.' },
  NO_FROM: { score: 2.5, reason: 'RFC 5322 §3.6 demands it: a message has an author.' },
  REPEATED_FIELD: {
    score: 2,
    reason: 'A field that may occur once occurs twice: readers see different ones.',
  },
  DATE_INVALID: { score: 1, reason: 'The date cannot be read.' },
  DATE_FUTURE: { score: 1.5, reason: 'More than a day ahead: it wants to stay on top of the list.' },
  DATE_PAST: { score: 1, reason: 'More than a week old, longer than any queue keeps a message.' },
  RAW_8BIT_HEADER: { score: 1, reason: 'Bytes beyond ASCII without SMTPUTF8 (RFC 5322 §2.2).' },
  SUBJECT_CAPITALS: { score: 1, reason: 'A subject that shouts.' },
  NAME_HAS_ADDRESS: {
    score: 3,
    reason: 'The author’s display name shows another address than the real one.',
  },
  REPLY_TO_FREEMAIL: { score: 2, reason: 'Answers go to a free mailbox, though the author is elsewhere.' },
  MANY_RECIPIENTS: { score: 1, reason: 'More recipients in the header than people write to by hand.' },
  // The body
  EXECUTABLE: { score: 5, reason: 'An attachment that runs when it is opened.' },
  DOUBLE_EXTENSION: { score: 8, reason: 'The same, dressed up as a document.' },
  ENCRYPTED_ARCHIVE: { score: 1.5, reason: 'An archive with a password, which no scanner can look into.' },
  IMAGE_ONLY: { score: 2, reason: 'HTML with an image and hardly a word: text that filters cannot read.' },
  LINK_NAMES_OTHER_HOST: { score: 1.5, reason: 'A link shows one host and leads to another.' },
  URL_SHORTENER: { score: 1, reason: 'A link whose end is hidden.' },
  INVALID_CHARSET: { score: 1, reason: 'A charset that does not exist.' },
  // Others' opinions
  BAYES: { score: null, reason: 'What the people of the workspace taught, from -4 to 4 (bayes.ts).' },
  RSPAMD: { score: null, reason: 'The score of rspamd on our scale (rspamd/rspamd-score.ts).' },
} as const satisfies Record<string, SymbolRow>

export type SymbolName = keyof typeof symbolTable

type Computed = {
  [N in SymbolName]: (typeof symbolTable)[N]['score'] extends null ? N : never
}[SymbolName]

/** A sign that was seen, with its score. */
export type Hit = { name: SymbolName; score: number; detail?: string }

/** Of what a detail says, which comes from the message, so much is kept. */
const detailCharsMax = 200

/** A sign whose score is the table's. */
export function hit(name: Exclude<SymbolName, Computed>, detail?: string): Hit {
  return scored(name, symbolTable[name].score, detail)
}

/** A sign whose score was computed; it is rounded to two places. */
export function scored(name: SymbolName, score: number, detail?: string): Hit {
  const kept = detail
    ?.toWellFormed()
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .slice(0, detailCharsMax)
    .toWellFormed()
  return { name, score: rounded(score), ...(kept === undefined ? {} : { detail: kept }) }
}

export function rounded(score: number): number {
  return Math.round(score * 100) / 100
}
