import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SampleMessage } from './corpus.ts'
import { matchStored } from './stored-message.ts'

const trace = 'Return-Path: <a@b.example>\r\nReceived: from x ([127.0.0.1])\r\n\tby y;\r\n\tMon, 1 Jan\r\n'
const one = sample('one.eml', 'Received: by z\r\nSubject: one\r\n\r\nfirst\r\n')
const two = sample('two.eml', 'Subject: two\r\n\r\nsecond\r\n')

const rows: [what: string, stored: string, want: SampleMessage | string][] = [
  ['the same bytes', `${trace}${two.bytes}`, two],
  ['a message with a Received of its own', `${trace}${one.bytes}`, one],
  [
    'a message that was checked',
    `${trace.replace('Received', 'Authentication-Results: here;\r\n spf=none\r\nReceived')}${one.bytes}`,
    one,
  ],
  [
    'another byte',
    `${trace}Subject: two\r\n\r\nSecond\r\n`,
    'two.eml: byte 16 of 24 was sent as 0x73 and came back as 0x53',
  ],
  [
    'a byte less',
    `${trace}Subject: two\r\n\r\nsecond\r`,
    'two.eml: byte 23 of 24 was sent as 0x0a and came back as missing',
  ],
  [
    'a byte more',
    `${trace}${two.bytes}.`,
    'two.eml: byte 24 of 24 was sent as missing and came back as 0x2e',
  ],
  ['no trace', `${two.bytes}`, 'a message does not begin with Return-Path and Received'],
]
for (const [what, stored, want] of rows) {
  test(`stored message: ${what}`, () => {
    const result = matchStored(Buffer.from(stored), [one, two])
    assert.deepEqual(
      result,
      typeof want === 'string' ? { ok: false, difference: want } : { ok: true, message: want },
    )
  })
}

test('a message that nobody sent is told', () => {
  const result = matchStored(Buffer.from(`${trace}${two.bytes}`), [])
  assert.deepEqual(result, { ok: false, difference: 'there is a message that was not sent to it' })
})

function sample(name: string, text: string): SampleMessage {
  return { name, mailFrom: 'a@b.example', bytes: Buffer.from(text) }
}
