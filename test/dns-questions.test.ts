/**
 * The tables in test/dns-questions/: each file has a zone, questions, and what the server must answer, over UDP and over
 * TCP. A section that is not named is empty; a line that ends in `*` names the beginning; `any` takes whatever there is.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type RecordType, recordTypes } from '../src/domains/zones/records.ts'
import { ask, askUntil } from '../src/testing/dns-client.ts'
import {
  serveDomain,
  startTestNameServer,
  type TestNameServer,
  type TestRecord,
} from '../src/testing/test-name-server.ts'

const folder = join(import.meta.dirname, 'dns-questions')

type Expectation = {
  rcode: string
  flags: string
  answer: string[]
  authority: string[]
  additional: string[]
}
type Row = { line: number; name: string; type: string; want: Expectation }
type Table = { zone: string; records: TestRecord[]; rows: Row[] }

let ns: TestNameServer
before(async () => {
  ns = await startTestNameServer()
})
after(() => ns[Symbol.asyncDispose]())

for (const file of readdirSync(folder).sort()) {
  const table = readTable(readFileSync(join(folder, file), 'utf8'))
  describe(file, () => {
    before(async () => {
      await serveDomain(ns.t.platform, ns.t.scope, table.zone, table.records)
      await askUntil('NOERROR', table.zone, 'SOA', { server: ns.server })
    })
    for (const { line, name, type, want } of table.rows) {
      for (const over of ['udp', 'tcp'] as const) {
        test(`line ${line}: ${name} ${type} over ${over}`, async () => {
          const got = await ask(name, type, { server: ns.server, over, edns: {} })
          assert.equal(got.rcode, want.rcode)
          assert.equal(got.flags.join(' '), want.flags)
          assertSection('answer', got.answers, want.answer)
          assertSection('authority', got.authority, want.authority)
          assertSection('additional', got.additional, want.additional)
        })
      }
    }
  })
}

function assertSection(name: string, got: readonly string[], want: readonly string[]): void {
  if (want.length === 1 && want[0] === 'any') return
  const shown = [...got].sort()
  const wanted = [...want].sort()
  const fits = shown.length === wanted.length && shown.every((text, at) => matches(text, wanted[at] ?? ''))
  if (!fits) assert.deepEqual(shown, wanted, name)
}

function matches(text: string, pattern: string): boolean {
  return pattern.endsWith(' *') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}

function readTable(text: string): Table {
  const table: Table = { zone: '', records: [], rows: [] }
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [word = '', ...rest] = line.split(' ')
    const words = rest.filter((one) => one !== '')
    const row = table.rows.at(-1)
    if (word === 'zone') table.zone = words[0] ?? ''
    else if (word === 'record') table.records.push(readRecord(table.zone, words))
    else if (word === 'ask') {
      const [name = '', type = ''] = words
      table.rows.push({ line: at + 1, name, type, want: newExpectation() })
    } else if (row === undefined) throw new Error(`line ${at + 1}: ${word} before a question`)
    else if (word === 'rcode') row.want.rcode = words[0] ?? ''
    else if (word === 'flags') row.want.flags = words.join(' ')
    else if (word === 'answer' || word === 'authority' || word === 'additional') {
      row.want[word].push(rest.join(' ').trim())
    } else throw new Error(`line ${at + 1}: what is ${word}?`)
  }
  return table
}

/** `NAME TTL TYPE VALUE`, the name relative to the zone, `@` for the zone itself. */
function readRecord(
  zone: string,
  [relative = '', ttl = '', type = '', ...value]: readonly string[],
): TestRecord {
  if (!isRecordType(type)) throw new Error(`no such type: ${type}`)
  return {
    name: relative === '@' ? zone : `${relative}.${zone}`,
    ttl: Number(ttl),
    type,
    value: value.join(' '),
  }
}

function isRecordType(text: string): text is RecordType {
  return (recordTypes as readonly string[]).includes(text)
}

function newExpectation(): Expectation {
  return { rcode: 'NOERROR', flags: 'aa', answer: [], authority: [], additional: [] }
}
