/** Ways out: TLS as policies ask for it (MTA-STS, DANE, REQUIRETLS), relays, and two nodes on one queue. */
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { createSelfSignedCertificate } from '../../platform/self-signed-certificate.ts'
import { type RemoteSmtp, startRemoteSmtp, usualExtensions } from '../../testing/remote-smtp.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { openSecondNode } from '../../testing/test-node.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { enqueue, untilOutbound, untilTried } from '../../testing/test-queue.ts'
import {
  cancelOutbound,
  getOutbound,
  holdOutbound,
  listOutbound,
  outboundIds,
  releaseOutbound,
  retryOutbound,
} from './control.ts'
import { expireOutbound } from './expire.ts'
import { createRelay, type RelaySettings } from './relay-admin.ts'
import { type Outbound, type OutboundOptions, startOutbound } from './sender.ts'

let remote: RemoteSmtp
let relay: RemoteSmtp
let dns: TestDns
let node: TestPlatform
let ann: TestMailbox
let tls: { key: string; cert: string }
const running: Outbound[] = []

before(async () => {
  const { keyPem, certPem } = await createSelfSignedCertificate({ hostname: 'mx.remote.example', days: 5 })
  tls = { key: keyPem, cert: certPem }
  remote = await startRemoteSmtp()
  relay = await startRemoteSmtp()
  dns = await startTestDns({
    'mx.remote.example': { A: ['127.0.0.1'] },
    'other.remote.example': { A: ['127.0.0.1'] },
    'relay.example': { A: ['127.0.0.1'] },
  })
  node = await startTestPlatform({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_OUTBOUND_PORT: String(remote.port),
    MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    MAILWRIGHT_DANE: 'on',
  })
  ann = await node.createMailbox()
})
after(async () => {
  await node[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
  await relay[Symbol.asyncDispose]()
})
beforeEach(() => {
  for (const one of [remote, relay]) {
    one.behaviour = {}
    one.received.length = 0
    one.lines.length = 0
  }
  dns.authenticated = false
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()))
  await node.platform.db.deleteFrom('relays').execute()
  // What a test left waiting is not the next one's.
  await node.platform.db
    .updateTable('outbound_recipients')
    .set({ state: 'held' })
    .where('state', '=', 'queued')
    .execute()
})

async function start(options: OutboundOptions = {}): Promise<void> {
  running.push(await startOutbound(node.platform, { drainMs: 500, ...options }))
}

let domains = 0
function newDomain(mx = 'mx.remote.example'): string {
  const name = `r${++domains}.example`
  dns.zone[name] = { MX: [[10, mx]] }
  return name
}

async function sendTo(domain: string, more: Parameters<typeof enqueue>[3] = {}) {
  const id = await enqueue(node.platform, ann.owner, [`bob@${domain}`], more)
  const [recipient] = (await untilTried(node.platform, id)).recipients
  assert.ok(recipient)
  return { ...recipient, detail: recipient.timeline.at(-1)?.detail ?? {} }
}

test('opportunistic TLS takes any certificate', async () => {
  remote.behaviour = { tls }
  await start()
  const { state, detail } = await sendTo(newDomain('other.remote.example'))
  assert.equal(state, 'delivered')
  assert.equal(detail.policy, 'opportunistic')
  assert.match(detail.tls?.version ?? '', /^TLSv1/)
  assert.equal(remote.received[0]?.tls, true)
})

/** A policy that was fetched before; its id is that of the TXT record. */
async function publishPolicy(domain: string, mx: string): Promise<void> {
  dns.zone[`_mta-sts.${domain}`] = { TXT: ['v=STSv1; id=1;'] }
  const expires = new Date(Date.now() + 86_400_000)
  const policy = {
    id: '1',
    version: 'STSv1',
    mode: 'enforce',
    mx: [mx],
    maxAge: 86_400,
    expires: expires.toISOString(),
  }
  await node.platform.db
    .insertInto('mta_sts_policies')
    .values({ domain, policy: JSON.stringify(policy), expires_at: expires })
    .execute()
}

