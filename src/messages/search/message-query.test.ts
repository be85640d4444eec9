import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type MessageQuery, parseMessageQuery } from './message-query.ts'
import type { SearchCriterion } from './search-criterion.ts'

/** A criterion in short: what the table compares. */
function short(criterion: SearchCriterion): string {
  switch (criterion.kind) {
    case 'not':
      return `not ${short(criterion.criterion)}`
    case 'or':
      return `any(${criterion.criteria.map(short).join(' ')})`
    case 'address':
      return `${criterion.field}=${criterion.text}`
    case 'subject':
    case 'body':
      return `${criterion.kind}=${criterion.text}`
    case 'flag':
      return criterion.flag
    case 'internal-date':
      return `${criterion.relation} ${criterion.at.toISOString().slice(0, 10)}`
    default:
      return criterion.kind
  }
}

const word = (text: string) => `any(subject=${text} from=${text} to=${text} cc=${text} body=${text})`

const rows: [text: string, criteria: string[], folders: MessageQuery['folders']][] = [
  ['', [], null],
  ['   ', [], null],
  ['hello', [word('hello')], null],
  ['hello world', [word('hello'), word('world')], null],
  ['"hello world"', [word('hello world')], null],
  ['"no end', [word('no end')], null],
  ['from:ann', ['from=ann'], null],
  ['FROM:"Ann Smith" subject:x', ['from=Ann Smith', 'subject=x'], null],
  ['to:bob', ['any(to=bob cc=bob bcc=bob)'], null],
  ['-from:ann', ['not from=ann'], null],
  ['-hello', [`not ${word('hello')}`], null],
  ['well-known', [word('well-known')], null],
  ['has:attachment', ['attachment'], null],
  ['has:wings', [word('has:wings')], null],
  ['is:unread is:starred', ['not seen', 'flagged'], null],
  ['-is:unread', ['not not seen'], null],
  ['is:lost', [word('is:lost')], null],
  ['before:2024-02-01 after:2024/1/5', ['before 2024-02-01', 'since 2024-01-05'], null],
  ['before:2024-02-30', [word('before:2024-02-30')], null],
  ['before:yesterday', [word('before:yesterday')], null],
  ['http://example.test/a', [word('http://example.test/a')], null],
  ['ann@example.test', [word('ann@example.test')], null],
  ['in:trash x', [word('x')], { use: 'trash' }],
  ['in:spam', [], { use: 'junk' }],
  ['in:anywhere', [], 'all'],
  ['in:"My Projects"', [], { path: 'My Projects' }],
  ['from:', [word('from:')], null],
  ['from:""', [], null],
]
for (const [text, criteria, folders] of rows) {
  test(`the query ${text}`, () => {
    const parsed = parseMessageQuery(text)
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.query.criteria.map(short), criteria)
    assert.deepEqual(parsed.query.folders, folders)
  })
}

test('too much is refused', () => {
  assert.equal(parseMessageQuery('x'.repeat(1001)).ok, false)
  assert.equal(parseMessageQuery('x '.repeat(21)).ok, false)
  assert.equal(parseMessageQuery('x '.repeat(20)).ok, true)
})

test('nothing makes it throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseMessageQuery(text)))
})
