import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createWorkspace } from '../../accounts/workspaces.ts'
import type { ZoneSigner } from '../../domains/zones/found-zone.ts'
import { transaction } from '../../platform/database.ts'
import {
  type Asking,
  ask,
  askUntil,
  decodeReply,
  encodeQuery,
  exchange,
  exchangeMany,
} from '../../testing/dns-client.ts'
import {
  addRecords,
  serveDomain,
  startNameServerOn,
  startTestNameServer,
  type TestNameServer,
} from '../../testing/test-name-server.ts'
import { openSecondNode } from '../../testing/test-node.ts'
import type { OtherRequest } from './other-requests.ts'
import { createRateLimit } from './rate-limit.ts'

const stack = new AsyncDisposableStack()
let ns: TestNameServer
let server: string

before(async () => {
  ns = stack.use(await startTestNameServer({ MAILWRIGHT_DNS_ZONE: 'mw.example' }))
  server = ns.server
  await serveDomain(ns.t.platform, ns.t.scope, 'served.example', [
    { name: 'www.served.example', type: 'A', value: '192.0.2.1' },
    ...Array.from({ length: 60 }, (_, at) => ({
      name: 'many.served.example',
      type: 'TXT' as const,
      value: `number ${at} ${'x'.repeat(20)}`,
    })),
    ...Array.from({ length: 30 }, (_, at) => ({
      name: 'some.served.example',
      type: 'A' as const,
      value: `192.0.2.${at}`,
    })),
  ])
  await askUntil('NOERROR', 'www.served.example', 'A', { server })
})
after(() => stack.disposeAsync())

test('flags go back as they came, and recursion is not there', async () => {
  const { flags } = await ask('www.served.example', 'A', { server, recursionDesired: true })
  assert.deepEqual(flags, ['aa', 'rd'])
  const query = encodeQuery(1, 'www.served.example', 'A', {})
  query[3] = 0x10
  assert.deepEqual(decodeReply((await exchange(query, { server })) ?? assert.fail()).flags, ['aa', 'cd'])
})

test('each spelling of a name gets its own back, whoever asked first', async () => {
  for (const name of [
    'WWW.served.example',
    'www.SERVED.example',
    'www.served.example',
    'wWw.sErVeD.eXaMpLe',
  ]) {
    const { packet, answers } = await ask(name, 'A', { server })
    assert.equal(packet.questions?.[0]?.name, name)
    assert.deepEqual(answers, [`${name} 300 A 192.0.2.1`])
  }
})

const sizes: [what: string, asking: Omit<Asking, 'server'>, name: string, isTruncated: boolean][] = [
  ['512 bytes without EDNS', {}, 'some.served.example', true],
  ['what the client takes', { edns: { payload: 700 } }, 'some.served.example', false],
  ['never less than 512', { edns: { payload: 10 } }, 'www.served.example', false],
  ['1232 bytes at most', { edns: { payload: 65_535 } }, 'many.served.example', true],
  ['all over TCP', { over: 'tcp' }, 'many.served.example', false],
]
for (const [what, asking, name, isTruncated] of sizes) {
  test(`size: ${what}`, async () => {
    for (const type of ['TXT', 'A']) {
      const reply = await ask(name, type, { server, ...asking })
      const bytesMax = asking.over === 'tcp' ? 65_535 : Math.min(asking.edns?.payload ?? 512, 1232)
      assert.ok(reply.bytes.length <= Math.max(bytesMax, 512))
      if (reply.authority.length === 0) assert.equal(reply.flags.includes('tc'), isTruncated, type)
      if (reply.flags.includes('tc')) assert.deepEqual([reply.answers, reply.rcode], [[], 'NOERROR'])
    }
  })
}

test('a true client that was told TC gets everything over TCP', async () => {
  const first = await ask('many.served.example', 'TXT', { server, edns: {} })
  assert.ok(first.flags.includes('tc'))
  const second = await ask('many.served.example', 'TXT', { server, edns: {}, over: 'tcp' })
  assert.equal(second.answers.length, 60)
})

test('EDNS: our size and the DO bit as it came; none for who has none; another version is not understood', async () => {
  const plain = await ask('www.served.example', 'A', { server, edns: {} })
  assert.deepEqual([plain.opt?.udpPayloadSize, plain.opt?.flag_do], [1232, false])
  assert.equal(
    (await ask('www.served.example', 'A', { server, edns: { dnssecOk: true } })).opt?.flag_do,
    true,
  )
  assert.equal((await ask('www.served.example', 'A', { server })).opt, null)
  const other = await ask('www.served.example', 'A', { server, edns: { version: 1 } })
  assert.deepEqual([other.rcode, other.opt?.ednsVersion, other.answers], ['BADVERS', 0, []])
})

