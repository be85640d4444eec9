/** Arguments of FETCH and UID FETCH: RFC 9051 §6.4.5, RFC 3516 BINARY, RFC 7162, RFC 8970, RFC 9394. */
import type { CommandOf } from './commands.ts'
import type { FetchItem, Partial, PartNumber, Section } from './fetch-item.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'
import { readPartialRange, readSequenceSet } from './sequence-set.ts'

const fast = [{ item: 'FLAGS' }, { item: 'INTERNALDATE' }, { item: 'RFC822.SIZE' }] as const

const macros = new Map<string, readonly FetchItem[]>([
  ['FAST', fast],
  ['ALL', [...fast, { item: 'ENVELOPE' }]],
  ['FULL', [...fast, { item: 'ENVELOPE' }, { item: 'BODY' }]],
])

const plainItems = [
  'BODY',
  'BODYSTRUCTURE',
  'EMAILID',
  'ENVELOPE',
  'FLAGS',
  'INTERNALDATE',
  'MODSEQ',
  'RFC822',
  'RFC822.HEADER',
  'RFC822.SIZE',
  'RFC822.TEXT',
  'SAVEDATE',
  'THREADID',
  'UID',
] as const
const plainItemByName = new Map<string, FetchItem>(plainItems.map((item) => [item, { item }]))

/** "FETCH" SP sequence-set SP (macro / fetch-att / "(" fetch-att *(SP fetch-att) ")") [SP fetch-modifiers] */
export function parseFetch(reader: Reader, uid: boolean): Omit<CommandOf<'FETCH'>, 'tag'> {
  reader.space()
  const set = readSequenceSet(reader)
  reader.space()
  const items = reader.peek() === '(' ? readFetchItems(reader) : readMacroOrItem(reader)
  const modifiers = reader.skip(' ') ? readModifiers(reader, uid) : noModifiers()
  return { name: 'FETCH', uid, set, items, ...modifiers }
}

/** "(" fetch-att *(SP fetch-att) ")" */
export function readFetchItems(reader: Reader): readonly FetchItem[] {
  return reader.nonEmptyList(imapSyntaxLimits.fetchItemsMax, () =>
    readItem(reader, reader.word('a FETCH item')),
  )
}

function readMacroOrItem(reader: Reader): readonly FetchItem[] {
  const word = reader.word('a FETCH item')
  return macros.get(word) ?? [readItem(reader, word)]
}

function readItem(reader: Reader, word: string): FetchItem {
  if (reader.peek() === '[') {
    const peek = word.endsWith('.PEEK')
    if (word === 'BODY' || word === 'BODY.PEEK') return readBodyItem(reader, peek)
    if (word === 'BINARY' || word === 'BINARY.PEEK') return readBinaryItem(reader, peek)
    if (word === 'BINARY.SIZE') return { item: 'BINARY.SIZE', part: readBinaryPart(reader) }
  }
  if (word === 'PREVIEW') return { item: 'PREVIEW', lazy: readLazy(reader) }
  return plainItemByName.get(word) ?? reader.fail('Unknown FETCH item')
}

const lazyPattern = / \(LAZY\)/iy

/** "PREVIEW" [SP "(" "LAZY" ")"], RFC 8970 §6. */
function readLazy(reader: Reader): boolean {
  return reader.match(lazyPattern) !== null
}

function readBodyItem(reader: Reader, peek: boolean): FetchItem {
  reader.expect('[')
  const section = readSection(reader)
  reader.expect(']')
  return { item: 'BODY[]', section, partial: readPartial(reader), peek }
}

function readBinaryItem(reader: Reader, peek: boolean): FetchItem {
  return { item: 'BINARY[]', part: readBinaryPart(reader), partial: readPartial(reader), peek }
}

function readBinaryPart(reader: Reader): PartNumber {
  reader.expect('[')
  const part = readPartNumber(reader)
  reader.expect(']')
  return part
}

const partNumberPattern = /[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*/y

/** section-part, or nothing. */
function readPartNumber(reader: Reader): number[] {
  const numbers = reader.match(partNumberPattern)?.[0].split('.').map(Number) ?? []
  if (numbers.length > imapSyntaxLimits.sectionPartsMax) reader.fail('Part number too deep')
  return numbers
}

/** section-spec = section-msgtext / (section-part ["." section-text]), or nothing, and "]" ahead. */
export function readSection(reader: Reader): Section {
  const part = readPartNumber(reader)
  if (reader.peek() === ']') return { part, text: 'all' }
  if (part.length > 0) reader.expect('.')
  const word = reader.word('a section')
  if (word === 'HEADER') return { part, text: 'header' }
  if (word === 'TEXT') return { part, text: 'text' }
  if (word === 'MIME' && part.length > 0) return { part, text: 'mime' }
  if (word === 'HEADER.FIELDS') return { part, text: 'header-fields', names: readHeaderList(reader) }
  if (word === 'HEADER.FIELDS.NOT') return { part, text: 'header-fields-not', names: readHeaderList(reader) }
  return reader.fail('Unknown section')
}

function readHeaderList(reader: Reader): string[] {
  reader.space()
  return reader.nonEmptyList(imapSyntaxLimits.headerFieldsMax, () => reader.astring())
}

/** partial = "<" number64 "." nz-number64 ">" */
function readPartial(reader: Reader): Partial | null {
  if (!reader.skip('<')) return null
  const offsetBytes = reader.number64()
  reader.expect('.')
  const countBytes = reader.number64()
  if (countBytes === 0) reader.fail('A partial range has at least one octet')
  reader.expect('>')
  return { offsetBytes, countBytes }
}

type Modifiers = Pick<CommandOf<'FETCH'>, 'changedSince' | 'vanished' | 'partial'>

function noModifiers(): Modifiers {
  return { changedSince: null, vanished: false, partial: null }
}

function readModifiers(reader: Reader, uid: boolean): Modifiers {
  const modifiers = noModifiers()
  reader.nonEmptyList(3, () => {
    const modifier = reader.word('a FETCH modifier')
    if (modifier === 'CHANGEDSINCE') {
      reader.space()
      modifiers.changedSince = reader.modSeq()
    } else if (modifier === 'VANISHED') modifiers.vanished = true
    else if (modifier === 'PARTIAL' && uid) {
      reader.space()
      modifiers.partial = readPartialRange(reader)
    } else reader.fail('Unknown FETCH modifier')
  })
  // RFC 7162 §3.2.6.
  if (modifiers.vanished && (!uid || modifiers.changedSince === null)) {
    reader.fail('VANISHED needs UID FETCH and CHANGEDSINCE')
  }
  return modifiers
}
