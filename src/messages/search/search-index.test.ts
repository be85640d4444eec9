/** Searches find the same messages with an index, without one, and with one that is behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openTestFolder, store, type TestFolder } from '../../testing/test-fetch.ts'
import { searchMessages } from './search.ts'
import type { SearchCriterion } from './search-criterion.ts'
import { searchTables } from './search-index-folders.ts'
import { indexFolder } from './search-index-jobs.ts'

/** Numbers that look random and are the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const words = [
  'invoice', 'INV-2024', '100%', 'a_b', 'back\\slash', "it's", '"quoted"', 'İstanbul', 'ısı', 'straße', 'STRASSE',
  'cafe\u0301', 'café', '東京都', '東京', '京都', '😀', '👩‍👩‍👧', 'ﬁne', '\ufffd', 'nul\0byte', 'tab\tbed', 'ΟΔΟΣ', 'οδός',
  'x', 'ab', 'abc', 'abcd', 'привет', '\u00a0', '①', 'e\u0323\u0301', '<b>bold</b>', '\uffff', 'ann@example.test',
] // biome-ignore format: a list
const charsets = ['utf-8', 'iso-8859-1', 'utf-16le', 'no-such-charset'] as const

function encodeWord(text: string): string {
  return `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`
}

function writeMessage(random: () => number): Buffer {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T // never empty
  const say = (count: number): string =>
    Array.from({ length: count }, () => pick(words)).join(pick(['', ' ', '  ', '\r\n', ', ']))
  const text = (count: number): string => {
    const charset = pick(charsets)
    const bytes = charset === 'utf-16le' ? Buffer.from(say(count), 'utf16le') : Buffer.from(say(count))
    return `Content-Type: text/${pick(['plain', 'html'])}; charset=${charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n${bytes.toString('base64')}\r\n`
  }
  const oneLine = (count: number): string => say(count).replace(/[\r\n\0]+/g, ' ')
  const fields = [
    `From: ${encodeWord(oneLine(1))} <${pick(['ann', 'bob', 'abc'])}@example.test>`,
    random() < 0.8 ? `Subject: ${random() < 0.5 ? encodeWord(say(2)) : oneLine(3)}` : 'X-None: 1',
    random() < 0.5
      ? `To: "${pick(['Ann', 'Bob'])}" <to@${pick(['a', 'b'])}.test>, ${encodeWord(oneLine(1))} <x@y.test>`
      : '',
    random() < 0.3 ? `X-Label: ${oneLine(2)}` : '',
    random() < 0.5 ? `Date: ${1 + Math.floor(random() * 5)} Jan 2024 10:00:00 +0000` : '',
    random() < 0.3 ? `Message-ID: <${Math.floor(random() * 50)}@example.test>` : '',
  ].filter((field) => field !== '')
  const head = `${fields.join('\r\n')}\r\n`
  const kind = random()
  if (kind < 0.5) return Buffer.from(head + text(6))
  if (kind < 0.6)
    return Buffer.from(
      `${head}Content-Type: message/rfc822\r\n\r\nSubject: inner ${oneLine(1)}\r\n${text(3)}`,
    )
  const attached =
    'Content-Type: image/png; name="abc.png"\r\nContent-Disposition: attachment\r\n\r\nabcd\r\n'
  return Buffer.from(
    `${head}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n${text(3)}\r\n--q\r\n${random() < 0.5 ? attached : text(3)}--q--\r\n`,
  )
}

function makeCriterion(random: () => number, depth = 2): SearchCriterion {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T // never empty
  const cutOut = (): string => {
    const whole = `${pick(words)}${pick(['', ' ', '\n'])}${pick(['', pick(words)])}`
    const from = Math.floor(random() * whole.length)
    return random() < 0.2 ? whole : whole.slice(from, from + 1 + Math.floor(random() * 6))
  }
  const kind = random()
  if (depth > 0 && kind < 0.15) return { kind: 'not', criterion: makeCriterion(random, depth - 1) }
  if (depth > 0 && kind < 0.45) {
    const criteria = [makeCriterion(random, depth - 1), makeCriterion(random, depth - 1)]
    return { kind: random() < 0.5 ? 'and' : 'or', criteria }
  }
  const text = random() < 0.05 ? '' : cutOut()
  return pick<SearchCriterion>([
    { kind: 'subject', text },
    { kind: 'address', field: pick(['from', 'to', 'cc']), text },
    { kind: 'body', text },
    { kind: 'text', text },
    { kind: 'header', field: pick(['X-Label', 'subject', 'Message-ID', 'date', 'content-type']), text },
    { kind: 'sent-date', relation: pick(['before', 'on', 'since']), day: '2024-01-03' },
    { kind: 'attachment' },
    { kind: 'uids', ranges: [{ first: 5, last: 60 }] },
    { kind: 'flag', flag: 'seen' },
  ])
}

const criteria: SearchCriterion[] = [
  ...words.map((text): SearchCriterion => ({ kind: 'body', text })),
  ...words.map((text): SearchCriterion => ({ kind: 'text', text })),
  ...words.map((text): SearchCriterion => ({ kind: 'subject', text })),
  { kind: 'body', text: '😀'.slice(0, 1) },
  { kind: 'text', text: 'text/html; charset=utf-8\ncontent' },
]

async function dropIndex({ platform }: TestFolder): Promise<void> {
  for (const table of searchTables) await platform.db.deleteFrom(table).execute()
}

async function countOf({ platform }: TestFolder, table: (typeof searchTables)[number]): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*)::int as count from ${sql.table(table)}`.execute(platform.db)
  return rows[0]?.count ?? 0
}

const sizes = { documents: 8, textBytes: 1e6 }

for (const seed of [1, 2, 3]) {
  test(`random messages and searches, seed ${seed}`, async () => {
    await using folder = await openTestFolder()
    const { platform, target } = folder
    const random = seeded(seed)
    const wanted = [...criteria, ...Array.from({ length: 300 }, () => makeCriterion(random))]
    const runAll = async (): Promise<number[][]> => {
      const results: number[][] = []
      for (const criterion of wanted) results.push(await searchMessages(platform, target, criterion))
      return results
    }
    const same = (found: number[][], expected: number[][], how: string): void => {
      for (const [index, uids] of found.entries()) {
        assert.deepEqual(uids, expected[index], `${how}: ${JSON.stringify(wanted[index])}`)
      }
    }
    const write = (count: number) =>
      store(
        folder,
        Array.from({ length: count }, () => ({ raw: writeMessage(random), flags: random() < 0.5 ? 1 : 0 })),
      )

    await write(60)
    await indexFolder(platform, target, sizes)
    assert.equal(await countOf(folder, 'search_segments'), 7)
    await write(20)
    const half = await runAll()
    await indexFolder(platform, target, sizes)
    assert.equal(await countOf(folder, 'search_fields'), 80)
    assert.equal(await countOf(folder, 'search_segments'), 3, 'eight of ten became one')
    const whole = await runAll()
    await dropIndex(folder)
    const none = await runAll()
    assert.ok(none.filter((uids) => uids.length > 0).length > 100, 'most searches find something')
    same(half, none, 'half indexed')
    same(whole, none, 'indexed')
  })
}