const refused: [name: string, type: string, asking: Omit<Asking, 'server'>, rcode: string][] = [
  ['elsewhere.example', 'A', {}, 'REFUSED'],
  ['.', 'NS', {}, 'REFUSED'],
  ['www.served.example', 'A', { class: 'CH' }, 'REFUSED'],
  ['www.served.example', 'AXFR', { over: 'tcp' }, 'REFUSED'],
  ['www.served.example', 'IXFR', {}, 'REFUSED'],
  ['www.served.example', 'OPT', {}, 'FORMERR'],
  ['www.served.example', 'TKEY', {}, 'NOTIMP'],
]
for (const [name, type, asking, rcode] of refused) {
  test(`${type} ${name} is ${rcode}`, async () => {
    const reply = await ask(name, type, { server, ...asking })
    assert.deepEqual([reply.rcode, reply.flags, reply.answers], [rcode, [], []])
  })
}

test('opcodes: NOTIFY and UPDATE are not implemented without their handler, others never', async () => {
  for (const opcode of [1, 2, 3, 4, 5, 6, 15]) {
    const query = encodeQuery(9, 'served.example', 'SOA', {})
    query[2] = opcode << 3
    const reply = (await exchange(query, { server })) ?? assert.fail()
    assert.equal(reply.readUInt16BE(0), 9)
    assert.equal((reply.readUInt8(2) >> 3) & 0xf, opcode)
    assert.equal(reply.readUInt8(3) & 0xf, 4)
  }
})

test('cookies: a client learns ours, sends it back, and keeps it', async () => {
  const client = randomBytes(8)
  const first = await ask('www.served.example', 'A', { server, edns: { cookie: client } })
  assert.equal(first.cookie?.length, 24)
  assert.deepEqual(first.cookie?.subarray(0, 8), client)
  const cookie = first.cookie ?? assert.fail()
  assert.deepEqual((await ask('www.served.example', 'MX', { server, edns: { cookie } })).cookie, cookie)
  // RFC 7873 §5.4: a question is not needed for it.
  const bare = Buffer.concat([
    Buffer.from('000900000000000000000001', 'hex'),
    Buffer.from('000029020000000000000c000a0008', 'hex'),
    client,
  ])
  const reply = decodeReply((await exchange(bare, { server })) ?? assert.fail())
  assert.deepEqual([reply.rcode, reply.cookie?.length], ['NOERROR', 24])
})

test('above its rate a network gets TC or nothing; a cookie or TCP gets answers', async () => {
  const limits = {
    ipv4PrefixBits: 24,
    ipv6PrefixBits: 56,
    answersPerSecond: 2,
    negativesPerSecond: 2,
    slip: 1,
    networksMax: 10,
  }
  const { judge } = createRateLimit(limits, () => 0)
  // The limit is asked about a network that is not this machine.
  await using limited = await startNameServerOn(ns.t.platform, {
    rateLimit: { judge: (_address, isNegative) => judge('192.0.2.1', isNegative) },
  })
  const at = { server: limited.server }
  const client = randomBytes(8)
  const first = await ask('www.served.example', 'A', { ...at, edns: { cookie: client } })
  assert.equal(first.answers.length, 1)
  await ask('www.served.example', 'A', at)
  const third = await ask('www.served.example', 'A', { ...at, edns: { cookie: client } })
  assert.deepEqual([third.flags, third.answers, third.cookie?.length], [['aa', 'tc'], [], 24])
  const cookie = third.cookie ?? assert.fail()
  assert.equal((await ask('www.served.example', 'A', { ...at, edns: { cookie } })).answers.length, 1)
  assert.equal((await ask('www.served.example', 'A', { ...at, over: 'tcp' })).answers.length, 1)
})

test('TCP: many questions in one go are answered in order, and the connection stays', async () => {
  const queries = Array.from({ length: 300 }, (_, id) =>
    encodeQuery(id, id % 2 === 0 ? 'www.served.example' : 'many.served.example', 'TXT', {}),
  )
  const replies = await exchangeMany(queries, server, 300)
  assert.deepEqual(
    replies.map((reply) => reply.readUInt16BE(0)),
    queries.map((_, id) => id),
  )
})

test('TCP: what is no query gets no answer, and the next one does', async () => {
  const answer = encodeQuery(1, 'www.served.example', 'A', {})
  answer[2] = 0x80
  const [reply] = await exchangeMany(
    [Buffer.alloc(0), answer, encodeQuery(2, 'www.served.example', 'A', {})],
    server,
    1,
  )
  assert.equal(reply?.readUInt16BE(0), 2)
})

test('whatever the bytes: no answer to an answer, none that is too long, and the server goes on', async () => {
  const whole = encodeQuery(1, 'www.served.example', 'A', { edns: { cookie: Buffer.alloc(24, 7) } })
  const mutated = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const bytes = Buffer.from(whole)
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes
    })
  const random = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  const cut = fc.integer({ min: 1, max: whole.length }).map((length) => whole.subarray(0, length))
  const probe = encodeQuery(0xbeef, 'www.served.example', 'A', {})
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(mutated, random, cut), { maxLength: 20 }), async (packets) => {
      const isQuery = (bytes: Buffer): boolean => bytes.length >= 12 && (bytes.readUInt8(2) & 0x80) === 0
      const replies = await exchangeMany([...packets, probe], server, packets.filter(isQuery).length + 1)
      assert.equal(replies.at(-1)?.readUInt16BE(0), 0xbeef)
      for (const reply of replies) assert.notEqual(reply.readUInt8(2) & 0x80, 0)
      const answers = packets.map(async (bytes) => {
        const reply = await exchange(bytes, { server }, isQuery(bytes) ? 5_000 : 20)
        if (!isQuery(bytes)) return assert.equal(reply, null)
        assert.ok(reply !== null && reply.length <= 1232)
        assert.equal(reply.readUInt16BE(0), bytes.readUInt16BE(0))
      })
      await Promise.all(answers)
    }),
    { numRuns: 25 },
  )
})

