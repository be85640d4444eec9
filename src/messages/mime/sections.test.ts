import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findPart, type SectionText, sectionRange } from './sections.ts'
import { parseMessage } from './structure.ts'

const nested = parseMessage(readFileSync(new URL('./fixtures/nested.eml', import.meta.url)))
const plain = parseMessage(readFileSync(new URL('./fixtures/plain.eml', import.meta.url)))
const report = parseMessage(Buffer.from('Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n'))

test('the whole message', () => {
  assert.deepEqual(sectionRange(nested, [], null), { start: 0, end: nested.sizeBytes })
})

test('header and text are the whole message', () => {
  const header = sectionRange(nested, [], 'HEADER')
  const text = sectionRange(nested, [], 'TEXT')
  assert.deepEqual([header?.start, header?.end, text?.end], [0, text?.start, nested.sizeBytes])
})

const missing: [what: string, parsed: typeof nested, path: number[], text: SectionText][] = [
  ['the message has no MIME header of its own', nested, [], 'MIME'],
  ['part 0', nested, [0], null],
  ['a negative part', nested, [-1], null],
  ['a fraction', nested, [1.5], null],
  ['one part too many', nested, [4], null],
  ['below a leaf', nested, [1, 1], null],
  ['below a leaf of an embedded message', nested, [2, 1, 1], null],
  ['HEADER of a part that is no message', nested, [1], 'HEADER'],
  ['TEXT of a part that is no message', nested, [3], 'TEXT'],
  ['a second part of a message that is no multipart', plain, [2], null],
  ['below part 1 of a message that is no multipart', plain, [1, 1], null],
  ['HEADER of the body of a plain message', plain, [1], 'HEADER'],
  ['a second part of an embedded plain message', report, [1, 2], null],
]
for (const [what, parsed, path, text] of missing) {
  test(`no such section: ${what}`, () => assert.equal(sectionRange(parsed, path, text), null))
}

test('a message that is message/rfc822 itself', () => {
  assert.equal(findPart(report.root, [1]), report.root)
  assert.equal(findPart(report.root, [1, 1]), report.root.message?.part)
  assert.deepEqual(sectionRange(report, [1], 'TEXT'), { start: 46, end: 52 })
})
