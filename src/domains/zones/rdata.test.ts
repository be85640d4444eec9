import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeName, tryEncodeName } from '../../platform/dns-wire/names.ts'
import { encodeRdata } from './rdata.ts'
import type { RecordType } from './records.ts'

const good: [type: RecordType, value: string, hex: string][] = [
  ['A', '192.0.2.1', 'c0000201'],
  ['AAAA', '2001:db8::1', '20010db8000000000000000000000001'],
  ['AAAA', '::', '00000000000000000000000000000000'],
  ['AAAA', '1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['AAAA', '::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ['AAAA', '64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201'],
  ['NS', 'ns1.example', '036e7331076578616d706c6500'],
  ['CNAME', 'a.example', '0161076578616d706c6500'],
  ['PTR', 'a.example', '0161076578616d706c6500'],
  ['MX', '10 mx.example', '000a026d78076578616d706c6500'],
  ['MX', '0 .', '000000'],
  ['SRV', '1 2 443 a.example', '0001000201bb0161076578616d706c6500'],
  ['TXT', 'abc', '03616263'],
  ['TXT', '', '00'],
  ['TXT', 'é', '02c3a9'],
  ['TXT', 'x'.repeat(256), `ff${'78'.repeat(255)}0178`],
  ['CAA', '0 issue "ca.example"', `0005${Buffer.from('issueca.example').toString('hex')}`],
  ['CAA', '128 iodef ";\\"\\\\"', `8005${Buffer.from('iodef;"\\').toString('hex')}`],
  ['CAA', '0 issue ;', `0005${Buffer.from('issue;').toString('hex')}`],
  ['TLSA', '3 1 1 0A 0b', '0301010a0b'],
]
for (const [type, value, hex] of good) {
  test(`${type} ${value.slice(0, 40)}`, () => assert.equal(encodeRdata(type, value)?.toString('hex'), hex))
}

const bad: [type: RecordType, value: string][] = [
  ['A', '192.0.2'],
  ['A', '192.0.2.256'],
  ['A', '::1'],
  ['AAAA', '192.0.2.1'],
  ['AAAA', 'fe80::1%eth0'],
  ['NS', ''],
  ['NS', 'a..example'],
  ['NS', `${'a'.repeat(64)}.example`],
  ['CNAME', `${'a.'.repeat(127)}aa`],
  ['MX', 'mx.example'],
  ['MX', '65536 mx.example'],
  ['MX', '10 mx.example more'],
  ['SRV', '1 2 a.example'],
  ['SRV', '1 2 -3 a.example'],
  ['TXT', 'x'.repeat(65_535)],
  ['CAA', '0 issue'],
  ['CAA', '256 issue "ca.example"'],
  ['CAA', '0 iss-ue "ca.example"'],
  ['TLSA', '3 1 1 abc'],
  ['TLSA', '3 1 1'],
  ['TLSA', '3 1 256 00'],
]
for (const [type, value] of bad) {
  test(`not ${type}: ${value.slice(0, 40)}`, () => assert.equal(encodeRdata(type, value), null))
}

test('an IPv6 address is the one that others read', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const groups = encodeRdata('AAAA', address)?.toString('hex').match(/.{4}/g) ?? []
      const normalized = (text: string): string => new URL(`http://[${text}]`).hostname
      assert.equal(normalized(groups.join(':')), normalized(address))
    }),
  )
})

test('a name is read back as it was written, whatever its bytes', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const wire = Buffer.concat([...labels.flatMap((one) => [Buffer.of(one.length), one]), Buffer.of(0)])
      const text = decodeName(wire, 0)
      const lower = wire.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte))
      assert.equal(tryEncodeName(text)?.toString('hex'), Buffer.from(lower).toString('hex'))
      assert.equal(text === '' ? 0 : text.split('.').length, labels.length)
    }),
  )
})
