import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Refusal } from '../../platform/errors.ts'
import { joinStrings, quoteStrings } from './character-strings.ts'
import { parseOwnerName } from './record-names.ts'
import { parseRecordValue } from './record-values.ts'
import type { RecordType } from './records.ts'
import { checkRecord } from './validate.ts'

const hex64 = '0a'.repeat(32)

const accepted: [type: RecordType, text: string, value: string][] = [
  ['A', ' 192.0.2.1 ', '192.0.2.1'],
  ['AAAA', '2001:DB8:0:0::0001', '2001:db8::1'],
  ['CNAME', 'Host.Example.COM.', 'host.example.com'],
  ['CNAME', 'bücher.example', 'xn--bcher-kva.example'],
  ['CNAME', '_verify.vendor.example', '_verify.vendor.example'],
  ['MX', '010  MX.example.com.', '10 mx.example.com'],
  ['MX', '0 .', '0 .'],
  ['NS', 'ns1.example.net', 'ns1.example.net'],
  ['PTR', 'host.example.', 'host.example'],
  ['SRV', '0 5 993 imap.Example.com.', '0 5 993 imap.example.com'],
  ['SRV', '0 0 0 .', '0 0 0 .'],
  ['CAA', '0 Issue "ca.example; policy=ev"', '0 issue "ca.example; policy=ev"'],
  ['CAA', '128 iodef mailto:a@b.example', '128 iodef "mailto:a@b.example"'],
  ['CAA', '0 issue ";"', '0 issue ";"'],
  ['TLSA', `3 1 1 ${hex64.toUpperCase()}`, `3 1 1 ${hex64}`],
  ['TLSA', `3 1 1 ${hex64.slice(0, 30)} ${hex64.slice(30)}`, `3 1 1 ${hex64}`],
  ['TXT', 'a text; with "quotes" and \\ within', 'a text; with "quotes" and \\ within'],
  ['TXT', '"v=DKIM1; k=rsa; " "p=abc"', 'v=DKIM1; k=rsa; p=abc'],
  ['TXT', '"\\"quoted\\" \\228"', Buffer.from([...Buffer.from('"quoted" '), 228]).toString()],
  ['TXT', 'größer', 'größer'],
]

const refused: [type: RecordType, text: string][] = [
  ['A', '192.0.2.256'],
  ['A', '192.0.2.1/24'],
  ['A', '2001:db8::1'],
  ['AAAA', '192.0.2.1'],
  ['AAAA', 'fe80::1%eth0'],
  ['CNAME', 'host'],
  ['CNAME', '192.0.2.1'],
  ['CNAME', 'a..example'],
  ['CNAME', '-a.example'],
  ['CNAME', `${'a'.repeat(64)}.example`],
  ['CNAME', 'host.example/path'],
  ['CNAME', '*.example.com'],
  ['CNAME', `${'abcdefg.'.repeat(40)}example`],
  ['MX', 'mx.example.com'],
  ['MX', '65536 mx.example.com'],
  ['MX', '10 .'],
  ['MX', '10 mx.example.com extra'],
  ['SRV', '0 5 993'],
  ['SRV', '0 5 99999 imap.example.com'],
  ['CAA', '256 issue "ca.example"'],
  ['CAA', '0 issue "a" "b"'],
  ['CAA', '0 iss-ue "a"'],
  ['TLSA', '3 1 1 abc'],
  ['TLSA', '3 1 1 abcd'],
  ['TLSA', '3 1 0 xyz0'],
  ['TXT', ''],
  ['TXT', 'line\nbreak'],
  ['TXT', 'x'.repeat(4097)],
  ['TXT', '\ud800'],
]

test('values take their one form', () => {
  for (const [type, text, value] of accepted) {
    assert.deepEqual(parseRecordValue(type, text), { ok: true, value }, `${type} ${text}`)
    // The form is one that parses to itself, but for a text that looks like quoted strings.
    assert.deepEqual(parseRecordValue(type, value), { ok: true, value }, `${type} ${value}`)
  }
})

test('what does not fit the type is refused', () => {
  for (const [type, text] of refused) {
    assert.equal(parseRecordValue(type, text).ok, false, `${type} ${text.slice(0, 60)}`)
  }
})

test('owners: the apex, relative and whole names, in A-labels and U-labels', () => {
  const names: [text: string, name: string | null][] = [
    ['@', 'demo.example'],
    ['', 'demo.example'],
    ['demo.example', 'demo.example'],
    ['DEMO.example.', 'demo.example'],
    ['www', 'www.demo.example'],
    ['www.demo.example', 'www.demo.example'],
    ['www.demo.example.', 'www.demo.example'],
    ['*', '*.demo.example'],
    ['*.Shop', '*.shop.demo.example'],
    ['_dmarc', '_dmarc.demo.example'],
    ['bücher', 'xn--bcher-kva.demo.example'],
    ['1', '1.demo.example'],
    ['other.example', 'other.example.demo.example'],
    ['other.example.', null],
    ['notdemo.example.', null],
    ['a.*', null],
    ['**', null],
    ['a b', null],
    ['a..b', null],
    ['-a', null],
    ['a%2eb', null],
    ['x'.repeat(64), null],
  ]
  for (const [text, name] of names) assert.equal(parseOwnerName('demo.example', text), name, text)
})

test('what cannot stand at a name is refused with the field that it is about', () => {
  const at = (name: string, type: RecordType, value: string, ttl = 300) => {
    try {
      checkRecord('demo.example', { name, type, value, ttl })
      return 'accepted'
    } catch (error) {
      assert.ok(error instanceof Refusal)
      return `${error.code} ${error.fields.map(({ pointer }) => pointer)}`
    }
  }
  assert.equal(at('@', 'CNAME', 'a.example'), 'zone_record_invalid /name')
  assert.equal(at('@', 'NS', 'a.example'), 'zone_record_invalid /name')
  assert.equal(at('*', 'NS', 'a.example'), 'zone_record_invalid /name')
  assert.equal(at('sub', 'NS', 'a.example'), 'accepted')
  assert.equal(at('www', 'CNAME', 'www.demo.example'), 'zone_record_invalid /value')
  assert.equal(at('www', 'A', '192.0.2.1', 59), 'zone_record_invalid /ttl')
  assert.equal(at('www', 'A', '192.0.2.1', 604_801), 'zone_record_invalid /ttl')
  assert.equal(at('www', 'A', 'nonsense'), 'zone_record_invalid /value')
})

test('character-strings: any text comes back, in strings of at most 255 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const quoted = quoteStrings(text)
      assert.match(quoted, /^[\x20-\x7e]*$/)
      assert.equal(joinStrings(quoted), text)
    }),
  )
  assert.equal(quoteStrings('x'.repeat(256)), `"${'x'.repeat(255)}" "x"`)
  assert.equal(quoteStrings('"\\ä'), '"\\"\\\\\\195\\164"')
  for (const other of ['', 'plain', '"open', '"a" b', '"\\999"', 'a "b"'])
    assert.equal(joinStrings(other), null)
})

test('no text makes the parsers throw, and what they accept is stable', () => {
  const types: RecordType[] = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TLSA']
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.string({ unit: 'binary', maxLength: 80 }), (type, text) => {
      const parsed = parseRecordValue(type, text)
      if (parsed.ok) assert.deepEqual(parseRecordValue(type, parsed.value), parsed)
    }),
  )
})
