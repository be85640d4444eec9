import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  encodeAstring,
  encodeFlags,
  encodeMailbox,
  encodeNstring,
  encodeResponseText,
  encodeString,
  literalHeader,
} from './encode.ts'
import { createFramer, type Segment } from './framing.ts'
import { isMailboxName, type MailboxNameEncoding } from './mailbox-name.ts'
import { Reader } from './reader.ts'
import { drain } from './testing.ts'

/** The wire string as a client's framer would see it. */
function readerOf(wire: string, encoding: MailboxNameEncoding = 'modified-utf-7'): Reader {
  const framer = createFramer()
  framer.push(Buffer.from(`${wire}\r\n`, 'latin1'))
  const event = drain(framer, () => 'buffer').at(-1)
  const segments: readonly Segment[] = event?.kind === 'command' ? event.segments : []
  return new Reader(segments, encoding)
}

const rows: [value: string | Buffer | null, wire: string, utf8Wire?: string][] = [
  [null, 'NIL'],
  ['', '""'],
  ['NIL', '"NIL"'],
  ['plain text', '"plain text"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['tab\t', '"tab\t"'],
  ['a\r\nb', '{4}\r\na\r\nb'],
  ['a\0b', '{3}\r\na\0b'],
  ['grün', '{5}\r\ngr\xc3\xbcn', '"gr\xc3\xbcn"'],
  [Buffer.from('\xfc', 'latin1'), '{1}\r\n\xfc'],
  [Buffer.from('abc'), '"abc"'],
  ['x'.repeat(1000), `"${'x'.repeat(1000)}"`],
  ['x'.repeat(1001), `{1001}\r\n${'x'.repeat(1001)}`],
]

describe('encode', () => {
  for (const [value, wire, utf8Wire = wire] of rows) {
    test(JSON.stringify(wire.slice(0, 30)), () => {
      assert.equal(encodeNstring(value), wire)
      assert.equal(encodeNstring(value, true), utf8Wire)
    })
  }

  test('strings read back', () => {
    const text = fc.string({ unit: 'binary', maxLength: 50 }).map((value) => value.replaceAll('\0', ''))
    fc.assert(
      fc.property(text, fc.boolean(), (value, utf8) => {
        for (const wire of [encodeString(value, utf8), encodeAstring(value, utf8)]) {
          const reader = readerOf(wire)
          assert.equal(reader.astring(), value)
          reader.end()
        }
        assert.equal(readerOf(encodeNstring(value, utf8)).nstring(), value)
      }),
      { numRuns: 500 },
    )
  })

  test('octets read back', () => {
    const octets = fc
      .uint8Array({ maxLength: 50 })
      .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0)))
    fc.assert(
      fc.property(octets, fc.boolean(), (bytes, utf8) => {
        assert.deepEqual(readerOf(encodeString(bytes, utf8)).stringBytes('a string'), bytes)
      }),
    )
  })

  test('mailbox names read back in both encodings', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter(isMailboxName)
    fc.assert(
      fc.property(
        name,
        fc.constantFrom<MailboxNameEncoding>('modified-utf-7', 'utf-8'),
        (value, encoding) => {
          const reader = readerOf(encodeMailbox(value, encoding), encoding)
          assert.equal(reader.mailbox(), value)
          reader.end()
        },
      ),
    )
    assert.equal(encodeMailbox('Entwürfe', 'modified-utf-7'), '"Entw&APw-rfe"')
    assert.equal(encodeMailbox('Entwürfe', 'utf-8'), '"Entw\xc3\xbcrfe"')
  })

  test('small pieces', () => {
    assert.equal(encodeFlags(['\\Seen', '$Junk']), '(\\Seen $Junk)')
    assert.equal(encodeFlags([]), '()')
    assert.equal(literalHeader(5), '{5}\r\n')
    assert.equal(literalHeader(5, true), '~{5}\r\n')
    assert.equal(encodeAstring('nil'), '"nil"')
    assert.equal(encodeAstring('a b'), '"a b"')
    assert.equal(encodeResponseText('a\r\n* OK grün'), 'a * OK gr n')
    assert.equal(encodeResponseText(''), 'OK')
  })
})
