import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseProxyHeader } from './proxy-header.ts'

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

function binary(command: number, family: number, body: readonly number[]): Buffer {
  const head = Buffer.from([command, family, body.length >> 8, body.length & 255])
  return Buffer.concat([signature, head, Buffer.from(body)])
}

const v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 25]
const v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, ...Array(16).fill(1), 0x30, 0x39, 0, 25]
const mapped = [...Array(10).fill(0), 255, 255, 192, 0, 2, 7, ...Array(16).fill(1), 0x30, 0x39, 0, 25]

const rows: [what: string, bytes: Buffer | string, want: unknown][] = [
  ['TCP4', 'PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n', { address: '192.0.2.7', port: 12345 }],
  ['TCP6', 'PROXY TCP6 2001:db8::9 2001:db8::1 12345 25\r\n', { address: '2001:db8::9', port: 12345 }],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', null],
  ['UNKNOWN with words', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', null],
  ['v2 of IPv4', binary(0x21, 0x11, v4), { address: '192.0.2.7', port: 12345 }],
  ['v2 of IPv4 with a TLV', binary(0x21, 0x11, [...v4, 4, 0, 1, 0]), { address: '192.0.2.7', port: 12345 }],
  ['v2 of IPv6', binary(0x21, 0x21, v6), { address: '2001:db8::9', port: 12345 }],
  ['v2 of a mapped IPv4', binary(0x21, 0x21, mapped), { address: '192.0.2.7', port: 12345 }],
  ['v2 LOCAL', binary(0x20, 0, []), null],
  ['v2 of no family', binary(0x21, 0, []), null],
  ['another family than said', 'PROXY TCP6 192.0.2.7 198.51.100.1 12345 25\r\n', 'invalid'],
  ['no address', 'PROXY TCP4 mail.example 198.51.100.1 12345 25\r\n', 'invalid'],
  ['a port beyond', 'PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n', 'invalid'],
  ['a word too many', 'PROXY TCP4 192.0.2.7 198.51.100.1 1 25 x\r\n', 'invalid'],
  ['another protocol', 'EHLO client.example\r\n', 'invalid'],
  ['UDP', 'PROXY UDP4 192.0.2.7 198.51.100.1 12345 25\r\n', 'invalid'],
  ['a line without an end', `PROXY UNKNOWN ${'x'.repeat(200)}`, 'invalid'],
  ['v3', binary(0x31, 0x11, v4), 'invalid'],
  ['a v2 command that is none', binary(0x22, 0x11, v4), 'invalid'],
  ['v2 with too few bytes', binary(0x21, 0x11, v4.slice(0, 8)), 'invalid'],
  ['v2 of UDP', binary(0x21, 0x12, v4), 'invalid'],
  ['v2 that is too long', binary(0x21, 0x11, Array(5000).fill(0)), 'invalid'],
]
for (const [what, given, want] of rows) {
  const bytes = Buffer.from(given)
  test(`PROXY: ${what}`, () => {
    const header = parseProxyHeader(
      Buffer.concat([bytes, Buffer.from(want === 'invalid' ? '' : 'EHLO x\r\n')]),
    )
    if (want === 'invalid') assert.deepEqual(header, { kind: 'invalid' })
    else assert.deepEqual(header, { kind: 'header', client: want, lengthBytes: bytes.length })
  })
  if (want === 'invalid') continue
  test(`PROXY, not whole yet: ${what}`, () => {
    for (let cut = 0; cut < bytes.length; cut++) {
      assert.deepEqual(parseProxyHeader(bytes.subarray(0, cut)), { kind: 'need-more' }, `cut at ${cut}`)
    }
  })
}

test('any bytes are answered, and a header never ends beyond what came', () => {
  const start = fc.constantFrom(Buffer.alloc(0), signature, Buffer.from('PROXY TCP4 '), Buffer.from('PROXY '))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (begin, rest) => {
      const bytes = Buffer.concat([begin, rest])
      const header = parseProxyHeader(bytes)
      if (header.kind === 'header') assert.ok(header.lengthBytes <= bytes.length)
      if (header.kind === 'need-more') assert.ok(bytes.length < 4096)
    }),
  )
})
