import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestClock } from '../../platform/clock.ts'
import { createVault, newMasterKey } from '../../platform/vault.ts'
import { createCookies, serverCookie } from './cookies.ts'
import { sipHash24 } from './siphash.ts'

test('SipHash-2-4 gives what its authors publish', () => {
  const key = Buffer.from(Array.from({ length: 16 }, (_, at) => at))
  const message = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => at))
  assert.equal(sipHash24(key, message(0)).toString('hex'), '310e0edd47db6f72')
  assert.equal(sipHash24(key, message(1)).toString('hex'), 'fd67dc93c539f874')
  assert.equal(sipHash24(key, message(8)).toString('hex'), '62 24 93 9a 79 f5 f5 93'.replaceAll(' ', ''))
  assert.equal(sipHash24(key, message(15)).toString('hex'), 'e545be4961ca29a1')
})

// RFC 9018 appendix A: A.1, A.2 (renewed), A.4 (IPv6).
const vectors: [secret: string, client: string, seconds: number, address: string, server: string][] = [
  [
    'e5e973e5a6b2a43f48e7dc849e37bfcf',
    '2464c4abcf10c957',
    1559731985,
    '198.51.100.100',
    '010000005cf79f111f8130c3eee29480',
  ],
  [
    'e5e973e5a6b2a43f48e7dc849e37bfcf',
    '2464c4abcf10c957',
    1559734385,
    '198.51.100.100',
    '010000005cf7a871d4a564a1442aca77',
  ],
  [
    '445536bcd2513298075a5d379663c962',
    '22681ab97d52c298',
    1559741961,
    '2001:db8:220:1:59de:d0f4:8769:82b8',
    '010000005cf7c609a6bb79d16625507a',
  ],
]
for (const [secret, client, seconds, address, server] of vectors) {
  test(`the cookie for ${address} at ${seconds}`, () => {
    const made = serverCookie(Buffer.from(secret, 'hex'), Buffer.from(client, 'hex'), seconds, address)
    assert.equal(made.toString('hex'), server)
  })
}

const client = Buffer.from('0123456789abcdef', 'hex')

test('a cookie of ours holds for its client and address, for an hour, and is renewed after half of it', () => {
  const clock = createTestClock()
  const cookies = createCookies({ vault: createVault(newMasterKey()), clock })
  const first = cookies.check(client, '192.0.2.1')
  assert.equal(first.isValid, false)
  assert.equal(first.option.length, 24)
  assert.deepEqual(cookies.check(first.option, '192.0.2.1'), { option: first.option, isValid: true })
  assert.equal(cookies.check(first.option, '192.0.2.2').isValid, false)
  const forged = Buffer.from(first.option)
  forged[23] = (forged[23] ?? 0) ^ 1
  assert.equal(cookies.check(forged, '192.0.2.1').isValid, false)
  clock.advance?.('PT31M')
  const later = cookies.check(first.option, '192.0.2.1')
  assert.equal(later.isValid, true)
  assert.notDeepEqual(later.option, first.option)
  clock.advance?.('PT31M')
  assert.equal(cookies.check(first.option, '192.0.2.1').isValid, false)
  assert.equal(cookies.check(later.option, '192.0.2.1').isValid, true)
})

test('nodes with the same keys take each other’s cookies, also of the key before', () => {
  const clock = createTestClock()
  const [oldKey, newKey] = [newMasterKey(), newMasterKey()]
  const before = createCookies({ vault: createVault(oldKey), clock })
  const after = createCookies({ vault: createVault(`${newKey},${oldKey}`), clock })
  const other = createCookies({ vault: createVault(newKey), clock })
  const { option } = before.check(client, '2001:db8::1')
  assert.equal(after.check(option, '2001:db8::1').isValid, true)
  assert.equal(other.check(option, '2001:db8::1').isValid, false)
})