test('a name with dots inside a label is no name of ours', async () => {
  const name = Buffer.concat([
    Buffer.of(10),
    Buffer.from('www.served'),
    Buffer.of(7),
    Buffer.from('example'),
    Buffer.of(0),
  ])
  const query = Buffer.concat([
    Buffer.from('000100000001000000000000', 'hex'),
    name,
    Buffer.from('00010001', 'hex'),
  ])
  const reply = (await exchange(query, { server })) ?? assert.fail()
  assert.equal(reply.readUInt8(3) & 0xf, 5)
})

test('a workspace does not get the names of another by connecting a domain below it', async () => {
  const { platform, scope } = ns.t
  const { id: workspaceId } = await transaction(platform.db, (tx) =>
    createWorkspace(platform, tx, scope.organizationId, { name: 'Other' }),
  )
  const theirs = { ...scope, workspaceId }
  await serveDomain(
    platform,
    theirs,
    'mail.served.example',
    [{ name: 'mail.served.example', type: 'A', value: '203.0.113.66' }],
    'pending_nameservers',
  )
  await serveDomain(platform, theirs, 'done.example')
  await askUntil('NOERROR', 'done.example', 'MX', { server })
  const { rcode, authority } = await ask('mail.served.example', 'A', { server })
  assert.equal(rcode, 'NXDOMAIN')
  assert.match(authority[0] ?? '', /^served\.example 300 SOA/)
})

test('a signer is asked only for who wants signatures, and its answer is kept apart', async () => {
  let signed = 0
  const signer: ZoneSigner = {
    sign(answer) {
      signed++
      return {
        ...answer,
        answers: [...answer.answers, ...answer.answers.map((set) => ({ ...set, type: 65_280 }))],
      }
    },
    signSet: (set) => set,
    apexSets: [],
  }
  await using signing = await startNameServerOn(ns.t.platform, {
    readSigners: async (ids) => new Map(ids.map((id) => [id, signer])),
  })
  const at = { server: signing.server }
  for (const times of [1, 2]) {
    assert.equal((await ask('www.served.example', 'A', { ...at, edns: {} })).answers.length, 1)
    assert.equal(
      (await ask('www.served.example', 'A', { ...at, edns: { dnssecOk: true } })).answers.length,
      2,
    )
    assert.equal(signed, 1, `time ${times}`)
  }
})

test('a node hears of what another one changes', async () => {
  await using nodes = new AsyncDisposableStack()
  const platform = await openSecondNode(nodes, ns.t)
  await using other = await startNameServerOn(platform)
  const domain = await serveDomain(ns.t.platform, ns.t.scope, 'nodes.example')
  const name = 'new.nodes.example'
  for (const at of [ns.server, other.server]) {
    await askUntil('NXDOMAIN', name, 'A', { server: at })
  }
  await addRecords(ns.t.platform, domain, [{ name, type: 'A', value: '192.0.2.7' }])
  for (const at of [ns.server, other.server]) {
    await askUntil('NOERROR', name, 'A', { server: at })
  }
})

test('transfers, other opcodes and signed questions go to their handler', async () => {
  const seen: OtherRequest[] = []
  await using handling = await startNameServerOn(ns.t.platform, {
    async handleOther(request) {
      seen.push(request)
      const answer = await request.answer(512)
      answer.writeUInt16BE(request.query.id)
      return request.transport === 'tcp' ? [answer, answer, answer] : [answer]
    },
  })
  const axfr = await exchangeMany([encodeQuery(5, 'served.example', 'AXFR', {})], handling.server, 3)
  assert.equal(axfr.length, 3)
  const tsig = Buffer.concat([
    encodeQuery(6, 'www.served.example', 'A', {}),
    Buffer.from('0000fa00ff000000000000', 'hex'),
  ])
  tsig.writeUInt16BE(1, 10)
  const reply = decodeReply((await exchange(tsig, handling)) ?? assert.fail())
  assert.deepEqual(reply.answers, ['www.served.example 300 A 192.0.2.1'])
  assert.deepEqual(
    seen.map(({ query, transport, address }) => [
      query.question?.type,
      query.tsigAt !== null,
      transport,
      address,
    ]),
    [
      [252, false, 'tcp', '127.0.0.1'],
      [1, true, 'udp', '127.0.0.1'],
    ],
  )
  // Where nobody can check a signature (RFC 8945 §5.2).
  assert.equal(decodeReply((await exchange(tsig, { server })) ?? assert.fail()).rcode, 'NOTAUTH')
})
