import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalNetwork, isLocalNetwork, isLoopback, networkList } from './network.ts'

const rows: [address: string, want: boolean][] = [
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['::FFFF:127.0.0.1', true],
  ['::ffff:7f00:1', true],
  ['128.0.0.1', false],
  ['10.0.0.1', false],
  ['0.0.0.0', false],
  ['::', false],
  ['::2', false],
  ['::ffff:10.0.0.1', false],
  ['fe80::1%eth0', false],
  ['localhost', false],
  ['', false],
]
for (const [address, want] of rows) {
  test(`${address || 'an unknown address'} is ${want ? '' : 'not '}loopback`, () =>
    assert.equal(isLoopback(address), want))
}

test('networks that are not of the world', () => {
  for (const address of [
    '10.1.2.3',
    '127.0.0.1',
    '169.254.169.254',
    '192.168.1.1',
    '::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '',
  ]) {
    assert.equal(isLocalNetwork(address), true, address)
  }
  for (const address of ['1.1.1.1', '172.32.0.1', '2001:db8::1'])
    assert.equal(isLocalNetwork(address), false, address)
})

const canonical: [text: string, want: string | null][] = [
  ['192.0.2.77', '192.0.2.77/32'],
  [' 192.0.2.77/24 ', '192.0.2.0/24'],
  ['192.0.2.77/25', '192.0.2.0/25'],
  ['192.0.2.177/25', '192.0.2.128/25'],
  ['255.255.255.255/0', '0.0.0.0/0'],
  ['::ffff:192.0.2.77', '192.0.2.77/32'],
  ['::ffff:c000:24d/24', '192.0.2.0/24'],
  ['2001:DB8:0:0:1::7', '2001:db8::1:0:0:7/128'],
  ['2001:db8:1:2:3:4:5:6/48', '2001:db8:1::/48'],
  ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
  ['fe80::1%eth0/64', 'fe80::/64'],
  ['::/0', '::/0'],
  ['192.0.2.77/33', null],
  ['::1/129', null],
  ['192.0.2.77/', null],
  ['192.0.2.77/-1', null],
  ['192.0.2.77/24/24', null],
  ['192.0.2', null],
  ['localhost', null],
  ['', null],
]
for (const [text, want] of canonical) {
  test(`the network of ${JSON.stringify(text)}`, () => assert.equal(canonicalNetwork(text), want))
}

test('a network has the address that it was made of, and is its own canonical form', () => {
  const address = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
  )
  fc.assert(
    fc.property(address, ([plain, prefix]) => {
      const network = canonicalNetwork(`${plain}/${prefix}`)
      if (network === null) return // an address that is mapped has no prefix above 32
      assert.equal(canonicalNetwork(network), network)
      if (!plain.includes('.') || !plain.includes(':')) assert.ok(networkList([network]).has(plain), network)
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => void canonicalNetwork(text)))
})
