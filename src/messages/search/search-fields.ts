/** The fields of an envelope as search sees them: decoded, folded, and addresses as people write them. */
import type { EnvelopeAddress } from '../mime/addresses.ts'
import { decodeHeaderText } from '../mime/encoded-words.ts'
import type { Envelope } from '../mime/envelope.ts'
import { foldHeaderText } from './search-fold.ts'
import { sentDay } from './search-sent-date.ts'

export type AddressField = 'from' | 'to' | 'cc' | 'bcc'

/** A field of header text, folded. */
export function foldedField(value: string): string {
  return foldHeaderText(decodeHeaderText(value))
}

/** The addresses of a field, folded; null when it has none. */
export function foldedAddresses(envelope: Envelope, field: AddressField): string | null {
  const addresses = envelope[field]
  return addresses.length === 0 ? null : foldHeaderText(addressText(addresses))
}

/** The day on which a message was sent, as its sender wrote it: `2026-02-28`. Null: on no day. */
export function sentDayOf({ date }: Envelope): string | null {
  return date === null ? null : sentDay(date)
}

/** `Ann <ann@example.test>, friends:, bob@example.test`: as people write it, without the quotes of the wire. */
function addressText(addresses: readonly EnvelopeAddress[]): string {
  const shown = addresses.flatMap(({ name, mailbox, host }) => {
    if (mailbox === null) return [] // the end of a group
    if (host === null) return [`${decodeHeaderText(mailbox)}:`]
    const address = host === '' ? mailbox : `${mailbox}@${host}`
    return [name === null ? address : `${decodeHeaderText(name)} <${address}>`]
  })
  return shown.join(', ')
}
