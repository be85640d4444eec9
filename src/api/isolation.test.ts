/** Tenants never see each other: what is another's looks, byte for byte, like what does not exist. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCommitLane } from '../delivery/commit-lane.ts'
import { createDnsHost } from '../domains/dns-hosts/connections.ts'
import { createConnection } from '../mailboxes/engines/connections.ts'
import { transaction } from '../platform/database.ts'
import { type Reply, startTestApi, type Tenant, type TestApi, textAt } from '../testing/test-api.ts'
import { loggedIn } from '../testing/test-members.ts'
import { addresses, submit } from '../testing/test-sending.ts'

let api: TestApi
let other: Tenant
let own: Record<
  | 'mailbox'
  | 'domain'
  | 'batch'
  | 'apiKey'
  | 'suppression'
  | 'outbound'
  | 'relay'
  | 'domainBatch'
  | 'order'
  | 'contact'
  | 'dnsHost'
  | 'auditEntry'
  | 'identity'
  | 'invitation'
  | 'member'
  | 'limit'
  | 'request'
  | 'serviceConnection',
  string
>

/** Keys that must not see the first tenant's objects: another organization's, and another workspace's. */
let strangers: { name: string; key: string; headers: Record<string, string> }[]

before(async () => {
  api = await startTestApi()
  other = await api.tenant()
  const workspace = await api.call('POST', '/v1/workspaces', { body: { name: 'Other' } })
  const workspaceId = textAt(workspace.json, 'id')
  strangers = [
    { name: 'another organization', key: other.key, headers: {} },
    { name: 'a key of another workspace', key: await api.key({ workspaceId }), headers: {} },
    {
      name: 'the same key in another workspace',
      key: api.apiKey,
      headers: { 'mailwright-workspace': workspaceId },
    },
  ]
  const batch = await api.call('POST', '/v1/mailboxes', {
    body: { mailboxes: [{ address: 'ann@demo.test' }] },
  })
  const apiKey = await api.call('POST', '/v1/api-keys', { body: { name: 'own' } })
  const relay = await api.call('POST', '/v1/relays', { body: { host: 'relay.example' } })
  own = {
    mailbox: textAt(batch.json, 'data', 0, 'mailbox', 'id'),
    batch: textAt(batch.json, 'batch_id'),
    domain: textAt((await api.call('GET', '/v1/domains/demo.test')).json, 'id'),
    apiKey: textAt(apiKey.json, 'id'),
    suppression: textAt(
      (await api.call('POST', '/v1/suppressions', { body: { address: 'sup@example.org' } })).json,
      'id',
    ),
    outbound: await queuedRecipient(textAt(batch.json, 'data', 0, 'mailbox', 'id')),
    relay: textAt(relay.json, 'id'),
    dnsHost: await dnsHost(),
    auditEntry: textAt((await api.call('GET', '/v1/audit-log')).json, 'data', 0, 'id'),
    ...(await named()),
    ...(await limited()),
    serviceConnection: await serviceConnection(),
    ...(await registered()),
  }
})
after(() => api[Symbol.asyncDispose]())

/** An identity of the first tenant, someone invited and someone who is a member. */
async function named(): Promise<Record<'identity' | 'invitation' | 'member', string>> {
  const identity = await api.call('POST', '/v1/identities', { body: { handle: 'first-agent' } })
  const person = { email: 'guest@people.example', role: 'member' }
  const invitation = await api.call('POST', '/v1/invitations', { body: person })
  return {
    identity: textAt(identity.json, 'id'),
    invitation: textAt(invitation.json, 'id'),
    member: (await loggedIn(api, 'viewer')).id,
  }
}

/** A connection of the first tenant, made past the API, which would ask the host. */
async function serviceConnection(): Promise<string> {
  const { id } = await transaction(api.platform.db, (tx) =>
    createConnection(api.platform, tx, api.scope, {
      name: 'own',
      service: 'google',
      settings: { admin_email: 'admin@demo.test', client_email: 'robot@demo.test' },
      secret: 'a secret',
      isDefault: null,
    }),
  )
  return id
}

async function dnsHost(): Promise<string> {
  const wanted = { name: 'x', kind: 'cloudflare' as const, settings: {}, secret: 'x' }
  const { platform, scope } = api
  return (await transaction(platform.db, (tx) => createDnsHost(platform, tx, scope, wanted))).id
}

