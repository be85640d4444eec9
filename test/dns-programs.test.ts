/** The name server as Debian's programs see it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { addressOf, startChildServer } from '../src/testing/child-server.ts'
import { askUntil } from '../src/testing/dns-client.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { temporaryDirectory } from '../src/testing/test-database.ts'
import { serveDomain, startTestNameServer, type TestNameServer } from '../src/testing/test-name-server.ts'

const run = promisify(execFile)
let ns: TestNameServer

before(async () => {
  ns = await startTestNameServer({
    MAILWRIGHT_DNS_ZONE: 'mw.example',
    MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.53',
  })
  await serveDomain(ns.t.platform, ns.t.scope, 'tools.example', [
    { name: 'www.tools.example', type: 'A', value: '192.0.2.1' },
    { name: 'tools.example', type: 'CAA', value: '0 issue "ca.example"' },
    ...Array.from({ length: 60 }, (_, at) => ({
      name: 'many.tools.example',
      type: 'TXT' as const,
      value: `number ${at} ${'x'.repeat(20)}`,
    })),
  ])
  await askUntil('NOERROR', 'www.tools.example', 'A', { server: ns.server })
})
after(() => ns[Symbol.asyncDispose]())

async function program(name: string, ...words: string[]): Promise<string> {
  const { host, port } = addressOf(ns.server)
  const { stdout } = await run(name, [`@${host}`, '-p', String(port), ...words])
  return stdout
}

for (const name of ['dig', 'kdig']) {
  test(`${name} reads what it asks for`, async (t) => {
    if (!requireProgram(t, name)) return
    assert.equal((await program(name, '+short', 'www.tools.example', 'A')).trim(), '192.0.2.1')
    assert.equal((await program(name, '+short', 'tools.example', 'CAA')).trim(), '0 issue "ca.example"')
    assert.match(await program(name, 'www.tools.example', 'A'), /flags: qr aa/i)
    assert.match(await program(name, 'none.tools.example', 'A'), /status: NXDOMAIN/)
    assert.match(await program(name, 'elsewhere.example', 'A'), /status: REFUSED/)
    assert.match(await program(name, '+tcp', 'tools.example', 'MX'), /MX\s+10 localhost\./)
  })

  test(`${name} comes back over TCP for what UDP cannot carry`, async (t) => {
    if (!requireProgram(t, name)) return
    const lines = (await program(name, '+short', 'many.tools.example', 'TXT')).match(/^"number/gm)
    assert.equal(lines?.length, 60)
  })
}

test('dig takes our cookie for a good one', async (t) => {
  if (!requireProgram(t, 'dig')) return
  assert.match(await program('dig', '+cookie', 'www.tools.example', 'A'), /COOKIE: [0-9a-f]{48} \(good\)/)
})

test('dig finds nothing malformed in any answer', async (t) => {
  if (!requireProgram(t, 'dig')) return
  for (const type of ['A', 'ANY', 'SOA', 'NS', 'TXT', 'TYPE65280', 'DS', 'HTTPS']) {
    const text = await program('dig', '+qr', '+norecurse', '+dnssec', 'tools.example', type)
    assert.doesNotMatch(text, /WARNING|malformed|bad packet|extra bytes/i, type)
  }
})

test('the program that a user runs answers for its own zone', async (t) => {
  if (!requireProgram(t, 'dig')) return
  await using stack = new AsyncDisposableStack()
  const child = stack.use(
    await startChildServer(await temporaryDirectory(stack), {
      MAILWRIGHT_DNS_ZONE: 'mw.example',
      MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.53,2001:db8::53',
    }),
  )
  const { host, port } = addressOf(child.endpoints.dns)
  const dig = async (...words: string[]): Promise<string> =>
    (await run('dig', [`@${host}`, '-p', String(port), '+short', ...words])).stdout.trim()
  assert.match(await dig('mw.example', 'SOA'), /^ns1\.mw\.example\. hostmaster\.mw\.example\. \d+ /)
  assert.deepEqual((await dig('mw.example', 'NS')).split('\n').sort(), ['ns1.mw.example.', 'ns2.mw.example.'])
  assert.equal(await dig('a.0123456789ab.ns.mw.example', 'A'), '192.0.2.53')
  assert.equal(await dig('+tcp', 'ns2.mw.example', 'AAAA'), '2001:db8::53')
})
