/** What a submission server mends and refuses in what its own users send (RFC 6409 §6, §8). */
import { parseAddress } from '../../mailboxes/address.ts'
import { type EnvelopeAddress, parseAddressList } from '../../messages/mime/addresses.ts'
import type { HeaderField } from '../../messages/mime/header-fields.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Platform } from '../../platform/platform.ts'
import { ownsSender, sandboxRefusal } from '../senders.ts'
import { dateTime } from '../trace.ts'
import type { Arrival, ArrivalRefusal } from './arrival.ts'
import { refusal } from './refuse.ts'

/** Addresses in From and Sender together; each is looked up. */
const authorsMax = 20

/**
 * Every author that a message names must be the login's own: a reader believes From, and not the envelope.
 * @returns why it is refused, or null.
 */
export async function refuseAuthors(
  platform: Platform,
  login: MailboxOwner,
  { mailFrom, remote }: Pick<Arrival, 'mailFrom' | 'remote'>,
  fields: readonly HeaderField[],
): Promise<ArrivalRefusal | null> {
  if (valuesOf(fields, 'from').length > 1) return refusal(550, '5.6.0', 'The message has two From fields') // RFC 5322 §3.6
  const authors = new Set(['from', 'sender'].flatMap((name) => addressesOf(fields, name)))
  if (authors.size > authorsMax) return refusal(550, '5.7.1', 'The message has too many authors')
  for (const author of authors) {
    if (author !== canonical(mailFrom) && !(await ownsSender(platform, login, author))) {
      return refusal(550, '5.7.1', 'An address in From or Sender does not belong to you')
    }
    const sandbox = remote.length > 0 ? sandboxRefusal(author) : null
    if (sandbox !== null) return sandbox
  }
  return null
}

/** Names of fields that no reader should get: RFC 5322 §3.6.3, §3.6.6; RFC 5321 §4.4. */
const privateFields: ReadonlySet<string> = new Set(['bcc', 'resent-bcc', 'return-path'])

export function isPrivate({ name }: HeaderField): boolean {
  return privateFields.has(name.toLowerCase())
}

/** The fields that the message must have and has not, each with its CRLF (RFC 6409 §8.2, §8.3; RFC 5322 §3.6). */
export function missingFields(
  { id, at, mailFrom }: Pick<Arrival, 'id' | 'at' | 'mailFrom'>,
  fields: readonly HeaderField[],
  hostname: string,
): string {
  const has = (name: string): boolean => valuesOf(fields, name).length > 0
  const domain = domainOf(authorOf(fields) ?? mailFrom) ?? hostname
  return [
    has('from') || mailFrom === '' ? '' : `From: <${mailFrom}>\r\n`,
    has('date') ? '' : `Date: ${dateTime(at)}\r\n`,
    has('message-id') ? '' : `Message-ID: <${id}@${domain}>\r\n`,
  ].join('')
}

/** Whose key signs: the domain of the author, since that is what DMARC compares. Null: nobody's. */
export function signingDomainOf(fields: readonly HeaderField[], mailFrom: string): string | null {
  return domainOf(authorOf(fields) ?? mailFrom)
}

function authorOf(fields: readonly HeaderField[]): string | null {
  return addressesOf(fields, 'from')[0] ?? null
}

function domainOf(address: string): string | null {
  const parsed = parseAddress(address)
  return parsed.ok ? parsed.value.domain : null
}

function valuesOf(fields: readonly HeaderField[], name: string): string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value)
}

/** Canonical where they are addresses at all; else as they stand there, so that nobody owns them. */
function addressesOf(fields: readonly HeaderField[], name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => parseAddressList(value))
    .flatMap((address) => (address.host === null ? [] : [canonical(textOf(address))]))
}

function textOf({ mailbox, host }: EnvelopeAddress): string {
  const local = mailbox ?? ''
  const isPlain = /^[^\s"(),:;<>@[\\\]]+$/.test(local)
  return `${isPlain ? local : `"${local.replace(/["\\]/g, '\\$&')}"`}@${host}`
}

function canonical(address: string): string {
  const parsed = parseAddress(address)
  return parsed.ok ? parsed.value.address : address
}
