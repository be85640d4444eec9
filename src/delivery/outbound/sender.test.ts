/** The outbound engine against a server that takes mail, or fails as it is told. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import {
  type Behaviour,
  type RemoteSmtp,
  startRemoteSmtp,
  usualExtensions,
} from '../../testing/remote-smtp.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { enqueue, queuedText, untilOutbound, untilTried } from '../../testing/test-queue.ts'
import { type Outbound, type OutboundOptions, startOutbound } from './sender.ts'

let remote: RemoteSmtp
let dns: TestDns
let node: TestPlatform
let ann: TestMailbox
let outbound: Outbound | null = null

before(async () => {
  remote = await startRemoteSmtp()
  dns = await startTestDns({
    'mx.remote.example': { A: ['127.0.0.1'] },
    'mx2.remote.example': { A: ['127.0.0.2'] },
  })
  node = await startTestPlatform({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_OUTBOUND_PORT: String(remote.port),
    MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    MAILWRIGHT_OUTBOUND_CONNECT_TIMEOUT: '2s',
    MAILWRIGHT_HOSTNAME: 'mail.sender.example',
  })
  ann = await node.createMailbox()
})
after(async () => {
  await node[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
})
beforeEach(() => {
  remote.behaviour = {}
  remote.received.length = 0
  remote.lines.length = 0
})
afterEach(async () => {
  await outbound?.stop()
  outbound = null
})

async function start(options: OutboundOptions = {}): Promise<void> {
  outbound = await startOutbound(node.platform, { drainMs: 500, ...options })
}

let domains = 0
/** A domain that nothing is known of yet, at the remote server. */
function newDomain(mx: [number, string][] = [[10, 'mx.remote.example']]): string {
  const name = `d${++domains}.example`
  dns.zone[name] = { MX: mx }
  return name
}

test('a message is delivered, and every recipient knows how', async () => {
  const domain = newDomain()
  await start()
  const id = await enqueue(node.platform, ann.owner, [`bob@${domain}`, `eve@${domain}`])
  const { recipients } = await untilTried(node.platform, id)
  assert.deepEqual(
    recipients.map((one) => one.state),
    ['delivered', 'delivered'],
  )
  const [received, ...more] = remote.received
  assert.equal(more.length, 0) // one transaction for both
  assert.match(received?.mail ?? '', /^MAIL FROM:<sender@sender.example> SIZE=\d+ BODY=8BITMIME$/)
  assert.deepEqual(received?.rcpt, [`RCPT TO:<bob@${domain}>`, `RCPT TO:<eve@${domain}>`])
  assert.equal(received?.data, queuedText)
  assert.ok(remote.lines.includes('EHLO mail.sender.example'))
  const step = recipients[0]?.timeline.at(-1)
  assert.equal(step?.step, 'delivered')
  const { host, address, policy, reply } = step?.detail ?? {}
  assert.deepEqual(
    { host, address, policy, reply },
    {
      host: 'mx.remote.example',
      address: '127.0.0.1',
      policy: 'opportunistic',
      reply: '250 2.0.0 Queued as 1',
    },
  )
  assert.equal(typeof step?.detail.milliseconds, 'number')
  const held = await node.platform.db
    .selectFrom('body_holds')
    .selectAll()
    .where('holder_id', '=', id)
    .execute()
  assert.deepEqual(held, []) // the body is let go with the last recipient
  const events = await node.platform.db
    .selectFrom('events')
    .select('type')
    .where('mailbox_id', '=', ann.mailboxId)
    .where('type', '=', 'message.delivered')
    .execute()
  assert.equal(events.length, 2)
})

