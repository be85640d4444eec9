/** What an event says of a message, so that its reader need not fetch it to know whether it matters. */
import { decodeHeaderText } from './mime/encoded-words.ts'
import type { EnvelopeAddress, ParsedMessage } from './mime/structure.ts'

export type SummaryAddress = { address: string; name: string | null }

export type MessageSummary = {
  /** The first author. */
  from: SummaryAddress | null
  /** The first of the To field; Cc and the others are in the message. */
  to: SummaryAddress[]
  subject: string | null
  /** The Message-ID without angle brackets. */
  internet_message_id: string | null
}

/** An event is written with every message: it must stay small whatever the header has. */
export const summaryLimits = {
  toMax: 5,
  addressCharsMax: 254,
  nameCharsMax: 100,
  subjectCharsMax: 200,
} as const

export function summaryOf({ envelope, messageId }: ParsedMessage): MessageSummary {
  const { toMax, subjectCharsMax, addressCharsMax } = summaryLimits
  return {
    from: envelope.from.map(addressOf).find((one) => one !== null) ?? null,
    to: envelope.to
      .map(addressOf)
      .filter((one) => one !== null)
      .slice(0, toMax),
    subject: envelope.subject === null ? null : shown(envelope.subject, subjectCharsMax),
    internet_message_id:
      messageId === null ? null : cut(storableText(messageId.replace(/^<|>$/g, '')), addressCharsMax),
  }
}

/** Null for a mark of a group (RFC 5322 §3.4). */
function addressOf({ name, mailbox, host }: EnvelopeAddress): SummaryAddress | null {
  if (mailbox === null || host === null) return null
  const { addressCharsMax, nameCharsMax } = summaryLimits
  return {
    address: cut(storableText(`${mailbox}@${host}`), addressCharsMax),
    name: name === null || name === '' ? null : shown(name, nameCharsMax),
  }
}

// Decoding gives at most as many characters as the text had bytes, and text is cut before, too: headers may be long.
const decodedCharsMax = 2000

function shown(text: string, charsMax: number): string {
  return cut(storableText(decodeHeaderText(text.slice(0, decodedCharsMax))), charsMax)
}

/** PostgreSQL's JSON holds no NUL and no half of a surrogate pair. */
function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}

/** Never between the halves of a surrogate pair. */
function cut(text: string, charsMax: number): string {
  return text.length <= charsMax
    ? text
    : text
        .slice(0, charsMax)
        .toWellFormed()
        .replace(/\ufffd$/, '')
}