const mtaStsRows: [
  name: string,
  rows: { mx: string; policy: string; offersTls: boolean; trusts: boolean },
  want: RegExp,
][] = [
  [
    'a valid certificate of the right host',
    { mx: 'mx.remote.example', policy: 'mx.remote.example', offersTls: true, trusts: true },
    /^delivered 250 /,
  ],
  [
    'a certificate of nobody known',
    { mx: 'mx.remote.example', policy: '*.remote.example', offersTls: true, trusts: false },
    /^queued 4\.7\.5 TLS failed/,
  ],
  [
    'a certificate of another host',
    { mx: 'other.remote.example', policy: '*.remote.example', offersTls: true, trusts: true },
    /^queued 4\.7\.5 TLS failed/,
  ],
  [
    'no TLS',
    { mx: 'mx.remote.example', policy: 'mx.remote.example', offersTls: false, trusts: true },
    /^queued 4\.7\.4 /,
  ],
  [
    'a host that the policy does not name',
    { mx: 'other.remote.example', policy: 'mx.remote.example', offersTls: true, trusts: true },
    /^queued 4\.7\.5 the MTA-STS policy/,
  ],
]
for (const [name, { mx, policy, offersTls, trusts }, want] of mtaStsRows) {
  test(`MTA-STS enforced: ${name}`, async () => {
    const domain = newDomain(mx)
    await publishPolicy(domain, policy)
    remote.behaviour = offersTls ? { tls } : {}
    await start(trusts ? { ca: tls.cert } : {})
    const { state, last_reply, detail } = await sendTo(domain)
    assert.match(`${state} ${last_reply}`, want)
    if (state === 'delivered') assert.equal(detail.policy, 'mta-sts')
  })
}

function publishTlsa(certificate: Buffer): void {
  const fingerprint = createHash('sha256').update(certificate).digest()
  dns.zone[`_${remote.port}._tcp.mx.remote.example`] = {
    TLSA: [{ usage: 3, selector: 0, matchingType: 1, certificate: fingerprint }],
  }
}

const daneRows: [
  name: string,
  row: { matches: boolean; authentic: boolean; offersTls: boolean },
  want: RegExp,
][] = [
  [
    'the certificate is the one published',
    { matches: true, authentic: true, offersTls: true },
    /^delivered dane 250/,
  ],
  [
    'another certificate',
    { matches: false, authentic: true, offersTls: true },
    /^queued undefined 4\.7\.5 TLS failed: DANE/,
  ],
  ['no TLS', { matches: true, authentic: true, offersTls: false }, /^queued undefined 4\.7\.4/],
  [
    'answers that are not authentic count for nothing',
    { matches: false, authentic: false, offersTls: true },
    /^delivered opportunistic 250/,
  ],
]
for (const [name, { matches, authentic, offersTls }, want] of daneRows) {
  test(`DANE: ${name}`, async () => {
    publishTlsa(matches ? new X509Certificate(tls.cert).raw : Buffer.from('another'))
    dns.authenticated = authentic
    remote.behaviour = offersTls ? { tls } : {}
    await start()
    const { state, last_reply, detail } = await sendTo(newDomain())
    assert.match(`${state} ${detail.policy} ${last_reply}`, want)
  })
}

test('REQUIRETLS: only to a server that is who it should be and knows it', async () => {
  publishTlsa(new X509Certificate(tls.cert).raw)
  dns.authenticated = true
  remote.behaviour = { tls, extensions: [...usualExtensions, 'REQUIRETLS'] }
  await start()
  assert.equal((await sendTo(newDomain(), { requireTls: true })).state, 'delivered')
  assert.match(remote.received[0]?.mail ?? '', / REQUIRETLS$/)
  dns.authenticated = false
  const open = await sendTo(newDomain(), { requireTls: true })
  assert.match(`${open.state} ${open.last_reply}`, /^bounced 5\.7\.30 /)
})

