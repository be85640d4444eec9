import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLocalNetwork, isLoopback } from './network.ts'

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
