/** IMAP's ENVELOPE (RFC 9051 §7.5.2), made from header fields. */
import { type EnvelopeAddress, parseAddressList } from './addresses.ts'

export type { EnvelopeAddress } from './addresses.ts'

/** Strings are unfolded header text, not RFC 2047-decoded. null: the field is absent; '': it is empty. */
export type Envelope = {
  date: string | null
  subject: string | null
  from: EnvelopeAddress[]
  sender: EnvelopeAddress[]
  replyTo: EnvelopeAddress[]
  to: EnvelopeAddress[]
  cc: EnvelopeAddress[]
  bcc: EnvelopeAddress[]
  inReplyTo: string | null
  messageId: string | null
}

/** The fields that an envelope is made of, in lower case. */
export const envelopeFieldNames = [
  'date',
  'subject',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'in-reply-to',
  'message-id',
] as const

/**
 * Of a field that may occur once, the first counts. Repeated To, Cc and Bcc are one list (RFC 5322 §4.5.3).
 * An absent or empty Sender or Reply-To is the From (RFC 9051 §7.5.2).
 */
export function buildEnvelope(values: ReadonlyMap<string, readonly string[]>): Envelope {
  const first = (name: string) => values.get(name)?.[0] ?? null
  const addresses = (name: string) => parseAddressList(first(name) ?? '')
  const joined = (name: string) => parseAddressList(values.get(name)?.join(', ') ?? '')
  const from = addresses('from')
  const orFrom = (list: EnvelopeAddress[]) => (list.length > 0 ? list : from)
  return {
    date: first('date'),
    subject: first('subject'),
    from,
    sender: orFrom(addresses('sender')),
    replyTo: orFrom(addresses('reply-to')),
    to: joined('to'),
    cc: joined('cc'),
    bcc: joined('bcc'),
    inReplyTo: first('in-reply-to'),
    messageId: first('message-id'),
  }
}
