/** Connections to DNS hosts through the whole API: tried, sealed, refused; other tenants see nothing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { reconcileHost } from '../domains/dns-hosts/reconcile.ts'
import { resealPrivateKeys } from '../domains/reseal.ts'
import { transaction } from '../platform/database.ts'
import { addJob } from '../platform/jobs.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import type { CloudflareStandIn } from '../testing/cloudflare-stand-in.ts'
import { startPowerDns } from '../testing/powerdns.ts'
import { requireProgram } from '../testing/programs.ts'
import { refusal, type TestApi, textAt } from '../testing/test-api.ts'
import { type DnsHostsApi, startDnsHostsApi } from '../testing/test-dns-hosts.ts'
import { runJobs } from '../testing/test-jobs.ts'

let hosts: DnsHostsApi
let api: TestApi
let cloudflare: CloudflareStandIn
before(async () => {
  hosts = await startDnsHostsApi()
  ;({ api, cloudflare } = hosts)
})
after(() => hosts[Symbol.asyncDispose]())

test('secrets are sealed, never shown, and sealed again under a new key', async () => {
  const id = await hosts.connectCloudflare()
  for (const path of ['/v1/dns-hosts', `/v1/dns-hosts/${id}`]) {
    assert.ok(!(await api.call('GET', path)).text.includes(cloudflare.token))
  }
  const row = await api.platform.db
    .selectFrom('dns_hosts')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.ok(!row.sealed_private_key.includes(cloudflare.token))
  const events = await api.platform.db.selectFrom('events').select('data').execute()
  assert.ok(!JSON.stringify(events).includes(cloudflare.token))
  const old = (await api.platform.db.selectFrom('vault_keys').select('id').executeTakeFirstOrThrow()).id
  assert.equal(row.key_id, old)
  const next = newMasterKey()
  const rotating = { ...api.platform, vault: bothKeys(next) }
  await resealPrivateKeys(rotating)
  const again = await api.platform.db
    .selectFrom('dns_hosts')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.equal(
    createVault(next).open(again.sealed_private_key, `dns_hosts:${id}`).toString(),
    cloudflare.token,
  )
  await api.platform.db.deleteFrom('dns_hosts').where('id', '=', id).execute()
})

/** A vault that opens what the platform's sealed, and seals under another key. */
function bothKeys(next: string) {
  const { vault } = api.platform
  const fresh = createVault(next)
  return { ...fresh, open: (sealed: Buffer, context: string) => vault.open(sealed, context) }
}

const refused: [what: string, body: object, want: string][] = [
  ['wrong credentials', { kind: 'cloudflare', secret: 'wrong' }, '422 dns_host_credentials_refused'],
  ['a secret that is no header', { kind: 'cloudflare', secret: 'a\nb' }, '400 invalid_request'],
  ['a kind that there is not', { kind: 'route53', secret: 'x' }, '400 invalid_request'],
  [
    'settings of another kind',
    { kind: 'cloudflare', settings: { url: 'http://192.0.2.1' }, secret: 'x' },
    '400 invalid_request',
  ],
  ['no URL', { kind: 'powerdns', secret: 'x' }, '400 invalid_request'],
  [
    'a URL of another scheme',
    { kind: 'powerdns', settings: { url: 'file:///etc/passwd' }, secret: 'x' },
    '400 invalid_request',
  ],
  [
    'a URL with a password',
    { kind: 'powerdns', settings: { url: 'http://a:b@192.0.2.1' }, secret: 'x' },
    '400 invalid_request',
  ],
  [
    'a private network',
    { kind: 'powerdns', settings: { url: 'http://10.1.2.3:8081' }, secret: 'x' },
    '502 dns_host_failed',
  ],
  [
    'nobody there',
    { kind: 'powerdns', settings: { url: 'http://127.0.0.1:1' }, secret: 'x' },
    '502 dns_host_failed',
  ],
]
for (const [what, body, want] of refused) {
  test(`refused: ${what}`, async () => {
    const made = await api.call('POST', '/v1/dns-hosts', { body: { name: 'x', ...body } })
    assert.equal(refusal(made), want, made.text)
  })
}