const faults: [name: string, behaviour: Behaviour, want: { state: string; reply: RegExp }][] = [
  [
    '5xx to RCPT',
    { reply: (line) => (line.startsWith('RCPT') ? '550 5.1.1 No such user' : undefined) },
    { state: 'bounced', reply: /^550 5\.1\.1 No such user$/ },
  ],
  [
    '4xx to RCPT',
    { reply: (line) => (line.startsWith('RCPT') ? '450 4.2.0 Greylisted' : undefined) },
    { state: 'queued', reply: /^450 4\.2\.0 Greylisted$/ },
  ],
  [
    '5xx to MAIL',
    { reply: (line) => (line.startsWith('MAIL') ? '553 5.1.8 Not you' : undefined) },
    { state: 'bounced', reply: /^553 5\.1\.8 Not you$/ },
  ],
  [
    '5xx to DATA',
    { reply: (line) => (line === 'DATA' ? '554 5.5.0 No' : undefined) },
    { state: 'bounced', reply: /^554 5\.5\.0 No$/ },
  ],
  [
    'a refusal of many lines after the dot',
    { reply: (line) => (line === '.' ? '554-5.7.1 Spam,\r\n554 5.7.1 we think' : undefined) },
    { state: 'bounced', reply: /^554 5\.7\.1 Spam, we think$/ },
  ],
  [
    '421 at the greeting',
    { greeting: '421 4.3.2 Closing' },
    { state: 'queued', reply: /^421 4\.3\.2 Closing$/ },
  ],
  [
    'a drop after DATA',
    { reply: (line) => (line === 'DATA' ? 'drop' : undefined) },
    { state: 'queued', reply: /closed the connection|connection failed/ },
  ],
  [
    'a drop after the dot',
    { reply: (line) => (line === '.' ? 'drop' : undefined) },
    { state: 'queued', reply: /closed the connection|connection failed/ },
  ],
  [
    'no EHLO',
    { reply: (line) => (line.startsWith('EHLO') ? '502 5.5.1 What?' : undefined) },
    { state: 'delivered', reply: /^250/ },
  ],
  ['no extensions at all', { extensions: [] }, { state: 'delivered', reply: /^250/ }],
  ['bytes that dribble in', { slowBytes: true }, { state: 'delivered', reply: /^250/ }],
  ['no SMTP', { greeting: 'HTTP/1.1 400 Bad Request' }, { state: 'queued', reply: /not SMTP/ }],
  ['TLS that is broken', { tls: 'broken' }, { state: 'delivered', reply: /^250/ }],
  [
    'a limit that the message is above',
    { extensions: ['SIZE 20'] },
    { state: 'bounced', reply: /^5\.3\.4 / },
  ],
]
for (const [name, behaviour, want] of faults) {
  test(`a server with ${name}`, async () => {
    remote.behaviour = behaviour
    await start()
    const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain()}`])
    const { recipients } = await untilTried(node.platform, id)
    assert.equal(recipients[0]?.state, want.state)
    assert.match(recipients[0]?.last_reply ?? recipients[0]?.timeline.at(-1)?.detail.reply ?? '', want.reply)
    const step = { delivered: 'delivered', bounced: 'bounced', queued: 'deferred' }[want.state]
    assert.equal(recipients[0]?.timeline.at(-1)?.step, step)
  })
}

test('each recipient has its own reply', async () => {
  const domain = newDomain()
  remote.behaviour = {
    reply: (line) =>
      line.includes('<no@') ? '550 5.1.1 Unknown' : line.includes('<later@') ? '452 4.2.2 Full' : undefined,
  }
  await start()
  const id = await enqueue(node.platform, ann.owner, [`yes@${domain}`, `no@${domain}`, `later@${domain}`])
  const { recipients } = await untilTried(node.platform, id)
  assert.deepEqual(
    recipients.map((one) => one.state),
    ['delivered', 'bounced', 'queued'],
  )
  assert.deepEqual(remote.received[0]?.rcpt, [`RCPT TO:<yes@${domain}>`])
})

test('4xx then 2xx: it is tried again by the schedule', async () => {
  let refusals = 1
  remote.behaviour = { reply: (line) => (line === '.' && refusals-- > 0 ? '451 4.3.0 Later' : undefined) }
  await start()
  const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain()}`])
  const deferred = await untilTried(node.platform, id)
  const until = deferred.recipients[0]?.next_attempt_at.getTime() ?? 0
  const waitSeconds = (until - node.platform.clock.now().getTime()) / 1000
  assert.ok(waitSeconds > 45 && waitSeconds <= 66, String(waitSeconds))
  node.platform.clock.advance?.('PT67S')
  const { recipients } = await untilOutbound(
    node.platform,
    id,
    (one) => one.recipients[0]?.state === 'delivered',
  )
  assert.equal(recipients[0]?.attempts, 2)
})

