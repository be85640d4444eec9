import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayTransfer } from './secondaries.ts'

const addresses: [written: string, client: string, want: boolean][] = [
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '::ffff:192.0.2.1', true],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['2001:db8::1', '2001:db8::1', true],
  ['192.0.2.1', '192.0.2.2', false],
]
for (const [address, client, want] of addresses) {
  test(`${client} ${want ? 'is' : 'is not'} the secondary at ${address}`, () => {
    const secondary = { id: '1', address, port: 53, notify: false, key: null }
    assert.equal(mayTransfer({ all: [secondary], keys: new Map() }, null, client), want)
  })
}