async function addRelay(more: Partial<RelaySettings> = {}): Promise<string> {
  const settings: RelaySettings = {
    domain: null,
    recipientDomain: null,
    host: 'relay.example',
    port: relay.port,
    security: 'none',
    username: null,
    password: null,
    priority: 10,
    ...more,
  }
  return (await transaction(node.platform.db, (tx) => createRelay(node.platform, tx, node.scope, settings)))
    .id
}

test('a relay takes the place of MX, with its login', async () => {
  const id = await addRelay({ username: 'ann', password: 'secret' })
  relay.behaviour = { extensions: [...usualExtensions, 'AUTH PLAIN LOGIN'] }
  await start()
  const { state, detail } = await sendTo('nobody-asks-dns.example')
  assert.deepEqual([state, detail.policy, detail.relay_id], ['delivered', 'relay', id])
  assert.ok(relay.lines.includes(`AUTH PLAIN ${Buffer.from('\0ann\0secret').toString('base64')}`))
})

test('the most particular relay holds, and the next one when it fails', async () => {
  const special = newDomain()
  await addRelay({ port: 1 }) // nobody listens there
  await addRelay({ recipientDomain: special, port: 1, priority: 1 })
  const second = await addRelay({ recipientDomain: special, priority: 2 })
  await start()
  assert.equal((await sendTo(special)).detail.relay_id, second)
  assert.match((await sendTo(newDomain())).last_reply ?? '', /^4\.4\.1 /)
})

test('a relay that refuses the login delays the mail and says so', async () => {
  await addRelay({ username: 'ann', password: 'wrong' })
  relay.behaviour = {
    extensions: ['AUTH LOGIN'],
    reply: (line) => (line === 'AUTH LOGIN' ? '535 5.7.8 Who are you?' : undefined),
  }
  await start()
  const { state, last_reply } = await sendTo(newDomain())
  assert.deepEqual([state, last_reply], ['queued', '535 5.7.8 Who are you?'])
})

test('another workspace’s relay is not used', async () => {
  await addRelay()
  await start()
  const other = { ...ann.owner, workspaceId: '00000000-0000-7000-8000-000000000001' }
  const id = await enqueue(node.platform, other, [`bob@${newDomain()}`])
  await untilTried(node.platform, id)
  assert.deepEqual([remote.received.length, relay.received.length], [1, 0])
})

test('a rule bounds recipients of a transaction, messages of a connection and of a minute', async () => {
  const domain = newDomain()
  const rule = {
    recipients_per_message_max: 2,
    messages_per_connection_max: 1,
    messages_per_minute_max: 3,
    connections_max: 1,
  }
  await node.platform.db
    .insertInto('destination_rules')
    .values({ domain, ...rule, updated_at: new Date() })
    .execute()
  await start()
  const first = await enqueue(
    node.platform,
    ann.owner,
    [1, 2, 3].map((n) => `u${n}@${domain}`),
  )
  await untilTried(node.platform, first)
  assert.deepEqual(
    remote.received.map(({ rcpt }) => rcpt.length),
    [2, 1],
  )
  assert.notEqual(remote.received[0]?.connection, remote.received[1]?.connection)
  const more = await Promise.all([1, 2].map((n) => enqueue(node.platform, ann.owner, [`v${n}@${domain}`])))
  await Promise.race(more.map((id) => untilTried(node.platform, id)))
  assert.equal(remote.received.length, 3)
  node.platform.clock.advance?.('PT61S')
  await Promise.all(more.map((id) => untilTried(node.platform, id)))
  assert.equal(remote.received.length, 4)
})

