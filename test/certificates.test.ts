/** Certificates from an ACME authority: ordered, served by name on every TLS listener, renewed, and what goes wrong. */
import assert from 'node:assert/strict'
import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { after, test as nodeTest } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { reconcileCertificates } from '../src/domains/certificates/reconcile.ts'
import { startCertificates } from '../src/domains/certificates/serve.ts'
import { resealPrivateKeys } from '../src/domains/reseal.ts'
import type { Platform } from '../src/platform/platform.ts'
import { createVault, newMasterKey } from '../src/platform/vault.ts'
import { type Server, startServer } from '../src/server.ts'
import { freePorts } from '../src/testing/free-ports.ts'
import { type Pebble, startPebble } from '../src/testing/pebble.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { freshDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { startTestDns, type TestDns } from '../src/testing/test-dns.ts'
import { masterKeyOf, openSecondNode } from '../src/testing/test-node.ts'
import { testConfig } from '../src/testing/test-platform.ts'

const host = 'mx.platform.example'
const mailHost = 'mail.customer.example'
const here = { A: ['127.0.0.1'] }

let dns: TestDns
let pebble: Pebble
let server: Server
let platform: Platform
const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())

async function start(): Promise<void> {
  dns = stack.use(
    await startTestDns({
      [host]: here,
      [mailHost]: here,
      'mta-sts.customer.example': { A: ['127.0.0.2'] },
      'autoconfig.customer.example': { CNAME: [host] },
      'mail.down.example': here,
      'blocked.example': {},
      'mail.blocked.example': here,
    }),
  )
  const [challengePort = 0] = await freePorts(1)
  pebble = await startPebble(stack, {
    resolver: dns.resolver,
    httpPort: challengePort,
    validityDays: 90,
    blocked: ['blocked.example'],
  })
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    DATABASE_URL: await freshDatabase(stack),
    MAILWRIGHT_LOG_LEVEL: 'silent', // failures are what is tested
    MAILWRIGHT_ROLES: 'http,smtp,imap,pop3',
    MAILWRIGHT_HOSTNAME: host,
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_ACME_DIRECTORY_URL: pebble.directoryUrl,
    MAILWRIGHT_ACME_EMAIL: 'operator@platform.example',
    MAILWRIGHT_ACME_CA_FILE: pebble.caFile,
    MAILWRIGHT_HTTP_CHALLENGE_PORT: String(challengePort),
    MAILWRIGHT_PUBLIC_URL: 'https://mail.platform.example/app',
  })
  server = stack.use(await startServer(config))
  platform = server.platform
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

type Listener = 'submissions' | 'imaps' | 'pop3s' | 'smtp' | 'submission' | 'imap' | 'pop3'
const implicit: Listener[] = ['submissions', 'imaps', 'pop3s']
const upgrades: [Listener, command: string][] = [
  ['smtp', 'EHLO client.example\r\nSTARTTLS\r\n'],
  ['submission', 'EHLO client.example\r\nSTARTTLS\r\n'],
  ['imap', 'a STARTTLS\r\n'],
  ['pop3', 'STLS\r\n'],
]

/** The connection of a client that trusts the authority only, and asks for a name. */
async function secure(listener: Listener, name: string | null, trusting = true): Promise<TLSSocket> {
  const socket = connectTcp({ host: '127.0.0.1', port: platform.ports[listener] ?? 0 })
  await once(socket, 'connect')
  const upgrade = upgrades.find(([one]) => one === listener)
  if (upgrade) await startTls(socket, upgrade[1])
  const tls = connectTls({
    socket,
    ca: pebble.root,
    rejectUnauthorized: trusting,
    ...(name === null ? {} : { servername: name }),
  })
  await once(tls, 'secureConnect')
  return tls
}

async function startTls(socket: Socket, command: string): Promise<void> {
  let text = ''
  const ready = Promise.withResolvers<void>()
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString()
    if (
      /(?:^|\n)(?:220[ -].*STARTTLS|220 .*(?:TLS|ready)|220 2\.0\.0|a OK|\+OK.*TLS)/i.test(
        text.split('\n').slice(1).join('\n'),
      )
    )
      ready.resolve()
  })
  await once(socket, 'data')
  socket.write(command)
  await ready.promise
  socket.removeAllListeners('data')
}

async function shown(listener: Listener, name: string | null, trusting = true): Promise<X509Certificate> {
  const tls = await secure(listener, name, trusting)
  const certificate = tls.getPeerX509Certificate()
  tls.destroy()
  assert.ok(certificate)
  return certificate
}

async function rows() {
  return await platform.db.selectFrom('certificates').selectAll().orderBy('host_name').execute()
}