/** A limit of the first tenant's workspace, and a mailbox that is asked for. */
async function limited(): Promise<Record<'limit' | 'request', string>> {
  const limit = await api.call('PUT', '/v1/mailbox-limits', {
    body: { per: 'workspace', workspace_id: api.scope.workspaceId, mailboxes_max: 1000 },
  })
  const request = await api.call('POST', '/v1/mailbox-requests', {
    body: { mailboxes: [{ address: 'asked@demo.test' }] },
  })
  return {
    limit: textAt(limit.json, 'id'),
    request: textAt(request.json, 'data', 0, 'request', 'id'),
  }
}

/** What the first tenant has at registrars. */
async function registered(): Promise<Record<'domainBatch' | 'order' | 'contact', string>> {
  const contact = await api.call('POST', '/v1/contacts', {
    body: {
      first_name: 'Ann',
      last_name: 'Lee',
      email: 'ann@example.org',
      phone: '+49.301234567',
      address1: 'Street 1',
      city: 'Berlin',
      zip: '10115',
      country: 'DE',
    },
  })
  const batch = await api.call('POST', '/v1/domains', { body: { domains: [{ name: 'batch.example' }] } })
  const order = await api.call('POST', '/v1/domains/register', {
    body: { name: 'bought.test', expected_price: { amount: 1000, currency: 'USD' } },
  })
  return {
    domainBatch: textAt(batch.json, 'batch_id'),
    order: textAt(order.json, 'order', 'id'),
    contact: textAt(contact.json, 'id'),
  }
}

/** A recipient in the first tenant's queue. */
async function queuedRecipient(mailboxId: string): Promise<string> {
  const lane = startCommitLane(api.platform)
  await submit(api.platform, lane, { ...api.scope, mailboxId }, addresses(1))
  await lane.stop()
  return textAt((await api.call('GET', '/v1/outbound')).json, 'data', 0, 'id')
}

const unknownId = '00000000-0000-7000-8000-000000000000'

/** Everything of a reply that does not differ in every request. */
function comparable({ status, headers, text }: Reply, ref: string): unknown {
  const differing = ['x-request-id', 'date', 'ratelimit-remaining', 'ratelimit-reset']
  const kept = [...headers].filter(([name]) => !differing.includes(name))
  return { status, kept, text: text.replace(/urn:uuid:[\w-]+/, 'INSTANCE').replaceAll(ref, 'REF') }
}

