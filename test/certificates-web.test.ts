/** Certificates for the web names of domains: by HTTP-01 over port 80, by DNS-01 through our zones, shown on port 443. */
import assert from 'node:assert/strict'
import { after, test as nodeTest } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Scope } from '../src/accounts/principals.ts'
import { publishDnsChallenge, withdrawDnsChallenge } from '../src/domains/certificates/dns-challenges.ts'
import { enterHostNames } from '../src/domains/certificates/host-names.ts'
import { reconcileCertificates } from '../src/domains/certificates/reconcile.ts'
import { connectDomain, type Domain } from '../src/domains/domains.ts'
import { transaction } from '../src/platform/database.ts'
import { newId } from '../src/platform/ids.ts'
import type { Platform } from '../src/platform/platform.ts'
import { startServer } from '../src/server.ts'
import { askUntil } from '../src/testing/dns-client.ts'
import { freePorts } from '../src/testing/free-ports.ts'
import { type Pebble, startPebble } from '../src/testing/pebble.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { startTestDns, type TestDns } from '../src/testing/test-dns.ts'
import { addRecords, serveDomain, startNameServerOn } from '../src/testing/test-name-server.ts'
import { openSecondNode } from '../src/testing/test-node.ts'
import { startTestPlatform, type TestPlatform, testConfig } from '../src/testing/test-platform.ts'
import { askWeb, type WebReply } from '../src/testing/test-web.ts'

const host = 'mx.platform.example'
const here = { A: ['127.0.0.1'] }

let dns: TestDns
let pebble: Pebble
let platform: Platform
const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())

async function start(): Promise<void> {
  dns = stack.use(
    await startTestDns({
      [host]: here,
      'customer.example': here,
      'www.customer.example': { CNAME: [host] },
      'mta-sts.customer.example': here,
      'autoconfig.customer.example': { CNAME: [host] },
      'autodiscover.customer.example': here,
    }),
  )
  const [challengePort = 0] = await freePorts(1)
  pebble = await startPebble(stack, { resolver: dns.resolver, httpPort: challengePort, validityDays: 90 })
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_ROLES: 'http',
    MAILWRIGHT_HOSTNAME: host,
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_ACME_DIRECTORY_URL: pebble.directoryUrl,
    MAILWRIGHT_ACME_CA_FILE: pebble.caFile,
    MAILWRIGHT_HTTP_CHALLENGE_PORT: String(challengePort),
    MAILWRIGHT_HTTPS_PORT: '0',
    MAILWRIGHT_PUBLIC_URL: `https://${host}`,
  })
  platform = stack.use(await startServer(config)).platform
}

let started: Promise<void> | null = null

/** A test that needs the authority; it is started with the first. */
function test(name: string, run: () => Promise<void>): void {
  void nodeTest(name, async (t) => {
    if (!requireProgram(t, 'pebble')) return
    started ??= start()
    await started
    await run()
  })
}

async function scopeOf(node: Platform): Promise<Scope> {
  const { id, organization_id: organizationId } = await node.db
    .selectFrom('workspaces')
    .select(['id', 'organization_id'])
    .where('is_default', '=', true)
    .executeTakeFirstOrThrow()
  return { organizationId, workspaceId: id, mailboxId: null, access: 'write', actor: 'test' }
}

async function states(node: Platform): Promise<string[]> {
  const rows = await node.db.selectFrom('certificates').selectAll().orderBy('host_name').execute()
  return rows.map(({ host_name: name, state, last_error: error }) => `${name} ${state} ${error ?? ''}`.trim())
}

/** Asks as a client that trusts the authority only. */
function ask(name: string, path = '/'): Promise<WebReply> {
  return askWeb({ port: platform.ports.https, host: name, path, ca: pebble.root })
}

async function serialOf(name: string): Promise<string> {
  return (await ask(name)).certificateSerial ?? ''
}