async function connectActive(name: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${platform.config.bootstrapApiKey}`,
    'content-type': 'application/json',
  }
  await fetch(`${server.endpoints.http}/v1/domains`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ name }),
  })
  await platform.db.updateTable('domains').set({ state: 'active' }).where('name', '=', name).execute()
}

test('before there is one, the generated certificate is shown', async () => {
  assert.equal((await shown('imaps', host, false)).issuer, `CN=${host}`)
  await assert.rejects(shown('imaps', host))
})

test('the platform’s name gets a certificate, and every listener shows it, without a name too', async () => {
  await reconcileCertificates(platform)
  const [row, ...more] = await rows()
  assert.deepEqual([row?.host_name, row?.state, row?.last_error, more.length], [host, 'issued', null, 0])
  for (const listener of [...implicit, ...upgrades.map(([one]) => one)]) {
    assert.ok((await shown(listener, host)).checkHost(host), listener)
    assert.ok((await shown(listener, null, false)).checkHost(host), `${listener} without a name`)
  }
})

test('of a domain those names get one that lead here, and are chosen by name', async () => {
  await connectActive('customer.example')
  await connectActive('sandbox.test')
  await reconcileCertificates(platform)
  assert.deepEqual(
    (await rows()).map(({ host_name: name, state }) => `${name} ${state}`),
    ['autoconfig.customer.example issued', `${mailHost} issued`, `${host} issued`],
  )
  for (const listener of [...implicit, ...upgrades.map(([one]) => one)]) {
    const certificate = await shown(listener, mailHost)
    assert.equal(certificate.checkHost(mailHost), mailHost, listener)
    assert.equal(certificate.checkHost(host), undefined, listener)
  }
  assert.ok((await shown('imaps', 'MAIL.Customer.Example')).checkHost(mailHost))
  for (const name of [
    'unknown.customer.example',
    'mta-sts.customer.example',
    'x',
    `${'a'.repeat(60)}.${mailHost}`,
  ]) {
    assert.ok((await shown('imaps', name, false)).checkHost(host), name)
  }
})

test('a renewal comes after two thirds of its life; new connections see it, old ones go on', async () => {
  const before = await shown('imaps', host)
  const [connection, submission] = [await secure('imaps', host), await secure('submission', host)]
  await reconcileCertificates(platform)
  assert.equal((await shown('imaps', host)).serialNumber, before.serialNumber)
  platform.clock.advance?.('P59D')
  await reconcileCertificates(platform)
  assert.equal((await shown('imaps', host)).serialNumber, before.serialNumber)
  platform.clock.advance?.('P2D')
  await reconcileCertificates(platform)
  for (const listener of ['imaps', 'submission'] as const) {
    assert.notEqual((await shown(listener, host)).serialNumber, before.serialNumber, listener)
  }
  connection.write('a NOOP\r\n')
  assert.match(await answer(connection, /a OK/), /a OK/)
  submission.write('NOOP\r\n')
  assert.match(await answer(submission, /250 /), /250 /)
  connection.destroy()
  submission.destroy()
})

async function answer(socket: TLSSocket, wanted: RegExp): Promise<string> {
  let text = ''
  while (!wanted.test(text)) {
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    text += bytes.toString()
  }
  return text
}

test('another node shows what this one ordered as soon as it hears of it', async () => {
  await using more = new AsyncDisposableStack()
  const second = await openSecondNode(more, { config: platform.config }, { MAILWRIGHT_HOSTNAME: host })
  const served = more.use(await startCertificates(second))
  const before = served.tls.certPem
  const changed = new Promise<void>((resolve) => served.tls.onDefaultChanged(() => resolve()))
  await platform.db
    .updateTable('certificates')
    .set({ next_attempt_at: platform.clock.now() })
    .where('host_name', '=', host)
    .execute()
  await reconcileCertificates(platform)
  await changed
  assert.notEqual(served.tls.certPem, before)
  assert.equal(served.tls.certPem, (await rows()).find((row) => row.host_name === host)?.chain_pem)
})

test('two that run at once order once', async () => {
  await platform.db.updateTable('certificates').set({ next_attempt_at: platform.clock.now() }).execute()
  const issued = async () =>
    await platform.db.selectFrom('events').select('id').where('type', '=', 'certificate.issued').execute()
  const before = (await issued()).length
  await Promise.all([reconcileCertificates(platform), reconcileCertificates(platform)])
  assert.equal((await issued()).length - before, 3)
})

test('what fails is told, tried again later and later, and keeps no other from its certificate', async () => {
  await connectActive('blocked.example')
  await connectActive('down.example')
  dns.zone['mta-sts.down.example'] = here
  await reconcileCertificates(platform)
  const blocked = (await rows()).find((row) => row.host_name === 'mail.blocked.example')
  assert.deepEqual([blocked?.state, blocked?.attempts], ['failed', 1])
  assert.match(blocked?.last_error ?? '', /blocked\.example|policy|blocklist/i)
  assert.equal((await rows()).find((row) => row.host_name === 'mail.down.example')?.state, 'issued')
  await reconcileCertificates(platform)
  assert.equal((await rows()).find(({ id }) => id === blocked?.id)?.attempts, 1)
  const waits: number[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const at = (await rows()).find(({ id }) => id === blocked?.id)?.next_attempt_at
    assert.ok(at)
    const seconds = Math.ceil((at.getTime() - platform.clock.now().getTime()) / 1000)
    waits.push(seconds)
    platform.clock.advance?.(`PT${seconds + 1}S`)
    await reconcileCertificates(platform)
  }
  assert.ok(
    waits.every((wait, index) => wait > (waits[index - 1] ?? 0) * 2),
    waits.join(),
  )
  const events = await platform.db
    .selectFrom('events')
    .select('data')
    .where('type', '=', 'certificate.failed')
    .execute()
  assert.equal(events.length, 4)
})

test('a renewal that fails leaves the certificate in use; a name that leads away is not asked for', async () => {
  const [row] = (await rows()).filter((one) => one.host_name === mailHost)
  assert.ok(row)
  dns.zone[mailHost] = { A: ['127.0.0.9'] }
  platform.dns.clear()
  await platform.db
    .updateTable('certificates')
    .set({ next_attempt_at: platform.clock.now() })
    .where('id', '=', row.id)
    .execute()
  await reconcileCertificates(platform)
  const after = (await rows()).find(({ id }) => id === row.id)
  assert.deepEqual([after?.state, after?.attempts, after?.chain_pem], ['issued', 1, row.chain_pem])
  assert.match(after?.last_error ?? '', /does not lead/)
})

test('the challenge listener answers tokens, sends everything else away, and nothing off the host', async () => {
  const base = `http://127.0.0.1:${platform.ports.http_challenge}`
  const get = (path: string, method = 'GET') => fetch(base + path, { method, redirect: 'manual' })
  const token = 'A'.repeat(43)
  await platform.db
    .insertInto('acme_challenges')
    .values({
      token,
      key_authorization: `${token}.thumbprint`,
      expires_at: new Date(platform.clock.now().getTime() + 60_000),
    })
    .execute()
  for (const at of [base, server.endpoints.http]) {
    const found = await fetch(`${at}/.well-known/acme-challenge/${token}`)
    assert.deepEqual([found.status, await found.text()], [200, `${token}.thumbprint`], String(at))
    const missing = await fetch(`${at}/.well-known/acme-challenge/${'B'.repeat(43)}`)
    assert.equal(missing.status, 404, String(at))
    assert.equal((await fetch(`${at}/.well-known/acme-challenge/x%27y`)).status, 404, String(at))
  }
  const sent = await get('/some/where?x=1')
  assert.deepEqual(
    [sent.status, sent.headers.get('location')],
    [308, 'https://mail.platform.example/some/where?x=1'],
  )
  assert.equal(
    (await get('//evil.example/')).headers.get('location'),
    'https://mail.platform.example//evil.example/',
  )
  assert.equal((await get('/', 'POST')).status, 405)
  platform.clock.advance?.('PT2M')
  assert.equal((await get(`/.well-known/acme-challenge/${token}`)).status, 404)
})

