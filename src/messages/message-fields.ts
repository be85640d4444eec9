/** The header fields of a message as people read them: decoded, addresses in one piece, identifiers without brackets. */
import type { EnvelopeAddress } from './mime/addresses.ts'
import { decodeHeaderText } from './mime/encoded-words.ts'
import type { Envelope } from './mime/envelope.ts'
import { parseMessageId, parseMessageIds } from './mime/message-ids.ts'
import { sentTime } from './sort/sort-sent-date.ts'

/** As it is kept with the body. `references`: Message-IDs with angle brackets, oldest first. */
export type StoredEnvelope = Envelope & { references?: string[] }

/** `address` is what the sender wrote, and may be no address: `root`, or empty. */
export type PersonField = { name: string | null; address: string }

export type MessageFields = {
  /** Null: the message has none. */
  subject: string | null
  from: PersonField[]
  sender: PersonField[]
  /** Where answers go: the author, unless the message says otherwise. */
  replyTo: PersonField[]
  to: PersonField[]
  cc: PersonField[]
  bcc: PersonField[]
  /** What the sender's clock said; null where the Date field is missing or makes no sense. */
  sentAt: Date | null
  messageId: string | null
  inReplyTo: string | null
  /** Oldest first. */
  references: string[]
}

/** `short`: a list has many messages, and a header may be as long as its sender likes. */
const bounds = {
  whole: { subjectChars: 64 * 1024, nameChars: 1000, people: 5000 },
  short: { subjectChars: 1000, nameChars: 200, people: 50 },
} as const

export const peopleInListsMax = bounds.short.people

export function fieldsOf(envelope: StoredEnvelope, extent: keyof typeof bounds = 'whole'): MessageFields {
  const { subjectChars, nameChars, people: peopleMax } = bounds[extent]
  const people = (addresses: readonly EnvelopeAddress[]): PersonField[] => {
    const kept: PersonField[] = []
    for (const address of addresses) {
      if (kept.length === peopleMax) break
      if (address.mailbox !== null && address.host !== null) kept.push(personOf(address, nameChars)) // no mark of a group
    }
    return kept
  }
  const { subject } = envelope
  const sentMs = sentTime(envelope.date)
  const inReplyTo = parseMessageIds(envelope.inReplyTo ?? '')[0]
  return {
    subject: subject === null ? null : cut(decodeHeaderText(subject), subjectChars),
    from: people(envelope.from),
    sender: people(envelope.sender),
    replyTo: people(envelope.replyTo),
    to: people(envelope.to),
    cc: people(envelope.cc),
    bcc: people(envelope.bcc),
    sentAt: sentMs === null || Number.isNaN(new Date(sentMs).getTime()) ? null : new Date(sentMs),
    messageId: bare(envelope.messageId === null ? null : parseMessageId(envelope.messageId)),
    inReplyTo: bare(inReplyTo ?? null),
    references: (envelope.references ?? []).map((id) => bare(id) ?? ''),
  }
}

function personOf({ name, mailbox, host }: EnvelopeAddress, nameChars: number): PersonField {
  const decoded = name === null ? '' : cut(decodeHeaderText(name), nameChars).trim()
  return {
    name: decoded === '' ? null : decoded,
    address: host === '' ? (mailbox ?? '') : `${mailbox}@${host}`,
  }
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : text.slice(0, charsMax).toWellFormed()
}

function bare(id: string | null): string | null {
  return id === null ? null : id.replace(/^<(.*)>$/, '$1')
}