test('each web name has a certificate of its own, and is answered with it', async () => {
  const scope = await scopeOf(platform)
  await transaction(platform.db, async (tx) => {
    const { id } = await connectDomain(platform, tx, scope, 'customer.example')
    await tx
      .updateTable('domains')
      .set({ state: 'active', mta_sts_mode: 'enforce' })
      .where('id', '=', id)
      .execute()
  })
  await reconcileCertificates(platform)
  assert.deepEqual(await states(platform), [
    'autoconfig.customer.example issued',
    'autodiscover.customer.example issued',
    'mta-sts.customer.example issued',
    `${host} issued`,
  ])
  for (const [name, path, wanted] of [
    ['mta-sts.customer.example', '/.well-known/mta-sts.txt', /^version: STSv1\r\nmode: enforce\r\n/],
    ['autoconfig.customer.example', '/mail/config-v1.1.xml', /<domain>customer\.example</],
    ['autodiscover.customer.example', '/autodiscover/autodiscover.json', /ProtocolNotSupported/],
    [host, '/healthz', /ok/],
  ] as const) {
    const reply = await ask(name, path)
    assert.match(reply.body, wanted)
    assert.equal(reply.certificateNames, `DNS:${name}`)
  }
  await assert.rejects(ask('customer.example'), /altnames/)
})

test('a redirect that is set gets its certificates with the next run', async () => {
  await platform.db
    .updateTable('domains')
    .set({ redirect_url: 'https://shop.example', updated_at: platform.clock.now() })
    .where('name', '=', 'customer.example')
    .execute()
  await reconcileCertificates(platform)
  for (const name of ['customer.example', 'www.customer.example']) {
    const reply = await ask(name, '/x')
    assert.deepEqual(
      [reply.headers.location, reply.certificateNames],
      ['https://shop.example/x', `DNS:${name}`],
    )
  }
})

test('a renewal is shown on port 443 without a restart', async () => {
  const names = [host, 'mta-sts.customer.example']
  const before = await Promise.all(names.map(serialOf))
  await platform.db.updateTable('certificates').set({ next_attempt_at: platform.clock.now() }).execute()
  await reconcileCertificates(platform)
  for (const [index, name] of names.entries()) assert.notEqual(await serialOf(name), before[index], name)
})

test('a domain that sends no browsers on any more has its own certificate renewed no longer', async () => {
  await platform.db
    .updateTable('domains')
    .set({ redirect_url: null, updated_at: platform.clock.now() })
    .where('name', '=', 'customer.example')
    .execute()
  const names = ['customer.example', 'www.customer.example', 'mta-sts.customer.example']
  const before = await Promise.all(names.map(serialOf))
  await platform.db.updateTable('certificates').set({ next_attempt_at: platform.clock.now() }).execute()
  await reconcileCertificates(platform)
  const after = await Promise.all(names.map(serialOf))
  assert.deepEqual(
    names.filter((_, index) => before[index] !== after[index]),
    ['mta-sts.customer.example'],
  )
})

type Serving = { node: Platform; test: TestPlatform; server: string }

/** A platform that listens on no port 80 and is the name server of its zones, which it and an authority of its own ask. */
async function startServing(more: AsyncDisposableStack): Promise<Serving> {
  const [port = 0] = await freePorts(1)
  const resolver = `127.0.0.1:${port}`
  const asking = await startPebble(more, { resolver, httpPort: 1, validityDays: 90 })
  const test = more.use(
    await startTestPlatform({
      MAILWRIGHT_HOSTNAME: 'mx.own.example',
      MAILWRIGHT_DNS_ZONE: 'own.example',
      MAILWRIGHT_PUBLIC_ADDRESSES: '127.0.0.1',
      MAILWRIGHT_RESOLVER: resolver,
      MAILWRIGHT_ACME_DIRECTORY_URL: asking.directoryUrl,
      MAILWRIGHT_ACME_CA_FILE: asking.caFile,
      MAILWRIGHT_LOG_LEVEL: 'silent',
    }),
  )
  const { server } = more.use(await startNameServerOn(test.platform, { port }))
  return { node: test.platform, test, server }
}

async function challengesOf(node: Platform): Promise<unknown[]> {
  return await node.db.selectFrom('acme_dns_challenges').selectAll().execute()
}

