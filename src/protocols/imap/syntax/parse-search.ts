/** Arguments of SEARCH and UID SEARCH: RFC 9051 §6.4.4, RFC 5032, 5267, 7162, 8474, 8514, 9394. */
import type { CommandOf } from './commands.ts'
import { readDate } from './date-time.ts'
import { readKeyword, type SystemFlag, systemFlags } from './flags.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'
import { type DecodeSearchText, searchDecoder } from './search-charset.ts'
import type { DateRelation, SearchCriteria, SearchKey, SearchReturn } from './search-key.ts'
import { readPartialRange, readSequenceSet } from './sequence-set.ts'

type Scan = { reader: Reader; decode: DecodeSearchText; keysLeft: number }

/** "SEARCH" [SP "RETURN" SP "(" ... ")"] [SP "CHARSET" SP charset] 1*(SP search-key) */
export function parseSearch(reader: Reader, uid: boolean): Omit<CommandOf<'SEARCH'>, 'tag'> {
  reader.space()
  const returns = readReturns(reader)
  let charset: string | null = null
  if (reader.skipWord('CHARSET')) {
    reader.space()
    charset = reader.astring()
    reader.space()
  }
  return { name: 'SEARCH', uid, returns, ...readCriteria(reader, charset) }
}

/** 1*(SP search-key) without the first space. */
export function readCriteria(reader: Reader, charset: string | null): SearchCriteria {
  const decode = searchDecoder(charset)
  const scan: Scan = { reader, decode: decode ?? undecoded, keysLeft: imapSyntaxLimits.searchKeysMax }
  return { charset, charsetKnown: decode !== null, criteria: readAnd(scan, 0) }
}

const undecoded: DecodeSearchText = (bytes) => bytes.toString('latin1')

/** ["RETURN" SP "(" ... ")" SP]; null when it does not come next. */
export function readReturns(reader: Reader): SearchReturn | null {
  if (!reader.skipWord('RETURN')) return null
  reader.space()
  const returns: SearchReturn = {
    min: false,
    max: false,
    all: false,
    count: false,
    save: false,
    update: false,
    partial: null,
  }
  const options = reader.list(imapSyntaxLimits.searchReturnsMax, () => {
    const option = reader.word('a RETURN option')
    if (option === 'PARTIAL' && returns.partial === null) {
      reader.space()
      returns.partial = readPartialRange(reader)
      return
    }
    const name = returnOptions.get(option) ?? reader.fail('Unknown or repeated RETURN option')
    if (name !== 'hint') returns[name] = true
  })
  if (options.length === 0) returns.all = true // RFC 9051 §6.4.4
  if (returns.all && returns.partial !== null) reader.fail('ALL and PARTIAL exclude each other') // RFC 9394 §3.1
  reader.space()
  return returns
}

/** CONTEXT only announces what the client will do (RFC 5267 §4.2). */
const returnOptions = new Map<string, Exclude<keyof SearchReturn, 'partial'> | 'hint'>([
  ['MIN', 'min'],
  ['MAX', 'max'],
  ['ALL', 'all'],
  ['COUNT', 'count'],
  ['SAVE', 'save'],
  ['UPDATE', 'update'],
  ['CONTEXT', 'hint'],
])

/** Keys side by side are all asked for. */
function readAnd(scan: Scan, depth: number): SearchKey {
  const first = readKey(scan, depth)
  if (scan.reader.peek() !== ' ') return first
  const keys = [first]
  while (scan.reader.skip(' ')) keys.push(readKey(scan, depth))
  return { kind: 'and', keys }
}

function readKey(scan: Scan, depth: number): SearchKey {
  const { reader } = scan
  scan.keysLeft -= 1
  if (scan.keysLeft < 0) reader.fail('Too many search keys')
  if (depth > imapSyntaxLimits.searchDepthMax) reader.fail('Search keys nested too deep')
  if (reader.skip('(')) {
    const inner = readAnd(scan, depth + 1)
    reader.expect(')')
    return inner
  }
  if (/[\d*$]/.test(reader.peek())) return { kind: 'sequence', set: readSequenceSet(reader) }
  const word = reader.word('a search key')
  if (word === 'OR') return readOr(scan, depth)
  if (word === 'NOT') {
    reader.space()
    return { kind: 'not', key: readKey(scan, depth + 1) }
  }
  const read = keyReaders.get(word) ?? reader.fail('Unknown search key')
  return read(scan)
}

/** OR a OR b c is one list of three: clients chain hundreds, and nesting them would pass the depth bound. */
function readOr(scan: Scan, depth: number): SearchKey {
  const { reader } = scan
  const keys: SearchKey[] = []
  do {
    reader.space()
    keys.push(readKey(scan, depth + 1))
    reader.space()
  } while (reader.skipWord('OR'))
  keys.push(readKey(scan, depth + 1))
  return { kind: 'or', keys }
}