const routes: [method: string, path: (ref: string) => string, body?: object][] = [
  ['GET', (ref) => `/v1/mailboxes/${ref}`],
  ['PATCH', (ref) => `/v1/mailboxes/${ref}`, { tags: ['x'] }],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}?purge=true`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}?preview=true`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/credentials`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/password`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/totp`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/totp`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/totp`, { preview: true }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/totp/verify`, { code: '123456' }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/totp/verify`, { code: '123456', preview: true }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/totp/check`, { code: '123456' }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/totp/recovery-codes`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/totp`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/totp?preview=true`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/app-passwords`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/app-passwords`, { name: 'x' }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/app-passwords`, { name: 'x', preview: true }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/app-passwords/${unknownId}`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/app-passwords/${unknownId}/password`],
  ['PATCH', (ref) => `/v1/mailboxes/${ref}/app-passwords/${unknownId}`, { name: 'y' }],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/app-passwords/${unknownId}`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/app-passwords/${unknownId}?preview=true`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/login-lock`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/login-lock`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/suspend`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/resume`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/restore`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/cancel`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/cancel`, { preview: true }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/cancel`, { at: 'now' }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/keep`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/keep`, { preview: true }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/picture`],
  ['PUT', (ref) => `/v1/mailboxes/${ref}/picture`, { content_base64: 'AAAA' }],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/picture`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/suspend`, { preview: true }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/rename`, { address: 'renamed@demo.test' }],
  ['POST', (ref) => `/v1/mailboxes/${ref}/rename`, { address: 'renamed@demo.test', preview: true }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/policy`],
  ['PUT', (ref) => `/v1/mailboxes/${ref}/policy`, { trash_days: 1 }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/sender-lists`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/sender-lists`, { entries: [{ kind: 'block', pattern: 'a@b.c' }] }],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/sender-lists/${unknownId}`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/sender-lists/mode`],
  ['PUT', (ref) => `/v1/mailboxes/${ref}/sender-lists/mode`, { mode: 'allow_list' }],
  ['GET', (ref) => `/v1/domains/${ref}/sender-lists`],
  ['POST', (ref) => `/v1/domains/${ref}/sender-lists`, { entries: [{ kind: 'block', pattern: 'a@b.c' }] }],
  ['DELETE', (ref) => `/v1/domains/${ref}/sender-lists/${unknownId}`],
  ['GET', (ref) => `/v1/workspaces/${ref}/sender-lists`],
  ['POST', (ref) => `/v1/workspaces/${ref}/sender-lists`, { entries: [{ kind: 'block', pattern: 'a@b.c' }] }],
  ['DELETE', (ref) => `/v1/workspaces/${ref}/sender-lists/${unknownId}`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/folders`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/deleted-messages`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/deleted-messages/${unknownId}/restore`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/deleted-messages/restore`, { ids: [unknownId] }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/outbound`],
  ...['mailboxes', 'domains', 'workspaces'].flatMap((noun): typeof routes => [
    ['GET', (ref) => `/v1/${noun}/${ref}/delivery-policy`],
    ['PUT', (ref) => `/v1/${noun}/${ref}/delivery-policy`, { junk_score: 1 }],
    ['GET', (ref) => `/v1/${noun}/${ref}/sending`],
    ['POST', (ref) => `/v1/${noun}/${ref}/sending/pause`],
  ]),
  ['POST', (ref) => `/v1/mailboxes/${ref}/sending/resume`],
  ['POST', (ref) => `/v1/domains/${ref}/sending/resume`],
  ['GET', (ref) => `/v1/outbound/${ref}`],
  ['GET', (ref) => `/v1/outbound?mailbox=${ref}`],
  ...['retry', 'hold', 'release', 'cancel'].map((action): (typeof routes)[number] => [
    'POST',
    (ref) => `/v1/outbound/${ref}/${action}`,
  ]),
  ['GET', (ref) => `/v1/domains/${ref}`],
  ['GET', (ref) => `/v1/domains/${ref}/dns`],
  ['POST', (ref) => `/v1/domains/${ref}/verify`],
  ['GET', (ref) => `/v1/domains/${ref}/dnssec`],
  ['PUT', (ref) => `/v1/domains/${ref}/dnssec`, { enabled: true }],
  ['PATCH', (ref) => `/v1/domains/${ref}`, { dmarc_policy: 'reject' }],
  ['PATCH', (ref) => `/v1/domains/${ref}`, { dmarc_policy: 'reject', preview: true }],
  ['GET', (ref) => `/v1/domains/${ref}/dkim`],
  ['POST', (ref) => `/v1/domains/${ref}/dkim/rotate`],
  ['DELETE', (ref) => `/v1/domains/${ref}`],
  ['DELETE', (ref) => `/v1/domains/${ref}?preview=true`],
  ['GET', (ref) => `/v1/domains/${ref}/dns-host`],
  ['PUT', (ref) => `/v1/domains/${ref}/dns-host`, { dns_host_id: unknownId }],
  ['PUT', (ref) => `/v1/domains/${ref}/dns-host`, { dns_host_id: unknownId, preview: true }],
  ['DELETE', (ref) => `/v1/domains/${ref}/dns-host`],
  ['DELETE', (ref) => `/v1/domains/${ref}/dns-host?preview=true`],
  ['POST', (ref) => `/v1/domains/${ref}/dns/apply`],
  ['POST', (ref) => `/v1/domains/${ref}/dns/apply`, { preview: true }],
  ['GET', (ref) => `/v1/domains/${ref}/records`],
  ['POST', (ref) => `/v1/domains/${ref}/records`, { name: 'x', type: 'A', value: '192.0.2.1' }],
  ['PATCH', (ref) => `/v1/domains/${ref}/records/${unknownId}`, { ttl: 60 }],
  ['DELETE', (ref) => `/v1/domains/${ref}/records/${unknownId}`],
  ['GET', (ref) => `/v1/dns-hosts/${ref}`],
  ['PATCH', (ref) => `/v1/dns-hosts/${ref}`, { name: 'x' }],
  ['DELETE', (ref) => `/v1/dns-hosts/${ref}`],
  ['GET', (ref) => `/v1/service-connections/${ref}`],
  ['PATCH', (ref) => `/v1/service-connections/${ref}`, { name: 'x' }],
  ['DELETE', (ref) => `/v1/service-connections/${ref}`],
  ['POST', (ref) => `/v1/service-connections/${ref}/check`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/remote`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/remote/retry`],
  ['DELETE', (ref) => `/v1/domains/${ref}?with_mailboxes=true`],
  ['DELETE', (ref) => `/v1/domains/${ref}?purge=true`],
  ['POST', (ref) => `/v1/domains/${ref}/suspend`],
  ['POST', (ref) => `/v1/domains/${ref}/resume`],
  ['POST', (ref) => `/v1/domains/${ref}/restore`],
  ['GET', (ref) => `/v1/domains/${ref}/registration`],
  ['PUT', (ref) => `/v1/domains/${ref}/registration`, { auto_renew: false }],
  ['POST', (ref) => `/v1/domains/${ref}/renew`, { expected_price: { amount: 1, currency: 'USD' } }],
  ['POST', (ref) => `/v1/domains/${ref}/renew`, { preview: true }],
  ['POST', (ref) => `/v1/domains/${ref}/renewal-quotes`, {}],
  ['GET', (ref) => `/v1/domain-batches/${ref}`],
  ['GET', (ref) => `/v1/domain-orders/${ref}`],
  ['GET', (ref) => `/v1/domain-orders?domain=${ref}`],
  ['POST', (ref) => `/v1/domain-orders/${ref}/abandon`],
  ['GET', (ref) => `/v1/contacts/${ref}`],
  ['DELETE', (ref) => `/v1/contacts/${ref}`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/aliases`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/aliases`, { address: 'x@demo.test' }],
  ['PATCH', (ref) => `/v1/mailboxes/${ref}/aliases/x@demo.test`, { enabled: false }],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/aliases/x@demo.test`],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/aliases/x@demo.test?preview=true`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/forwarding`],
  ['PUT', (ref) => `/v1/mailboxes/${ref}/forwarding`, { targets: [], keep_copy: true }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/autoreply`],
  ['PUT', (ref) => `/v1/mailboxes/${ref}/autoreply`, { enabled: false, text: '' }],
  ['GET', (ref) => `/v1/mailboxes/${ref}/filters`],
  ['GET', (ref) => `/v1/mailboxes/${ref}/filters/x`],
  ['PUT', (ref) => `/v1/mailboxes/${ref}/filters/x`, { script: 'keep;' }],
  ['DELETE', (ref) => `/v1/mailboxes/${ref}/filters/x`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/filters/x/activate`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/filters/x/deactivate`],
  ['POST', (ref) => `/v1/mailboxes/${ref}/filters/check`, { script: 'keep;' }],
  ['GET', (ref) => `/v1/domains/${ref}/forwards`],
  ['POST', (ref) => `/v1/domains/${ref}/forwards`, { address: 'x@demo.test', targets: ['a@b.example'] }],
  ['DELETE', (ref) => `/v1/domains/${ref}/forwards/x@demo.test`],
  ['GET', (ref) => `/v1/domains/${ref}/catch-all`],
  ['PUT', (ref) => `/v1/domains/${ref}/catch-all`, { mailbox: 'ann@demo.test' }],
  ['DELETE', (ref) => `/v1/domains/${ref}/catch-all`],
  ['GET', (ref) => `/v1/domains/${ref}/aliases`],
  ['POST', (ref) => `/v1/domains/${ref}/aliases`, { domain: 'demo.test' }],
  ['DELETE', (ref) => `/v1/domains/${ref}/aliases/demo.test`],
  ['GET', (ref) => `/v1/mailboxes?domain=${ref}`],
  ['GET', (ref) => `/v1/batches/${ref}`],
  ['GET', (ref) => `/v1/audit-log/${ref}`],
  ['POST', (ref) => `/v1/audit-log/${ref}/undo`],
  ['POST', (ref) => `/v1/audit-log/${ref}/undo`, { preview: true }],
  ['GET', (ref) => `/v1/identities/${ref}`],
  ['PATCH', (ref) => `/v1/identities/${ref}`, { description: 'x' }],
  ['PATCH', (ref) => `/v1/identities/${ref}`, { handle: 'other-agent', preview: true }],
  ['DELETE', (ref) => `/v1/identities/${ref}`],
  ['DELETE', (ref) => `/v1/identities/${ref}?purge=true`],
  ['DELETE', (ref) => `/v1/identities/${ref}?preview=true`],
  ['POST', (ref) => `/v1/identities/${ref}/restore`, {}],
  ['GET', (ref) => `/v1/batches/${ref}/items`],
  ['GET', (ref) => `/v1/mailboxes/export?domain=${ref}`],
  ['DELETE', (ref) => `/v1/mailbox-limits/${ref}`],
  ['GET', (ref) => `/v1/mailbox-requests?domain=${ref}`],
  ['GET', (ref) => `/v1/mailbox-requests/${ref}`],
  ['PATCH', (ref) => `/v1/mailbox-requests/${ref}`, { state: 'completed' }],
  ['PATCH', (ref) => `/v1/mailbox-requests/${ref}`, { state: 'completed', preview: true }],
  ['GET', (ref) => `/v1/suppressions/${ref}`],
  ['DELETE', (ref) => `/v1/suppressions/${ref}`],
  ['GET', (ref) => `/v1/relays/${ref}`],
  ['PATCH', (ref) => `/v1/relays/${ref}`, { priority: 1 }],
  ['DELETE', (ref) => `/v1/relays/${ref}`],
  ['POST', (ref) => `/v1/relays/${ref}/test`],
  ['GET', (ref) => `/v1/workspaces/${ref}`],
  ['PATCH', (ref) => `/v1/workspaces/${ref}`, { name: 'x' }],
  ['GET', (ref) => `/v1/workspaces/${ref}/policy`],
  ['PUT', (ref) => `/v1/workspaces/${ref}/policy`, { trash_days: 1 }],
  ['GET', (ref) => `/v1/workspaces/${ref}/mailbox-settings`],
  ['PUT', (ref) => `/v1/workspaces/${ref}/mailbox-settings`, { restore_days: 1 }],
]

