import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestDns, type TestDns } from '../testing/test-dns.ts'
import { createDns, DnsFailure, reversedAddress } from './dns.ts'

let server: TestDns
before(async () => {
  server = await startTestDns({
    'a.example': {
      A: ['192.0.2.1'],
      MX: [[10, 'mx.a.example']],
      TXT: ['v=spf1 -all', 'x'.repeat(3000)], // too long for UDP
    },
    'alias.example': { CNAME: ['a.example'] },
    'broken.example': { fails: 'SERVFAIL' },
  })
})
after(() => server[Symbol.asyncDispose]())

const dns = () => createDns({ resolver: server.resolver })

test('records come as they are, a long answer over TCP', async () => {
  const { lookup } = dns()
  assert.deepEqual(await lookup('A.example.', 'A'), ['192.0.2.1'])
  assert.deepEqual(await lookup('alias.example', 'A'), ['192.0.2.1'])
  assert.deepEqual(
    (await lookup('a.example', 'MX')).map(({ exchange, priority }) => [priority, exchange]),
    [[10, 'mx.a.example']],
  )
  const texts = await lookup('a.example', 'TXT')
  assert.deepEqual(texts.map((parts) => parts.join('').length).sort(), [3000, 11].sort())
})

test('no such name and no such record are empty, or a code for libraries', async () => {
  const { lookup, resolve } = dns()
  assert.deepEqual(await lookup('absent.example', 'A'), [])
  assert.deepEqual(await lookup('a.example', 'AAAA'), [])
  await assert.rejects(resolve('absent.example', 'TXT'), { code: 'ENOTFOUND' })
  await assert.rejects(resolve('a.example', 'AAAA'), { code: 'ENODATA' })
  assert.deepEqual(await lookup(`${'a'.repeat(64)}.example`, 'A'), [], 'what is no name has no records')
})

test('a server that fails is not "nothing there"', async () => {
  await assert.rejects(dns().lookup('broken.example', 'A'), DnsFailure)
  await assert.rejects(dns().resolve('broken.example', 'A'), { code: 'ESERVFAIL' })
})

test('a question is asked once for all who ask at the same moment, and its answer is remembered', async () => {
  const { lookup, clear } = dns()
  server.questions.length = 0
  await Promise.all(Array.from({ length: 5 }, () => lookup('a.example', 'A')))
  await lookup('a.example', 'A')
  assert.deepEqual(server.questions, ['A a.example'])
  clear()
  await lookup('a.example', 'A')
  assert.equal(server.questions.length, 2)
})

const reversed: [address: string, want: string | null][] = [
  ['192.0.2.99', '99.2.0.192'],
  ['::ffff:192.0.2.99', '99.2.0.192'],
  ['2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'],
  ['::1', `1.${'0.'.repeat(31)}`.slice(0, -1)],
  ['fe80::1%eth0', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f'],
  ['1:2:3', null],
  ['::1::', null],
  ['no address', null],
]
for (const [address, want] of reversed) {
  test(`reversed: ${address}`, () => assert.equal(reversedAddress(address), want))
}