type KeyReader = (scan: Scan) => SearchKey

const keyReaders = new Map<string, KeyReader>([
  ['ALL', () => ({ kind: 'all' })],
  ...systemFlags.flatMap(flagKeys),
  ['RECENT', () => ({ kind: 'recent' })],
  ['OLD', () => ({ kind: 'not', key: { kind: 'recent' } })],
  [
    'NEW',
    () => ({ kind: 'and', keys: [{ kind: 'recent' }, { kind: 'flag', flag: '\\Seen', present: false }] }),
  ],
  ['KEYWORD', (scan) => ({ kind: 'keyword', keyword: readKeywordAfterSpace(scan), present: true })],
  ['UNKEYWORD', (scan) => ({ kind: 'keyword', keyword: readKeywordAfterSpace(scan), present: false })],
  ['FROM', (scan) => ({ kind: 'envelope', field: 'from', value: readText(scan) })],
  ['TO', (scan) => ({ kind: 'envelope', field: 'to', value: readText(scan) })],
  ['CC', (scan) => ({ kind: 'envelope', field: 'cc', value: readText(scan) })],
  ['BCC', (scan) => ({ kind: 'envelope', field: 'bcc', value: readText(scan) })],
  ['SUBJECT', (scan) => ({ kind: 'envelope', field: 'subject', value: readText(scan) })],
  ['HEADER', (scan) => ({ kind: 'header', field: readFieldName(scan), value: readText(scan) })],
  ['BODY', (scan) => ({ kind: 'body', value: readText(scan) })],
  ['TEXT', (scan) => ({ kind: 'text', value: readText(scan) })],
  ...dateKeys('', 'internal-date'),
  ...dateKeys('SENT', 'sent-date'),
  ...dateKeys('SAVED', 'save-date'),
  ['SAVEDATESUPPORTED', () => ({ kind: 'save-date-supported' })],
  ['LARGER', (scan) => ({ kind: 'size', relation: 'larger', sizeBytes: readSize(scan) })],
  ['SMALLER', (scan) => ({ kind: 'size', relation: 'smaller', sizeBytes: readSize(scan) })],
  ['OLDER', (scan) => ({ kind: 'age', relation: 'older', seconds: readSeconds(scan) })],
  ['YOUNGER', (scan) => ({ kind: 'age', relation: 'younger', seconds: readSeconds(scan) })],
  ['UID', readUidKey],
  ['MODSEQ', readModSeqKey],
  ['EMAILID', (scan) => ({ kind: 'email-id', id: readObjectId(scan) })],
  ['THREADID', (scan) => ({ kind: 'thread-id', id: readObjectId(scan) })],
])

function flagKeys(flag: SystemFlag): [string, KeyReader][] {
  const word = flag.slice(1).toUpperCase()
  return [
    [word, () => ({ kind: 'flag', flag, present: true })],
    [`UN${word}`, () => ({ kind: 'flag', flag, present: false })],
  ]
}

function dateKeys(prefix: string, kind: 'internal-date' | 'sent-date' | 'save-date'): [string, KeyReader][] {
  const relations: DateRelation[] = ['before', 'on', 'since']
  return relations.map((relation) => [
    prefix + relation.toUpperCase(),
    ({ reader }) => {
      reader.space()
      return { kind, relation, date: readDate(reader) }
    },
  ])
}

function readText({ reader, decode }: Scan): string {
  reader.space()
  return decode(reader.astringBytes(), reader)
}

function readFieldName({ reader }: Scan): string {
  reader.space()
  return reader.astring().toLowerCase()
}

function readKeywordAfterSpace({ reader }: Scan): string {
  reader.space()
  return readKeyword(reader)
}

function readSize({ reader }: Scan): number {
  reader.space()
  return reader.number64()
}

/** RFC 5032 §3: nz-number. */
function readSeconds({ reader }: Scan): number {
  reader.space()
  return reader.nzNumber()
}

function readUidKey({ reader }: Scan): SearchKey {
  reader.space()
  return { kind: 'uid', set: readSequenceSet(reader) }
}

/** "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer, RFC 7162 §7. */
function readModSeqKey({ reader }: Scan): SearchKey {
  reader.space()
  if (reader.peek() !== '"') return { kind: 'modseq', modSeq: reader.modSeq(), entry: null }
  const name = reader.string()
  reader.space()
  const type = reader.word('an entry type').toLowerCase()
  if (type !== 'priv' && type !== 'shared' && type !== 'all') return reader.fail('Unknown entry type')
  reader.space()
  return { kind: 'modseq', modSeq: reader.modSeq(), entry: { name, type } }
}

/** RFC 8474 §7: objectid = 1*255(ALPHA / DIGIT / "_" / "-") */
function readObjectId({ reader }: Scan): string {
  reader.space()
  const id = reader.astring()
  return /^[\w-]{1,255}$/.test(id) ? id : reader.fail('Malformed object id')
}
