import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMessageId, parseMessageIds } from './message-ids.ts'
import { mimeLimits } from './mime-limits.ts'

const ids: [value: string, want: string | null][] = [
  ['<a@b.test>', '<a@b.test>'],
  [' <a@b.test> (comment)', '<a@b.test>'],
  ['a@b.test', '<a@b.test>'],
  ['<a@b.test', null],
  ['two words', null],
  ['<>', null],
  ['', null],
  [`<${'a'.repeat(2000)}@b.test>`, null],
]
for (const [value, want] of ids) {
  test(`Message-ID: ${value.slice(0, 40)}`, () => assert.equal(parseMessageId(value), want))
}

const lists: [value: string, want: string[]][] = [
  ['', []],
  ['<a@b><c@d> <e@f>', ['<a@b>', '<c@d>', '<e@f>']],
  ['Your message of "Monday" <a@b>', ['<a@b>']],
  ['<a@b> <a@b>', ['<a@b>']],
  ['<cut \t by-folding@b>', ['<cutby-folding@b>']],
  ['<a <b@c>', ['<b@c>']],
]
for (const [value, want] of lists) {
  test(`References: ${value}`, () => assert.deepEqual(parseMessageIds(value), want))
}

test('of too many references the first and the newest are kept', () => {
  const all = Array.from({ length: 1000 }, (_, n) => `<${n}@b>`)
  const kept = parseMessageIds(all.join(' '))
  assert.equal(kept.length, mimeLimits.messageIdsMax)
  assert.deepEqual([kept[0], kept[1], kept.at(-1)], ['<0@b>', '<801@b>', '<999@b>'])
})