/** Pairs of what is the first tenant's and what does not exist, for the noun that a path is about. */
function pairs(path: string): [foreign: string, unknown: string][] {
  if (path.startsWith('/v1/workspaces')) return [[api.scope.workspaceId, unknownId]]
  if (path.startsWith('/v1/outbound/')) return [[own.outbound, unknownId]]
  if (path.startsWith('/v1/relays')) return [[own.relay, unknownId]]
  if (path.startsWith('/v1/dns-hosts')) return [[own.dnsHost, unknownId]]
  if (path.startsWith('/v1/service-connections')) return [[own.serviceConnection, unknownId]]
  if (path.startsWith('/v1/batches')) return [[own.batch, unknownId]]
  if (path.startsWith('/v1/audit-log')) return [[own.auditEntry, unknownId]]
  if (path.startsWith('/v1/identities')) {
    return [
      [own.identity, unknownId],
      ['first-agent', 'no-such-agent'],
    ]
  }
  if (path.startsWith('/v1/mailbox-limits')) return [[own.limit, unknownId]]
  if (path.startsWith('/v1/mailbox-requests/')) return [[own.request, unknownId]]
  if (path.startsWith('/v1/domain-batches')) return [[own.domainBatch, unknownId]]
  if (path.startsWith('/v1/domain-orders/')) return [[own.order, unknownId]]
  if (path.startsWith('/v1/contacts')) return [[own.contact, unknownId]]
  if (path.startsWith('/v1/suppressions')) {
    return [
      [own.suppression, unknownId],
      ['sup@example.org', 'none@example.org'],
    ]
  }
  if (path.includes('domain')) {
    return [
      [own.domain, unknownId],
      ['demo.test', 'none.test'],
    ]
  }
  return [
    [own.mailbox, unknownId],
    ['ann@demo.test', 'bob@demo.test'],
  ]
}

