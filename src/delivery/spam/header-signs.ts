/** Signs in the header of a message. */

import { type EnvelopeAddress, parseAddressList } from '../../messages/mime/addresses.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import type { Arrival } from '../inbound/arrival.ts'
import type { Inspected } from './inspect.ts'
import { freemailDomains } from './known-names.ts'
import { registrable } from './links.ts'
import { type Hit, hit } from './symbols.ts'

/** More in To and Cc than this are many. */
const recipientsMany = 50
const aheadMsMax = 24 * 3600 * 1000
const behindMsMax = 7 * 24 * 3600 * 1000

type HeaderArrival = Pick<Arrival, 'at' | 'smtputf8'>

export function headerSigns(arrival: HeaderArrival, inspected: Inspected): Hit[] {
  const { fields, header } = inspected
  const subject = subjectOf(inspected)
  return [
    ...missingFields(fields),
    ...repeatedFields(fields),
    ...dateSigns(fields.get('date')?.[0], arrival.at),
    ...(!arrival.smtputf8 && hasHighByte(header) ? [hit('RAW_8BIT_HEADER')] : []),
    ...(isShouted(subject) ? [hit('SUBJECT_CAPITALS')] : []),
    ...authorSigns(fields),
    ...(recipientCount(fields) > recipientsMany
      ? [hit('MANY_RECIPIENTS', String(recipientCount(fields)))]
      : []),
  ]
}

/** Decoding costs time, and what a reader sees of a subject is short. */
const subjectCharsMax = 2_000

export function subjectOf({ fields }: Pick<Inspected, 'fields'>): string {
  return decodeHeaderText((fields.get('subject')?.[0] ?? '').slice(0, subjectCharsMax))
}

type Fields = Inspected['fields']

function missingFields(fields: Fields): Hit[] {
  const isMissing = (name: string): boolean => (fields.get(name)?.[0] ?? '') === ''
  return [
    ...(isMissing('message-id') ? [hit('NO_MESSAGE_ID')] : []),
    ...(isMissing('date') ? [hit('NO_DATE')] : []),
    ...(isMissing('from') ? [hit('NO_FROM')] : []),
  ]
}

/** RFC 5322 §3.6: those of the fields here that may occur once. */
const onceOnly = ['from', 'sender', 'reply-to', 'to', 'cc', 'subject', 'date', 'message-id', 'references']

function repeatedFields(fields: Fields): Hit[] {
  const repeated = onceOnly.filter((name) => (fields.get(name)?.length ?? 0) > 1)
  return repeated.length === 0 ? [] : [hit('REPEATED_FIELD', repeated.join(', '))]
}

function dateSigns(value: string | undefined, at: Date): Hit[] {
  if (value === undefined || value === '') return []
  const ms = Date.parse(value.replace(/\([^()]*\)/g, ' '))
  if (Number.isNaN(ms)) return [hit('DATE_INVALID', value)]
  if (ms - at.getTime() > aheadMsMax) return [hit('DATE_FUTURE', value)]
  return at.getTime() - ms > behindMsMax ? [hit('DATE_PAST', value)] : []
}

function hasHighByte(bytes: Buffer): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class is "anything but ASCII"
  return /[^\x00-\x7f]/.test(bytes.toString('latin1')) // a callback for each byte costs ten times as much
}

/** Ten letters or more that have a case, all of them capital. */
function isShouted(subject: string): boolean {
  const letters = subject.match(/[\p{Lu}\p{Ll}]/gu) ?? []
  return letters.length >= 10 && !/\p{Ll}/u.test(subject)
}

function authorSigns(fields: Fields): Hit[] {
  const authors = mailboxesOf(fields.get('from')?.[0])
  const [author] = authors
  if (author === undefined) return []
  return [...authors.flatMap(nameSigns), ...replyToSigns(author, mailboxesOf(fields.get('reply-to')?.[0]))]
}

/** `"support@bank.example" <x@y.example>`: what people are shown is not where it comes from. */
function nameSigns({ name, address, domain }: Author): Hit[] {
  const shown = /[\w.+-]{1,64}@((?:[a-z0-9-]{1,63}\.)+[a-z]{2,63})/i.exec(name)
  if (shown === null || shown[0].toLowerCase() === address) return []
  const shownDomain = shown[1]?.toLowerCase() ?? ''
  const isSameOwner = registrable(shownDomain) !== null && registrable(shownDomain) === registrable(domain)
  return isSameOwner ? [] : [hit('NAME_HAS_ADDRESS', `${shown[0]} <${address}>`)]
}

function replyToSigns(author: Author, answers: readonly Author[]): Hit[] {
  const other = answers.find(({ domain }) => domain !== author.domain && freemailDomains.has(domain))
  return other === undefined ? [] : [hit('REPLY_TO_FREEMAIL', other.domain)]
}

/** A mailbox of an address field, in lower case, its name decoded. */
export type Author = { name: string; address: string; domain: string }

/** The mailboxes of an address field. */
export function mailboxesOf(value: string | undefined): Author[] {
  return parseAddressList(value ?? '').flatMap(({ name, mailbox, host }: EnvelopeAddress) => {
    if (!mailbox || !host) return []
    const domain = host.toLowerCase()
    return [{ name: decodeHeaderText(name ?? ''), address: `${mailbox.toLowerCase()}@${domain}`, domain }]
  })
}

function recipientCount(fields: Fields): number {
  const lists = [...(fields.get('to') ?? []), ...(fields.get('cc') ?? [])]
  return lists.reduce((count, value) => count + mailboxesOf(value).length, 0)
}