test('keys are sealed, and a rotation of the master key keeps them', async () => {
  const before = await rows()
  for (const row of before) assert.ok(!row.sealed_private_key?.includes('PRIVATE KEY'))
  const newKey = newMasterKey()
  const oldKey = await masterKeyOf({ config: platform.config })
  const rotating = { ...platform, vault: createVault(`${newKey}\n${oldKey}`) }
  const issued = before.filter((row) => row.sealed_private_key !== null).length
  assert.ok((await resealPrivateKeys(rotating)) >= issued + 1) // and the account’s
  assert.equal(await resealPrivateKeys(rotating), 0)
  const rotated = { ...platform, vault: createVault(newKey) }
  using served = await startCertificates(rotated)
  assert.equal(served.tls.certPem, before.find((row) => row.host_name === host)?.chain_pem)
  await platform.db
    .updateTable('certificates')
    .set({ next_attempt_at: platform.clock.now() })
    .where('host_name', '=', host)
    .execute()
  await reconcileCertificates(rotated)
  assert.equal((await rows()).find((row) => row.host_name === host)?.last_error, null)
  await resealPrivateKeys({ ...platform, vault: createVault(`${oldKey}\n${newKey}`) })
})

test('an authority that is down costs one attempt, and a deleted domain its certificates', async () => {
  await pebble.stop()
  const [row] = (await rows()).filter((one) => one.host_name === host)
  await platform.db.updateTable('certificates').set({ next_attempt_at: platform.clock.now() }).execute()
  await platform.db
    .updateTable('domains')
    .set({ state: 'deleted' })
    .where('name', '=', 'customer.example')
    .execute()
  await reconcileCertificates(platform)
  const left = await rows()
  assert.ok(!left.some(({ host_name: name }) => name.endsWith('customer.example')))
  const after = left.find(({ id }) => id === row?.id)
  assert.deepEqual([after?.state, after?.attempts], ['issued', 1])
  assert.match(after?.last_error ?? '', /^the authority does not answer$/)
})
