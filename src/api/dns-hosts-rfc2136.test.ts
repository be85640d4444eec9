/** A domain at a name server that takes DNS updates, through the whole API. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startPrimary } from '../testing/dns-primaries.ts'
import { requireProgram } from '../testing/programs.ts'
import { refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { outputOf } from '../testing/test-dns-server.ts'
import { runJobs } from '../testing/test-jobs.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({
    environment: { MAILWRIGHT_HOSTNAME: 'mx.ours.example', MAILWRIGHT_DNS_HOST_NETWORKS: '127.0.0.0/8' },
  })
})
after(() => api[Symbol.asyncDispose]())

const key = { name: 'mailwright.key', algorithm: 'hmac-sha256', secret: randomBytes(32).toString('base64') }

const connect = (settings: object, secret = key.secret) =>
  api.call('POST', '/v1/dns-hosts', { body: { name: 'ours', kind: 'rfc2136', settings, secret } })

test('records are written to BIND, and what is there stays', async (t) => {
  for (const program of ['named', 'dig']) if (!requireProgram(t, program)) return
  await using stack = new AsyncDisposableStack()
  const zone = 'bind.example'
  const records = ['www A 192.0.2.80', '@ TXT "verify=abc"']
  const server = await startPrimary(stack, 'named', { zone, records, key })
  const settings = { server: `${server.address}:${server.port}`, key_name: 'Mailwright.Key.' }
  const wrong = await connect(settings, Buffer.alloc(32).toString('base64'))
  assert.equal(refusal(wrong), '422 dns_host_credentials_refused')
  const made = await connect(settings)
  assert.equal(made.status, 201, made.text)
  assert.ok(!made.text.includes(key.secret))
  assert.equal((await api.call('POST', '/v1/domains', { body: { name: zone } })).status, 201)
  const put = await api.call('PUT', `/v1/domains/${zone}/dns-host`, {
    body: { dns_host_id: textAt(made.json, 'id') },
  })
  assert.equal(put.status, 202, put.text)
  await runJobs(api.platform)
  const state = await api.call('GET', `/v1/domains/${zone}/dns-host`)
  assert.equal(textAt(state.json, 'state'), 'in_sync', state.text)
  const dig = (name: string, type: string) =>
    outputOf('dig', [`@${server.address}`, '-p', String(server.port), '+short', name, type])
  assert.match(await dig(zone, 'MX'), /10 mx\.ours\.example\./)
  assert.match(await dig(`mwr1._domainkey.${zone}`, 'TXT'), /v=DKIM1; k=rsa; p=/)
  assert.match(await dig(zone, 'TXT'), /"verify=abc"/)
  assert.equal((await dig(`www.${zone}`, 'A')).trim(), '192.0.2.80')
})

const refused: [what: string, settings: object][] = [
  ['a server that is a name', { server: 'ns.example:53', key_name: 'a' }],
  ['no key', { server: '192.0.2.53' }],
  ['a setting of another kind', { server: '192.0.2.53', key_name: 'a', url: 'http://192.0.2.1' }],
  ['an old algorithm', { server: '192.0.2.53', key_name: 'a', algorithm: 'hmac-md5' }],
]
for (const [what, settings] of refused) {
  test(`refused: ${what}`, async () => assert.equal(refusal(await connect(settings)), '400 invalid_request'))
}

test('a server in the platform’s own networks is not asked', async () => {
  const reply = await connect({ server: '10.0.0.1:53', key_name: 'a' })
  assert.match(reply.text, /10\.0\.0\.1 is an address of this network/)
})