test('two nodes share a queue and send nothing twice', async () => {
  await using stack = new AsyncDisposableStack()
  const second = await openSecondNode(stack, node, {
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_OUTBOUND_PORT: String(remote.port),
    MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
  })
  const names = Array.from({ length: 10 }, () => newDomain())
  const ids = await Promise.all(
    Array.from({ length: 200 }, (_, n) => enqueue(node.platform, ann.owner, [`u${n}@${names[n % 10]}`])),
  )
  await start()
  running.push(await startOutbound(second))
  assert.equal(ids.length, 200)
  await remote.receivedAtLeast(200)
  await Promise.all(running.splice(0).map((one) => one.stop())) // whatever is twice is there by now
  const left = await outboundIds(node.platform.db, null, { state: 'queued' }, 1)
  assert.deepEqual(left, [])
  const seen = remote.received.flatMap(({ rcpt }) => rcpt)
  assert.equal(seen.length, 200)
  assert.equal(new Set(seen).size, 200)
})

test('what a silent node was sending is queued again and sent', async () => {
  const gone = '00000000-0000-7000-8000-00000000dead'
  const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain()}`])
  const { db } = node.platform
  await db
    .updateTable('outbound_recipients')
    .set({ state: 'sending', node_id: gone })
    .where('outbound_message_id', '=', id)
    .execute()
  await db
    .insertInto('delivery_nodes')
    .values({ node_id: gone, seen_at: new Date(Date.now() - 60_000) })
    .execute()
  await start()
  const { recipients } = await untilTried(node.platform, id)
  assert.equal(recipients[0]?.state, 'delivered')
})

test('held, released, tried at once, taken back: each with its step', async () => {
  const { platform, scope } = node
  const domain = newDomain()
  const id = await enqueue(platform, ann.owner, [`a@${domain}`, `b@${domain}`])
  const ids = await outboundIds(platform.db, scope, { domain, state: 'queued' }, 10)
  assert.equal(ids.length, 2)
  const [a = '', b = ''] = ids
  const does = (act: typeof holdOutbound, which: string[], reason?: string) =>
    transaction(platform.db, (tx) => act(platform, tx, scope, which, scope.actor, reason))
  assert.equal(await does(holdOutbound, ids, 'looks odd'), 2)
  assert.equal(await does(retryOutbound, ids), 0) // held ones are released first
  assert.equal(await does(cancelOutbound, [b]), 1)
  assert.equal(await does(releaseOutbound, ids), 1)
  const foreign = { ...scope, workspaceId: '00000000-0000-7000-8000-000000000002' }
  assert.equal(await transaction(platform.db, (tx) => cancelOutbound(platform, tx, foreign, ids, 'x')), 0)
  assert.equal(await getOutbound(platform, foreign, id), null)
  assert.deepEqual((await listOutbound(platform, foreign, {}, { limit: 10, after: null })).rows, [])
  await start()
  const { recipients } = await untilOutbound(platform, id, (one) => one.recipients[0]?.state === 'delivered')
  assert.deepEqual(
    recipients.map((one) => one.timeline.map(({ step }) => step)),
    [
      ['held', 'released', 'delivered'],
      ['held', 'cancelled'],
    ],
  )
  assert.equal(recipients[0]?.timeline[0]?.detail.reason, 'looks odd')
  assert.equal((await getOutbound(platform, scope, a))?.message.id, id)
  const holds = await platform.db.selectFrom('body_holds').selectAll().where('holder_id', '=', id).execute()
  assert.deepEqual(holds, [])
})

test('what is done with goes after thirty days, with its message', async () => {
  await start()
  const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain()}`])
  await untilTried(node.platform, id)
  node.platform.clock.advance?.('P31D')
  while ((await expireOutbound(node.platform)) > 0);
  assert.equal(await getOutbound(node.platform, null, id), null)
  const left = await node.platform.db
    .selectFrom('outbound_messages')
    .select('id')
    .where('id', '=', id)
    .execute()
  assert.deepEqual(left, [])
})