test('a secret does not follow a connection to another URL', async (t) => {
  if (!requireProgram(t, 'pdns_server')) return
  await using stack = new AsyncDisposableStack()
  const server = await startPowerDns(stack)
  const id = await hosts.connectPowerDns(server)
  const settings = { url: 'http://127.0.0.1:1' }
  const moved = await api.call('PATCH', `/v1/dns-hosts/${id}`, { body: { settings } })
  assert.equal(refusal(moved), '400 invalid_request')
  await api.call('DELETE', `/v1/dns-hosts/${id}`)
})

test('another tenant’s hosts do not exist', async () => {
  const id = await hosts.connectCloudflare()
  const other = await api.tenant()
  const reader = await api.key({ access: 'read' })
  const call = (method: string, path: string, body?: object) =>
    api.call(method, path, { key: other.key, body })
  assert.deepEqual((await call('GET', '/v1/dns-hosts')).json, { data: [], next_cursor: null })
  assert.equal(refusal(await call('GET', `/v1/dns-hosts/${id}`)), '404 dns_host_not_found')
  assert.equal(refusal(await call('PATCH', `/v1/dns-hosts/${id}`, { name: 'x' })), '404 dns_host_not_found')
  assert.equal(refusal(await call('DELETE', `/v1/dns-hosts/${id}`)), '404 dns_host_not_found')
  cloudflare.addZone('theirs.example')
  await call('POST', '/v1/domains', { name: 'theirs.example' })
  const put = await call('PUT', '/v1/domains/theirs.example/dns-host', { dns_host_id: id })
  assert.equal(refusal(put), '404 dns_host_not_found')
  const read = await api.call('DELETE', `/v1/dns-hosts/${id}`, { key: reader })
  assert.equal(refusal(read), '403 forbidden')
  await api.call('DELETE', `/v1/dns-hosts/${id}`)
})

test('the connection of a deleted workspace goes when nothing of its domains is left there', async () => {
  const { db } = api.platform
  const workspace = textAt((await api.call('POST', '/v1/workspaces', { body: { name: 'Gone' } })).json, 'id')
  const headers = { 'mailwright-workspace': workspace }
  const change = async (method: string, path: string, body?: object): Promise<unknown> => {
    const reply = await api.call(method, path, { body, headers })
    assert.ok(reply.status < 300, reply.text)
    return reply.json
  }
  const zone = cloudflare.addZone('gone.example')
  const made = await change('POST', '/v1/dns-hosts', {
    name: 'theirs',
    kind: 'cloudflare',
    settings: { account_id: cloudflare.accountId },
    secret: cloudflare.token,
  })
  const domainId = textAt(await change('POST', '/v1/domains', { name: 'gone.example' }), 'id')
  await runJobs(api.platform)
  await change('PUT', '/v1/domains/gone.example/dns-host', { dns_host_id: textAt(made, 'id') })
  await runJobs(api.platform)
  assert.ok(zone.records.length > 0)

  await change('DELETE', '/v1/domains/gone.example?purge=true')
  await change('DELETE', `/v1/workspaces/${workspace}`)
  const removeDue = () => transaction(db, (tx) => addJob(tx, 'domains.remove_due', {}))
  const kept = () => db.selectFrom('dns_hosts').select('id').where('workspace_id', '=', workspace).execute()
  cloudflare.answerNext({ status: 400, body: '{"success":false,"errors":[{"code":1004,"message":"no"}]}' })
  await removeDue()
  await runJobs(api.platform)
  assert.equal((await kept()).length, 1, 'its secret is needed once more')

  await reconcileHost(api.platform, domainId)
  assert.deepEqual(zone.records, [])
  await removeDue()
  await runJobs(api.platform)
  assert.deepEqual(await kept(), [])
  const events = db.selectFrom('events').select('type').where('workspace_id', '=', workspace)
  assert.ok((await events.execute()).some(({ type }) => type === 'dns_host.deleted'))
})
