/**
 * Address lists (RFC 5322 §3.4, obsolete forms of §4.4, UTF-8 of RFC 6532) as IMAP's ENVELOPE wants them
 * (RFC 9051 §7.5.2). Reads what senders really write; nothing is refused, and every scan is linear.
 */
import {
  type AddressReader,
  createAddressReader,
  readDomain,
  readWords,
  skipQuoted,
  type Word,
} from './address-words.ts'
import { mimeLimits } from './mime-limits.ts'

/**
 * One mailbox, or a mark: a group starts with `host` null and its name in `mailbox`, and ends with both null.
 * A missing local part or domain is an empty string, never null, so that it cannot be taken for a mark.
 * `name` is the phrase without its quotes, still RFC 2047-encoded if it was; `mailbox` is unquoted too.
 */
export type EnvelopeAddress = {
  name: string | null
  route?: string
  mailbox: string | null
  host: string | null
}

type ListReader = AddressReader & { isInGroup: boolean; isAngleOpenEnded: boolean; found: EnvelopeAddress[] }

/** The addresses of an unfolded field value, groups flattened with their marks. */
export function parseAddressList(text: string): EnvelopeAddress[] {
  const list: ListReader = {
    ...createAddressReader(text),
    isInGroup: false,
    isAngleOpenEnded: false,
    found: [],
  }
  while (list.at < text.length && list.found.length < mimeLimits.addressesPerFieldMax) readEntry(list)
  if (list.isInGroup) endGroup(list)
  return list.found
}

/** Reads one address with its separator, or one mark. Always moves on. */
function readEntry(list: ListReader): void {
  list.comment = null
  const words = readWords(list)
  const delimiter = list.text[list.at]
  if (delimiter === '<') readAngleAddress(list, phrase(words))
  else if (delimiter === '@') readBareAddress(list, words)
  else {
    list.at++
    if (delimiter === ':') startGroup(list, words)
    else if (words.length > 0) list.found.push({ name: list.comment, mailbox: phrase(words), host: '' })
    if (delimiter === ';' && list.isInGroup) endGroup(list)
  }
}

/** RFC 5322 §3.4: groups do not nest, so a colon inside one starts nothing. */
function startGroup(list: ListReader, words: readonly Word[]): void {
  if (words.length === 0 || list.isInGroup) return
  list.found.push({ name: null, mailbox: phrase(words), host: null })
  list.isInGroup = true
}

function endGroup(list: ListReader): void {
  list.found.push({ name: null, mailbox: null, host: null })
  list.isInGroup = false
}

/** `local@domain`, standing at the `@`. The words may begin with a phrase: `Ann ann@a.test`. */
function readBareAddress(list: ListReader, words: readonly Word[]): void {
  const localStart = localPartStart(words)
  const name = phrase(words.slice(0, localStart))
  const { mailbox, host } = readDomainParts(list, localPart(words.slice(localStart)))
  const afterAddress = list.at
  const trailing = phrase(readWords(list))
  const delimiter = list.text[list.at]
  if (delimiter === '<') {
    // `ann@a.test <ann@b.test>`: an address as the display name, without quotes.
    readAngleAddress(list, [name, `${mailbox}@${host}`, trailing].filter((piece) => piece !== '').join(' '))
    return
  }
  const isNext = delimiter === '@' // white space in place of a comma: the words belong to the next address
  if (isNext) list.at = afterAddress
  list.found.push({ name: name || (isNext ? '' : trailing) || list.comment, mailbox, host })
}

/** Where the local part starts: words belong to it without white space between, or with some around a dot. */
function localPartStart(words: readonly Word[]): number {
  let start = Math.max(0, words.length - 1)
  while (start > 0 && isJoined(words[start - 1], words[start])) start--
  return start
}

/** Standing at `@`: the domain. With more than one `@` the last decides, as it does for mail servers. */
function readDomainParts(reader: AddressReader, local: string): { mailbox: string; host: string } {
  let mailbox = local
  let host = readDomain(reader)
  while (reader.text[reader.at] === '@') {
    mailbox += `@${host}`
    host = readDomain(reader)
  }
  return { mailbox, host }
}

/** Standing at `<`: route and addr-spec up to `>`; where that is missing, up to the next comma. */
function readAngleAddress(list: ListReader, name: string): void {
  const start = list.at + 1
  const end = angleEnd(list, start)
  const { route, mailbox, host } = parseAngleContent(list.text.slice(start, end))
  list.at = end
  const trailingName = readTrailingName(list)
  const address: EnvelopeAddress = { name: name || trailingName, mailbox, host }
  if (route !== null) address.route = route
  list.found.push(address)
}

/** `<ann@a.test> (Ann)`: RFC 5322 §3.4 says that old software puts the name there. Others leave it bare. */
function readTrailingName(list: ListReader): string | null {
  if (list.text[list.at] !== '>') return list.comment
  list.at++
  const afterAddress = list.at
  const trailing = phrase(readWords(list))
  const delimiter = list.text[list.at]
  const isNext = delimiter === '@' || delimiter === '<'
  if (isNext) list.at = afterAddress
  return list.comment ?? (isNext ? null : trailing || null)
}

function angleEnd(list: ListReader, start: number): number {
  const { text } = list
  for (let at = start; at < text.length && !list.isAngleOpenEnded; ) {
    if (text[at] === '>') return at
    at = text[at] === '"' ? skipQuoted(list, at) : at + 1
  }
  list.isAngleOpenEnded = true // no `>` from here on: remembered, or many `<` would cost a search each
  const comma = text.indexOf(',', start)
  return comma === -1 ? text.length : comma
}

function parseAngleContent(content: string): { route: string | null; mailbox: string; host: string } {
  // RFC 5322 §4.4 obs-route: `@a.test,@b.test:ann@c.test`
  const [prefix, route] = /^\s*(@[^:"]*):/.exec(content) ?? ['']
  const reader = createAddressReader(content.slice(prefix.length))
  let words = readWords(reader)
  while (reader.at < reader.text.length && reader.text[reader.at] !== '@') {
    reader.at++ // `<mailto:ann@a.test>`: what stands before a stray separator is no local part
    words = readWords(reader)
  }
  const hasDomain = reader.at < reader.text.length
  const { mailbox, host } = hasDomain
    ? readDomainParts(reader, localPart(words))
    : { mailbox: localPart(words), host: '' }
  return { route: route?.replace(/\s/g, '') ?? null, mailbox, host }
}

/** Words as text, with one space where the sender had white space or a comment. */
function phrase(words: readonly Word[]): string {
  let text = ''
  for (const word of words) text += (text !== '' && word.hasGapBefore ? ' ' : '') + word.text
  return text
}

/** The same without spaces around dots (RFC 5322 §4.4 obs-local-part). */
function localPart(words: readonly Word[]): string {
  let text = ''
  for (const [index, word] of words.entries()) {
    text += (index === 0 || isJoined(words[index - 1], word) ? '' : ' ') + word.text
  }
  return text
}

function isJoined(before: Word | undefined, word: Word | undefined): boolean {
  if (before === undefined || word === undefined) return false
  return !word.hasGapBefore || word.text.startsWith('.') || before.text.endsWith('.')
}
