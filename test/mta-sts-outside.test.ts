/**
 * MTA-STS between two installations: one publishes a policy on port 443 with a certificate of an authority, the other
 * fetches it over HTTPS and sends by it. Everything but the authority and the name server is the program's own.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { rootCertificates, setDefaultCACertificates } from 'node:tls'
import { stsPolicyOf } from '../src/delivery/outbound/mta-sts.ts'
import { startOutbound } from '../src/delivery/outbound/sender.ts'
import { reconcileCertificates } from '../src/domains/certificates/reconcile.ts'
import { mtaStsPolicy } from '../src/domains/mta-sts.ts'
import { startServer } from '../src/server.ts'
import { freePorts } from '../src/testing/free-ports.ts'
import { startPebble } from '../src/testing/pebble.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { startTestDns } from '../src/testing/test-dns.ts'
import { startTestPlatform, testApiKey, testConfig } from '../src/testing/test-platform.ts'
import { enqueue, untilTried } from '../src/testing/test-queue.ts'

// A policy is fetched from port 443 and no other, so that the test needs one: on an address that nobody else uses.
const address = '127.83.84.83'
const httpsPort = 443
const host = 'mx.receiver.example'
const domain = 'customer.example'

const stack = new AsyncDisposableStack()
after(async () => {
  setDefaultCACertificates([...rootCertificates])
  await stack.disposeAsync()
})

let canBind = false
before(async () => {
  const probe = createServer().listen(httpsPort, address)
  canBind = await Promise.race([
    once(probe, 'listening').then(() => true),
    once(probe, 'error').then(() => false),
  ])
  probe.close()
})

test('our own sender fetches the policy of a domain that is served here, and sends by it', async (t) => {
  if (!requireProgram(t, 'pebble')) return
  if (!canBind) return t.skip('port 443 may not be bound')
  const dns = stack.use(
    await startTestDns({
      [host]: { A: [address] },
      [domain]: { MX: [[10, host]] },
      [`mta-sts.${domain}`]: { A: [address] },
    }),
  )
  const [httpPort = 0] = await freePorts(1)
  const pebble = await startPebble(stack, { resolver: dns.resolver, httpPort, validityDays: 90 })
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await migratedDatabase(stack),
    MAILWRIGHT_ROLES: 'http,smtp',
    MAILWRIGHT_HOST: address,
    MAILWRIGHT_HOSTNAME: host,
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_ACME_DIRECTORY_URL: pebble.directoryUrl,
    MAILWRIGHT_ACME_CA_FILE: pebble.caFile,
    MAILWRIGHT_HTTP_CHALLENGE_PORT: String(httpPort),
    MAILWRIGHT_HTTPS_PORT: String(httpsPort),
  })
  const receiver = stack.use(await startServer(config))
  const api = async (path: string, body: unknown): Promise<void> => {
    const headers = { authorization: `Bearer ${testApiKey}`, 'content-type': 'application/json' }
    const url = `${receiver.endpoints.http}${path}`
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.equal(response.status, 201, await response.text())
  }
  await api('/v1/domains', { name: domain })
  const row = await receiver.platform.db
    .updateTable('domains')
    .set({ state: 'active', mta_sts_mode: 'enforce' })
    .where('name', '=', domain)
    .returningAll()
    .executeTakeFirstOrThrow()
  await api('/v1/mailboxes', { address: `ann@${domain}` })
  await reconcileCertificates(receiver.platform)
  dns.zone[`_mta-sts.${domain}`] = { TXT: [`v=STSv1; id=${mtaStsPolicy(config, row)?.id};`] }

  const sender = stack.use(
    await startTestPlatform({
      MAILWRIGHT_RESOLVER: dns.resolver,
      MAILWRIGHT_OUTBOUND_PORT: String(receiver.platform.ports.smtp),
      MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    }),
  )
  assert.equal((await stsPolicyOf(sender.platform, domain)).mode, 'none') // the authority is not trusted yet
  await sender.platform.db.deleteFrom('mta_sts_policies').execute()
  setDefaultCACertificates([...rootCertificates, pebble.root])
  const another = stack.use(
    await startTestPlatform({
      MAILWRIGHT_RESOLVER: dns.resolver,
      MAILWRIGHT_OUTBOUND_PORT: String(receiver.platform.ports.smtp),
      MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    }),
  )
  const policy = await stsPolicyOf(another.platform, domain)
  assert.ok(policy.mode === 'enforce' && policy.allows(host) && !policy.allows(`other.${host}`))

  const outbound = await startOutbound(another.platform, { drainMs: 500, ca: pebble.root })
  try {
    const { owner } = await another.createSender()
    const id = await enqueue(another.platform, owner, [`ann@${domain}`])
    const [recipient] = (await untilTried(another.platform, id)).recipients
    assert.match(`${recipient?.state} ${recipient?.last_reply}`, /^delivered 250 /)
    assert.equal(recipient?.timeline.at(-1)?.detail?.policy, 'mta-sts')
  } finally {
    await outbound.stop()
  }
})
