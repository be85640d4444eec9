/** SEARCH against a model that knows what each message says and tries every key on every message. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { flagBits } from '../../../messages/flags.ts'
import { indexFolder } from '../../../messages/search/search-index-jobs.ts'
import { openTestFolder, store, type TestFolder } from '../../../testing/test-fetch.ts'
import { emailId } from '../fetch/object-ids.ts'
import type { SearchKey } from '../syntax/search-key.ts'
import { resolveSequenceRanges, type SequenceSet } from '../syntax/sequence-set.ts'
import { searchFolder } from './search.ts'

/** What a message says, in plain text. */
type Said = {
  from: string
  subject: string | null
  tag: string | null
  day: string | null
  text: string
  kind: 'plain' | 'mixed' | 'attached'
  encoding: 'base64' | 'quoted-printable' | '8bit'
  flags: number
  keywords: string[]
  internalDay: string
}
type Stored = Said & { uid: number; sizeBytes: number; modseq: number; bodyId: string }

const words = ['alpha', 'beta', 'Gamma', 'STRASSE', 'Straße', 'été', 'ΟΔΟΣ', 'οδος', 'ﬁn']
const parts = ['alph', 'a b', 'gamma', 'strasse', 'ETE', 'ÉTÉ', 'οδοσ', 'fin', 'x', 'attach', 'Subject: ', '']
const days = ['2024-01-01', '2024-01-02', '2024-02-29']
const keywords = ['Work', 'later']

const said: fc.Arbitrary<Said> = fc.record({
  from: fc.constantFrom(...words),
  subject: fc.option(
    fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }).map((some) => some.join(' ')),
  ),
  tag: fc.option(fc.constantFrom('alpha', 'x')),
  day: fc.option(fc.constantFrom(...days)),
  text: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((some) => some.join(' ')),
  kind: fc.constantFrom('plain', 'mixed', 'attached'),
  encoding: fc.constantFrom('base64', 'quoted-printable', '8bit'),
  flags: fc.nat(31),
  keywords: fc.subarray(keywords),
  internalDay: fc.constantFrom(...days),
})

const months = ['Jan', 'Feb']