test('without a port 80, names in zones of ours are proved by DNS-01, the platform’s own too', async () => {
  await using more = new AsyncDisposableStack()
  const { node, test: serving, server } = await startServing(more)
  const served = await serveDomain(node, serving.scope, 'served.example', [
    { name: 'mail.served.example', type: 'A', value: '127.0.0.1' },
  ])
  await askUntil('NOERROR', 'mail.served.example', 'A', { server })
  const { zone_serial: before } = await rowOf(node, served.id)
  await reconcileCertificates(node)
  // The names of the zone's plan lead here by themselves.
  assert.deepEqual(await states(node), [
    'autoconfig.served.example issued',
    'autodiscover.served.example issued',
    'mail.served.example issued',
    'mx.own.example issued',
  ])
  // Nothing of it is left, and secondaries were told twice.
  assert.deepEqual(await challengesOf(node), [])
  assert.ok((await rowOf(node, served.id)).zone_serial >= before + 2)
  for (const name of ['mail.served.example', 'mx.own.example']) {
    assert.deepEqual(await node.dns.lookup(`_acme-challenge.${name}`, 'TXT', { fresh: true }), [], name)
  }
})

async function rowOf(node: Platform, id: string): Promise<Domain> {
  return await node.db.selectFrom('domains').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

test('a renewal goes by DNS-01 when the name is not seen to lead here; elsewhere it fails', async () => {
  await using more = new AsyncDisposableStack()
  const { node, test: serving, server } = await startServing(more)
  const away = await serveDomain(node, serving.scope, 'away.example', [
    { name: 'mail.away.example', type: 'A', value: '127.0.0.9' },
  ])
  await askUntil('NOERROR', 'mail.away.example', 'A', { server })
  const foreign = await serving.connectActiveDomain('foreign.example')
  await enterHostNames(node)
  assert.deepEqual(await states(node), [
    'autoconfig.away.example pending',
    'autodiscover.away.example pending',
    'mx.own.example pending',
  ])
  const now = node.clock.now()
  for (const [hostName, domainId] of [
    ['mail.away.example', away.id],
    ['mail.foreign.example', foreign.id],
  ] as const) {
    await node.db
      .insertInto('certificates')
      .values({
        id: newId(),
        host_name: hostName,
        domain_id: domainId,
        state: 'pending',
        attempts: 0,
        next_attempt_at: now,
        created_at: now,
        updated_at: now,
      })
      .execute()
  }
  // What a node left that was killed in the middle of an order.
  const old = { name: '_acme-challenge.mx.own.example', value: 'old', domain_id: null, expires_at: now }
  await node.db.insertInto('acme_dns_challenges').values(old).execute()
  await reconcileCertificates(node)
  assert.deepEqual(await states(node), [
    'autoconfig.away.example issued',
    'autodiscover.away.example issued',
    'mail.away.example issued',
    'mail.foreign.example failed the name does not lead to this platform',
    'mx.own.example issued',
  ])
  assert.deepEqual(await challengesOf(node), [])
})

test('challenges are in the zones of every node, and a zone that changes meanwhile keeps them', async () => {
  await using more = new AsyncDisposableStack()
  const { node, test: serving } = await startServing(more)
  const served = await serveDomain(node, serving.scope, 'served.example')
  const second = await openSecondNode(more, serving, { MAILWRIGHT_DNS_ZONE: 'own.example' })
  const { store } = more.use(await startNameServerOn(second))
  const values = (name: string, apex: string): readonly string[] =>
    store.content(apex)?.rrsets.find((set) => set.name === `_acme-challenge.${name}`)?.values ?? []
  const names = [
    { hostName: 'mail.served.example', domainId: served.id, apex: 'served.example' },
    { hostName: 'mx.own.example', domainId: null, apex: 'own.example' },
  ]
  for (const { hostName, domainId, apex } of names) {
    const serial = store.content(apex)?.serial ?? 0
    await publishDnsChallenge(node, { hostName, domainId }, 'first')
    await publishDnsChallenge(node, { hostName, domainId }, 'second')
    await addRecords(node, served, [{ name: 'x.served.example', type: 'TXT', value: hostName }])
    const isNewer = (): boolean => (store.content(apex)?.serial ?? 0) > serial
    await until(() => isNewer() && values(hostName, apex).length === 2)
    assert.deepEqual(values(hostName, apex), ['first', 'second'])
    for (const value of ['first', 'second']) await withdrawDnsChallenge(node, { hostName, domainId }, value)
    await until(() => values(hostName, apex).length === 0)
  }
})

/** What another node hears comes by the database, and is looked for until it is there. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!isSo()) {
    assert.ok(performance.now() < deadline, 'it did not come about')
    await sleep(20)
  }
}