test('by id, by name and by address', async () => {
  for (const stranger of strangers) {
    for (const [method, path, body] of routes) {
      // The same key sees its organization's workspaces and limits whatever the header says.
      if (stranger.key === api.apiKey && /^\/v1\/(?:workspaces|mailbox-limits)/.test(path(''))) continue
      for (const [foreign, unknown] of pairs(path(''))) {
        const options = { key: stranger.key, headers: stranger.headers, body }
        const seen = await api.call(method, path(foreign), options)
        const missing = await api.call(method, path(unknown), options)
        const what = `${stranger.name}: ${method} ${path(foreign)}`
        assert.equal(missing.status, 404, what)
        assert.deepEqual(comparable(seen, foreign), comparable(missing, unknown), what)
      }
    }
  }
})

test('API keys of another organization or another workspace', async () => {
  for (const { key } of strangers.slice(0, 2)) {
    for (const method of ['GET', 'DELETE']) {
      const seen = await api.call(method, `/v1/api-keys/${own.apiKey}`, { key })
      const missing = await api.call(method, `/v1/api-keys/${unknownId}`, { key })
      assert.equal(missing.status, 404)
      assert.deepEqual(comparable(seen, own.apiKey), comparable(missing, unknownId))
    }
  }
})

test('members and invitations of another organization, and those that a bound key may not see', async () => {
  for (const { name, key } of strangers.slice(0, 2)) {
    for (const [path, foreign, unknown] of [
      ['/v1/members', own.member, unknownId],
      ['/v1/members', 'viewer1@people.example', 'nobody@people.example'],
      ['/v1/invitations', own.invitation, unknownId],
    ] as const) {
      for (const [method, body] of [['GET'], ['PATCH', { role: 'viewer' }], ['DELETE']] as const) {
        const seen = await api.call(method, `${path}/${foreign}`, { key, body })
        const missing = await api.call(method, `${path}/${unknown}`, { key, body })
        assert.equal(missing.status, key === other.key ? 404 : 403, `${name}: ${method} ${path}`)
        assert.deepEqual(comparable(seen, foreign), comparable(missing, unknown))
      }
    }
  }
})