test('what cannot be delivered in its lifetime bounces as expired, and its sender is to be told', async () => {
  remote.behaviour = { reply: (line) => (line.startsWith('RCPT') ? '450 4.2.0 Later' : undefined) }
  await start()
  const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain()}`])
  await untilTried(node.platform, id)
  node.platform.clock.advance?.('P6D')
  const { recipients } = await untilOutbound(
    node.platform,
    id,
    (one) => one.recipients[0]?.state === 'bounced',
  )
  assert.equal(recipients[0]?.last_class, 'expired')
  const { rows } = await node.platform.pool.query(
    'select key from graphile_worker.jobs where task_identifier = $1',
    ['delivery.notify'],
  )
  assert.ok(rows.some(({ key }: { key: string }) => key === `delivery.notify:${id}`))
})

test('a host that refuses is followed by the next one', async () => {
  // Two servers on one port, at two addresses of this machine.
  await using second = await startRemoteSmtp({}, '127.0.0.2', remote.port)
  const mx: [number, string][] = [
    [10, 'mx.remote.example'],
    [20, 'mx2.remote.example'],
  ]
  await start()
  for (const behaviour of [
    { greeting: '421 4.3.2 Not now' },
    { reply: (line: string) => (line.startsWith('MAIL') ? '451 4.3.2 Not now' : undefined) },
  ]) {
    remote.behaviour = behaviour
    const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain(mx)}`])
    const { recipients } = await untilTried(node.platform, id)
    assert.equal(recipients[0]?.state, 'delivered')
  }
  assert.equal(second.received.length, 2)
})

const dnsRows: [name: string, records: TestDns['zone'][string] | null, state: string, reply: RegExp][] = [
  ['null MX', { MX: [[0, '.']] }, 'bounced', /^5\.1\.10 /],
  ['no such domain', null, 'bounced', /^5\.1\.2 /],
  ['an MX that is no host', { MX: [[10, 'nowhere.example']] }, 'bounced', /^5\.1\.2 /],
  ['a broken name server', { fails: 'SERVFAIL' }, 'queued', /^4\.4\.3 /],
  ['an address in place of an MX', { A: ['127.0.0.1'] }, 'delivered', /^250/],
]
for (const [name, records, state, reply] of dnsRows) {
  test(`DNS: ${name}`, async () => {
    const domain = `dns${++domains}.example`
    if (records) dns.zone[domain] = records
    await start()
    const id = await enqueue(node.platform, ann.owner, [`bob@${domain}`])
    const { recipients } = await untilTried(node.platform, id)
    assert.equal(recipients[0]?.state, state)
    assert.match(recipients[0]?.last_reply ?? '', reply)
  })
}

test('a destination that cannot be reached is tried once for all that waits for it', async () => {
  const domain = newDomain([[10, 'dead.example']])
  dns.zone['dead.example'] = { A: ['127.0.0.9'] } // nobody listens there
  const ids = await Promise.all(
    Array.from({ length: 40 }, (_, n) => enqueue(node.platform, ann.owner, [`u${n}@${domain}`])),
  )
  await start()
  const details = await Promise.all(ids.map((id) => untilTried(node.platform, id)))
  for (const { recipients } of details) {
    assert.equal(recipients[0]?.state, 'queued')
    assert.equal(recipients[0]?.attempts, 1)
    assert.match(recipients[0]?.last_reply ?? '', /^4\.4\.1 .*refused/i)
    assert.equal(recipients[0]?.timeline.length, 1)
  }
  assert.equal(dns.questions.filter((one) => one === `MX ${domain}`).length, 1)
})

