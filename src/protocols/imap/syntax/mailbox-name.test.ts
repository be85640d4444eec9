import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  canonicalMailboxName,
  decodeMailboxText,
  decodeModifiedUtf7,
  encodeMailboxName,
  encodeModifiedUtf7,
  isMailboxName,
} from './mailbox-name.ts'

const wellFormed = fc.string({ unit: 'binary', maxLength: 40 })

describe('modified UTF-7', () => {
  const rows: [text: string, wire: string][] = [
    ['', ''],
    ['INBOX', 'INBOX'],
    ['a & b', 'a &- b'],
    ['&&', '&-&-'],
    ['Entwürfe', 'Entw&APw-rfe'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'], // RFC 3501 §5.1.3
    ['ü&ü', '&APw-&-&APw-'],
    ['😀', '&2D3eAA-'],
    ['a\tb', 'a&AAk-b'],
    ['\x7f', '&AH8-'],
  ]
  for (const [text, wire] of rows) {
    test(wire, () => {
      assert.equal(encodeModifiedUtf7(text), wire)
      assert.equal(decodeModifiedUtf7(wire), text)
    })
  }

  const malformed: [wire: string, why: string][] = [
    ['&', 'open shift'],
    ['a&b', 'open shift'],
    ['&APw', 'open shift'],
    ['&Jjo!', 'not base64 (RFC 3501 §5.1.3)'],
    ['&AP*-', 'not base64'],
    ['&A-', 'half a unit'],
    ['&AP-', 'half a unit'],
    ['&APx-', 'padding bits set'],
    ['&APwA-', 'one octet too many'],
    ['&APw=-', 'padding'],
    ['&AEE-', 'A in base64'],
    ['&ACY-', '& in base64'],
    ['&U,BTFw-&ZeVnLIqe-', 'superfluous shift (RFC 3501 §5.1.3)'],
    ['&2D0-', 'half a surrogate pair'],
    ['&3gDYPQ-', 'surrogates in the wrong order'],
    ['&U/BTFw-', '/ for ,'],
    ['\xfc', 'raw octet'],
    ['a\tb', 'raw control'],
  ]
  for (const [wire, why] of malformed) {
    test(`${why}: ${JSON.stringify(wire)}`, () => assert.equal(decodeModifiedUtf7(wire), null))
  }

  test('every text reads back', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const wire = encodeModifiedUtf7(text)
        assert.match(wire, /^[\x20-\x7e]*$/)
        assert.equal(decodeModifiedUtf7(wire), text)
      }),
      { numRuns: 1000 },
    )
  })

  test('what is decoded has no other spelling', () => {
    const wire = fc.string({ unit: fc.constantFrom(...'&-,+AQgwDPc93=a/ '), maxLength: 14 })
    fc.assert(
      fc.property(wire, (text) => {
        const decoded = decodeModifiedUtf7(text)
        if (decoded !== null) assert.equal(encodeModifiedUtf7(decoded), text)
      }),
      { numRuns: 2000 },
    )
  })

  test('ill-formed UTF-16 is written as U+FFFD', () => {
    assert.equal(decodeModifiedUtf7(encodeModifiedUtf7('a\ud800b')), 'a\ufffdb')
  })
})

describe('mailbox names', () => {
  test('UTF-8 reads back, and other octets are refused', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        assert.equal(decodeMailboxText(encodeMailboxName(text, 'utf-8'), 'utf-8'), text)
      }),
    )
    assert.equal(decodeMailboxText('\xfc', 'utf-8'), null)
  })

  const canonical: [string, string][] = [
    ['inbox', 'INBOX'],
    ['InBoX/a/Inbox', 'INBOX/a/Inbox'],
    ['inboxes', 'inboxes'],
    ['a/inbox', 'a/inbox'],
  ]
  for (const [name, want] of canonical)
    test(`canonical ${name}`, () => assert.equal(canonicalMailboxName(name), want))

  const names: [name: string, valid: boolean][] = [
    ['INBOX', true],
    ['a/b c/ü', true],
    ['a.b&*%', true],
    ['x'.repeat(1000), true],
    ['ü'.repeat(500), true],
    ['ü'.repeat(501), false],
    ['x'.repeat(1001), false],
    ['', false],
    ['/', false],
    ['/a', false],
    ['a/', false],
    ['a//b', false],
    ['a\0', false],
    ['a\nb', false],
    ['a\x7f', false],
    ['a\x85', false],
    ['a\ud800', false],
    ['inbox', false],
  ]
  for (const [name, valid] of names) {
    test(`${valid ? 'valid' : 'refused'}: ${JSON.stringify(name.slice(0, 20))}`, () =>
      assert.equal(isMailboxName(name), valid))
  }
})