test('lists have nothing of another’s', async () => {
  for (const { name, key, headers } of strangers) {
    for (const path of [
      '/v1/mailboxes',
      '/v1/mailboxes?search=ann',
      '/v1/domains',
      '/v1/domains?search=demo',
      '/v1/suppressions',
      '/v1/outbound',
      '/v1/relays',
      '/v1/identities',
      '/v1/dns-hosts',
      '/v1/service-connections',
      '/v1/contacts',
      '/v1/domain-orders',
      '/v1/audit-log?action=mailbox.',
      '/v1/batches',
      '/v1/mailbox-requests',
    ]) {
      const { json } = await api.call('GET', path, { key, headers })
      assert.deepEqual(json, { data: [], next_cursor: null }, `${name}: ${path}`)
    }
  }
  for (const path of [
    '/v1/workspaces',
    '/v1/api-keys',
    '/v1/members',
    '/v1/invitations',
    '/v1/mailbox-limits',
  ]) {
    const { text } = await api.call('GET', path, { key: other.key })
    assert.doesNotMatch(
      text,
      new RegExp(`${api.scope.workspaceId}|${own.apiKey}|${own.member}|${own.invitation}|${own.limit}`),
    )
  }
  for (const { key, headers } of strangers) {
    const { text } = await api.call('GET', '/v1/mailboxes/export', { key, headers })
    assert.equal(text.trimEnd().split('\r\n').length, 1)
  }
})

test('mailboxes cannot be made on another’s domain, nor does its existence show', async () => {
  for (const { key, headers } of strangers) {
    const make = (address: string) => api.call('POST', '/v1/mailboxes', { key, headers, body: { address } })
    const seen = await make('new@demo.test')
    const missing = await make('new@none.test')
    assert.equal(missing.status, 404)
    assert.deepEqual(comparable(seen, 'demo.test'), comparable(missing, 'none.test'))
  }
})

test('neither are they asked for or imported there', async () => {
  for (const { key, headers } of strangers) {
    const ask = async (address: string): Promise<unknown> => {
      const body = { mailboxes: [{ address }] }
      const asked = await api.call('POST', '/v1/mailbox-requests', { key, headers, body })
      const imported = await api.call('POST', '/v1/mailboxes/import?preview=true', {
        key,
        headers: { ...headers, 'content-type': 'text/csv' },
        body: `address\n${address}\n`,
      })
      return [
        textAt(asked.json, 'data', 0, 'problem', 'code'),
        textAt(imported.json, 'problems', 0, 'problem', 'code'),
      ]
    }
    assert.deepEqual(await ask('new@demo.test'), await ask('new@none.test'))
  }
})

test('nothing of it had an effect', async () => {
  assert.equal(textAt((await api.call('GET', '/v1/identities/first-agent')).json, 'version'), '1')
  assert.equal((await api.call('GET', `/v1/members/${own.member}`)).status, 200)
  assert.equal(textAt((await api.call('GET', `/v1/invitations/${own.invitation}`)).json, 'state'), 'open')
  const mailbox = await api.call('GET', '/v1/mailboxes/ann@demo.test')
  assert.equal(textAt(mailbox.json, 'version'), '1')
  assert.equal((await api.call('GET', `/v1/api-keys/${own.apiKey}`)).text.includes('"revoked_at":null'), true)
})