test('a connection is used for one message after the other', async () => {
  const domain = newDomain()
  await start()
  const before = remote.connections
  for (let n = 0; n < 3; n++)
    await untilTried(node.platform, await enqueue(node.platform, ann.owner, [`u${n}@${domain}`]))
  assert.equal(remote.connections - before, 1)
  assert.equal(remote.received.length, 3)
})

test('an idle connection that the server gave up is nobody’s failure', async () => {
  const domain = newDomain()
  await start()
  await untilTried(node.platform, await enqueue(node.platform, ann.owner, [`a@${domain}`]))
  remote.behaviour = {
    reply: (line, { transactions }) =>
      line.startsWith('MAIL') && transactions > 0 ? '421 4.4.2 Idle for too long' : undefined,
  }
  const { recipients } = await untilTried(
    node.platform,
    await enqueue(node.platform, ann.owner, [`b@${domain}`]),
  )
  assert.equal(recipients[0]?.state, 'delivered')
})

test('wishes for notifications go along, or it is remembered that they could not', async () => {
  const domain = newDomain()
  const wish = {
    ret: 'hdrs',
    envid: 'QQ314159',
    recipients: [
      { address: `bob@${domain}`, domain, notify: 'success,failure', orcpt: 'rfc822;bob@d.example' },
    ],
  } as const
  await start()
  const passed = await untilTried(node.platform, await enqueue(node.platform, ann.owner, [], wish))
  assert.match(remote.received[0]?.mail ?? '', / RET=HDRS ENVID=QQ314159$/)
  assert.match(remote.received[0]?.rcpt[0] ?? '', / NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@d\.example$/)
  assert.equal(passed.recipients[0]?.timeline[0]?.detail.dsn, 'passed')
  await outbound?.stop()
  remote.behaviour = { extensions: usualExtensions.filter((one) => one !== 'DSN') }
  await start()
  const relayed = await untilTried(node.platform, await enqueue(node.platform, ann.owner, [], wish))
  assert.doesNotMatch(remote.received[1]?.mail ?? '', /RET/)
  assert.equal(relayed.recipients[0]?.timeline[0]?.detail.dsn, 'not_offered')
})

test('a message that needs SMTPUTF8 bounces at a server without', async () => {
  remote.behaviour = { extensions: ['PIPELINING'] }
  await start()
  const id = await enqueue(node.platform, ann.owner, [`bob@${newDomain()}`], { smtputf8: true })
  const { recipients } = await untilTried(node.platform, id)
  assert.match(recipients[0]?.last_reply ?? '', /^5\.6\.7 /)
})

test('names under .test never leave', async () => {
  await start()
  const id = await enqueue(node.platform, ann.owner, ['bob@nobody.test'])
  const { recipients } = await untilTried(node.platform, id)
  assert.deepEqual([recipients[0]?.state, recipients[0]?.last_reply?.slice(0, 5)], ['bounced', '5.1.2'])
  assert.equal(
    dns.questions.some((one) => one.includes('nobody.test')),
    false,
  )
})

test('a stop in the middle gives back what was not done', async () => {
  const domain = newDomain()
  remote.behaviour = { reply: (line) => (line === 'DATA' ? '' : undefined), delayMs: 50 }
  await start()
  const ids = await Promise.all([1, 2, 3].map((n) => enqueue(node.platform, ann.owner, [`u${n}@${domain}`])))
  await untilOutbound(node.platform, ids[0] ?? '', (one) => one.recipients[0]?.state === 'sending')
  await outbound?.stop()
  for (const id of ids) {
    const { recipients } = await untilOutbound(node.platform, id, () => true)
    assert.equal(recipients[0]?.state, 'queued')
    assert.equal(recipients[0]?.node_id, null)
  }
})

test('large messages are streamed whole', async () => {
  const text = `Subject: large\r\n\r\n${'.line of a large message\r\n'.repeat(100_000)}`
  const domain = newDomain()
  await start()
  await untilTried(node.platform, await enqueue(node.platform, ann.owner, [`bob@${domain}`], { text }))
  assert.ok(remote.received.find(({ rcpt }) => rcpt[0]?.includes(domain))?.data === text)
})
