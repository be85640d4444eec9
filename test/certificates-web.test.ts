/** Certificates for the web names of domains: by HTTP-01 over port 80, by DNS-01 through our zones, shown on port 443. */
import assert from 'node:assert/strict'
import { after, test as nodeTest } from 'node:test'
import type { Scope } from '../src/accounts/principals.ts'
import { challengeRecords, platformChallengeRecords } from '../src/domains/certificates/dns-challenges.ts'
import { enterHostNames } from '../src/domains/certificates/host-names.ts'
import { reconcileCertificates } from '../src/domains/certificates/reconcile.ts'
import { connectDomain } from '../src/domains/domains.ts'
import { transaction } from '../src/platform/database.ts'
import type { Platform } from '../src/platform/platform.ts'
import { startServer } from '../src/server.ts'
import { freePorts, type Pebble, startPebble } from '../src/testing/pebble.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { startTestDns, type TestDns } from '../src/testing/test-dns.ts'
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
    ...authority(),
    MAILWRIGHT_HTTP_CHALLENGE_PORT: String(challengePort),
    MAILWRIGHT_HTTPS_PORT: '0',
    MAILWRIGHT_PUBLIC_URL: `https://${host}`,
  })
  platform = stack.use(await startServer(config)).platform
}

function authority(): Record<string, string> {
  return {
    MAILWRIGHT_ACME_DIRECTORY_URL: pebble.directoryUrl,
    MAILWRIGHT_ACME_CA_FILE: pebble.caFile,
  }
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

/** A platform that listens on no port 80, and serves a zone of its own; the test's name server has its challenges. */
async function startServing(more: AsyncDisposableStack): Promise<TestPlatform> {
  const test = more.use(
    await startTestPlatform({
      MAILWRIGHT_HOSTNAME: 'mx.own.example',
      MAILWRIGHT_DNS_ZONE: 'own.example',
      MAILWRIGHT_RESOLVER: dns.resolver,
      ...authority(),
    }),
  )
  const node = test.platform
  const publish = async (): Promise<void> => {
    const domains = await node.db.selectFrom('domains').select('id').execute()
    const ids = domains.map(({ id }) => id)
    const sets = [
      ...(await platformChallengeRecords(node.db)),
      ...[...(await challengeRecords(node.db, ids)).values()].flat(),
    ]
    for (const name of Object.keys(dns.zone)) if (name.startsWith('_acme-challenge.')) delete dns.zone[name]
    for (const { name, values } of sets) dns.zone[name] = { TXT: [...values] }
  }
  let publishing = Promise.resolve()
  const stop = node.bus.subscribe(({ type }) => {
    if (type === 'domain.zone_changed' || type === 'certificate.challenge_changed') {
      publishing = publishing.then(publish)
    }
  })
  more.defer(async () => {
    stop()
    await publishing
  })
  return test
}

test('without a port 80, names in zones of ours are proved by DNS-01, the platform’s own too', async () => {
  await using more = new AsyncDisposableStack()
  const serving = await startServing(more)
  const node = serving.platform
  Object.assign(dns.zone, { 'mx.own.example': here, 'mail.served.example': here })
  const served = await serving.connectActiveDomain('served.example')
  await node.db.updateTable('domains').set({ dns_mode: 'served' }).where('id', '=', served.id).execute()
  dns.questions.length = 0
  await reconcileCertificates(node)
  assert.deepEqual(await states(node), ['mail.served.example issued', 'mx.own.example issued'])
  for (const name of ['mail.served.example', 'mx.own.example']) {
    assert.ok(dns.questions.includes(`TXT _acme-challenge.${name}`), name)
  }
  // Nothing of it is left, and secondaries were told twice.
  assert.deepEqual(await node.db.selectFrom('acme_dns_challenges').selectAll().execute(), [])
  const { zone_serial: serial } = await node.db
    .selectFrom('domains')
    .select('zone_serial')
    .where('id', '=', served.id)
    .executeTakeFirstOrThrow()
  assert.ok(serial >= served.zone_serial + 2)
})

test('a renewal goes by DNS-01 when the name is not seen to lead here; elsewhere it fails', async () => {
  await using more = new AsyncDisposableStack()
  const serving = await startServing(more)
  const node = serving.platform
  Object.assign(dns.zone, { 'mail.away.example': here, 'mail.foreign.example': here, 'mx.own.example': here })
  for (const name of ['away.example', 'foreign.example']) {
    const { id } = await serving.connectActiveDomain(name)
    if (name.startsWith('away')) {
      await node.db.updateTable('domains').set({ dns_mode: 'served' }).where('id', '=', id).execute()
    }
  }
  await node.db.insertInto('acme_dns_challenges').values(expired(node)).execute()
  await enterHostNames(node)
  dns.zone['mail.away.example'] = { A: ['127.0.0.9'] }
  dns.zone['mail.foreign.example'] = { A: ['127.0.0.9'] }
  node.dns.clear()
  await reconcileCertificates(node)
  assert.deepEqual(await states(node), [
    'mail.away.example issued',
    'mail.foreign.example failed the name does not lead to this platform',
    'mx.own.example issued',
  ])
  assert.deepEqual(await node.db.selectFrom('acme_dns_challenges').selectAll().execute(), [])
})

/** What a node left that was killed in the middle of an order. */
function expired(node: Platform) {
  const expiresAt = new Date(node.clock.now().getTime() - 1000)
  return { name: '_acme-challenge.mx.own.example', value: 'old', domain_id: null, expires_at: expiresAt }
}