function encodeWord(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`
}

function encodeText(text: string, encoding: Said['encoding']): string {
  const bytes = Buffer.from(text)
  if (encoding === 'base64') return bytes.toString('base64')
  if (encoding === '8bit') return bytes.toString('latin1')
  return [...bytes].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('=\r\n')
}

/** The header fields of a message, name and plain value. */
function fieldsOf(message: Said): [name: string, value: string][] {
  const fields: [string, string][] = [['From', `${message.from} <sender@host.test>`]]
  if (message.subject !== null) fields.push(['Subject', message.subject])
  if (message.tag !== null) fields.push(['X-Tag', message.tag])
  if (message.day !== null) {
    const [year, month, day] = message.day.split('-').map(Number)
    fields.push(['Date', `${day} ${months[(month ?? 1) - 1]} ${year} 12:00:00 +0000`])
  }
  return fields
}

/** latin1, as it goes over the wire. */
function write(message: Said): string {
  const encode = ([name, value]: [string, string]): string =>
    name === 'From'
      ? `From: ${encodeWord(message.from)} <sender@host.test>\r\n`
      : `${name}: ${encodeWord(value)}\r\n`
  const part = `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${message.encoding}\r\n\r\n${encodeText(message.text, message.encoding)}`
  const head = fieldsOf(message).map(encode).join('')
  if (message.kind === 'plain') return head + part
  if (message.kind === 'attached')
    return `${head}Content-Type: message/rfc822\r\n\r\nSubject: attached\r\n${part}`
  const other = 'Content-Type: image/x; name=attach.bin\r\n\r\nalpha beta gamma'
  return `${head}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n${part}\r\n--q\r\n${other}\r\n--q--\r\n`
}

/** Every header line of the message and within it, but for those of its text part, which no part of a word is in. */
function headerLines(message: Said): string[] {
  const own = fieldsOf(message).map(([name, value]) => `${name}: ${value}`)
  if (message.kind === 'mixed')
    own.push('Content-Type: image/x; name=attach.bin', 'Content-Type: multipart/mixed; boundary=q')
  if (message.kind === 'attached') own.push('Subject: attached', 'Content-Type: message/rfc822')
  return [...own, 'Content-Type: text/plain; charset=utf-8', `Content-Transfer-Encoding: ${message.encoding}`]
}

function contains(text: string, part: string): boolean {
  const fold = (value: string): string =>
    value.normalize('NFKC').toLowerCase().replaceAll('ß', 'ss').replaceAll('ς', 'σ')
  return fold(text).includes(fold(part))
}

type View = { uids: number[]; saved: number[] }

function inSet(set: SequenceSet, number: number, largest: number): boolean {
  assert.ok(set.kind === 'ranges')
  return resolveSequenceRanges(set.ranges, largest).some(({ from, to }) => from <= number && number <= to)
}

function compareDay(day: string | null, key: { relation: 'before' | 'on' | 'since'; date: string }): boolean {
  if (day === null) return false
  if (key.relation === 'on') return day === key.date
  return key.relation === 'before' ? day < key.date : day >= key.date
}

function matches(message: Stored, key: SearchKey, view: View): boolean {
  switch (key.kind) {
    case 'all':
      return true
    case 'and':
      return key.keys.every((one) => matches(message, one, view))
    case 'or':
      return key.keys.some((one) => matches(message, one, view))
    case 'not':
      return !matches(message, key.key, view)
    case 'sequence':
      return key.set.kind === 'saved'
        ? view.saved.includes(message.uid)
        : inSet(key.set, view.uids.indexOf(message.uid) + 1, view.uids.length)
    case 'uid':
      return inSet(key.set, message.uid, view.uids.at(-1) ?? 0)
    case 'recent':
      return message.uid % 4 === 0
    case 'flag':
      return (
        ((message.flags & (key.flag === '\\Seen' ? flagBits.seen : flagBits.draft)) !== 0) === key.present
      )
    case 'keyword':
      return message.keywords.some((one) => one.toLowerCase() === key.keyword.toLowerCase()) === key.present
    case 'envelope':
      return key.field === 'from'
        ? contains(`${message.from} <sender@host.test>`, key.value)
        : message.subject !== null && contains(message.subject, key.value)
    case 'header':
      return fieldsOf(message).some(
        ([name, value]) => name.toLowerCase() === key.field && contains(value, key.value),
      )
    case 'body':
      return contains(message.text, key.value)
    case 'text':
      return [message.text, ...headerLines(message)].some((text) => contains(text, key.value))
    case 'internal-date':
      return compareDay(message.internalDay, key)
    case 'sent-date':
      return compareDay(message.day, key)
    case 'size':
      return key.relation === 'larger' ? message.sizeBytes > key.sizeBytes : message.sizeBytes < key.sizeBytes
    case 'modseq':
      return BigInt(message.modseq) >= key.modSeq
    case 'email-id':
      return key.id === emailId(message.bodyId)
    default:
      throw new Error(`the model does not know ${key.kind}`)
  }
}

const value = fc.constantFrom(...parts)
const relation = fc.constantFrom('before' as const, 'on' as const, 'since' as const)
const number = fc.oneof(fc.integer({ min: 1, max: 90 }), fc.constant('*' as const))
const set: fc.Arbitrary<SequenceSet> = fc
  .array(fc.record({ from: number, to: number }), { minLength: 1, maxLength: 3 })
  .map((ranges) => ({ kind: 'ranges', ranges }))
const present = fc.boolean()

const leaf: fc.Arbitrary<SearchKey> = fc.oneof(
  fc.constantFrom<SearchKey>(
    { kind: 'all' },
    { kind: 'recent' },
    { kind: 'sequence', set: { kind: 'saved' } },
  ),
  fc.record({ kind: fc.constantFrom('sequence' as const, 'uid' as const), set }),
  fc.record({
    kind: fc.constant('flag' as const),
    flag: fc.constantFrom('\\Seen' as const, '\\Draft' as const),
    present,
  }),
  fc.record({
    kind: fc.constant('keyword' as const),
    keyword: fc.constantFrom('work', 'LATER', 'none'),
    present,
  }),
  fc.record({
    kind: fc.constant('envelope' as const),
    field: fc.constantFrom('from' as const, 'subject' as const),
    value,
  }),
  fc.record({
    kind: fc.constant('header' as const),
    field: fc.constantFrom('x-tag', 'subject', 'from', 'x-no'),
    value,
  }),
  fc.record({ kind: fc.constantFrom('body' as const, 'text' as const), value }),
  fc.record({
    kind: fc.constantFrom('internal-date' as const, 'sent-date' as const),
    relation,
    date: fc.constantFrom(...days),
  }),
  fc.record({
    kind: fc.constant('size' as const),
    relation: fc.constantFrom('larger' as const, 'smaller' as const),
    sizeBytes: fc.nat(600),
  }),
  fc.record({ kind: fc.constant('modseq' as const), modSeq: fc.bigInt(1n, 12n), entry: fc.constant(null) }),
)
const { key } = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    leaf,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      keys: fc.array(tie('key'), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('not' as const), key: tie('key') }),
  ),
}))

let folder: TestFolder
let known: Stored[]

before(async () => {
  folder = await openTestFolder()
  const saids = fc.sample(said, { numRuns: 80, seed: 20260101 })
  for (let at = 0; at < saids.length; at += 10) {
    await store(
      folder,
      saids.slice(at, at + 10).map((one) => ({
        raw: write(one),
        flags: one.flags,
        keywords: one.keywords,
        internalDate: new Date(`${one.internalDay}T23:59:59Z`),
      })),
    )
  }
  const rows = await folder.platform.db
    .selectFrom('messages')
    .select(['uid', 'size_bytes', 'modseq', 'body_id'])
    .where('folder_id', '=', folder.target.folderId)
    .orderBy('uid')
    .execute()
  known = rows.flatMap((row, at) => {
    const one = saids[at]
    return one
      ? [{ ...one, uid: row.uid, sizeBytes: row.size_bytes, modseq: row.modseq, bodyId: row.body_id }]
      : []
  })
})
after(() => folder[Symbol.asyncDispose]())

test('the model and the search agree on every key', () => agree())

test('and so they do with a search index', async () => {
  await indexFolder(folder.platform, folder.target, { documents: 7, textBytes: 1e6 })
  await agree()
})

async function agree(): Promise<void> {
  let found = 0
  await fc.assert(
    fc.asyncProperty(
      key,
      fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 6 }),
      async (wanted, hidden) => {
        const uids = known.map(({ uid }) => uid).filter((uid) => !hidden.includes(uid))
        const saved = uids.filter((uid) => uid % 5 === 0)
        const view = Uint32Array.from(uids)
        const context = {
          ...folder.target,
          uids: view,
          isRecent: (uid: number) => uid % 4 === 0,
          savedUids: saved,
        }
        const expected = known
          .filter(({ uid }) => uids.includes(uid))
          .filter((one) => matches(one, wanted, { uids, saved }))
        const got = await searchFolder(folder.platform, context, wanted)
        assert.deepEqual(
          got,
          expected.map(({ uid }) => uid),
        )
        found += got.length
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(found > 1000, 'the keys must find something')
}
