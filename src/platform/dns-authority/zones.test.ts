/** The way down to a zone's own servers, over real sockets, with servers that are right, lame, silent and of other opinions. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import {
  startTestNameServers,
  type TestNameServer,
  type TestNameServers,
} from '../../testing/test-name-servers.ts'
import { createDns } from '../dns.ts'
import {
  type AuthorityContext,
  askServer,
  createAuthorityContext,
  createInquiry,
  type Inquiry,
} from './inquiry.ts'
import { askZone, type FoundZone, findZone, lookAtNameservers } from './zones.ts'

let tree: TestNameServers & { registry: TestNameServer }
let one: TestNameServer
let two: TestNameServer
let context: AuthorityContext
before(async () => {
  tree = await startTestNameServers()
  one = await tree.start('ns1.host.example')
  two = await tree.start('ns2.host.example')
})
after(() => tree[Symbol.asyncDispose]())

const zone = 'shop.example'
const both = ['ns1.host.example', 'ns2.host.example']

beforeEach(() => {
  context = newContext()
  tree.registry.zones['example'] = {
    example: { NS: [tree.registry.name] },
    [zone]: { NS: both },
    ...Object.fromEntries([one, two].map(({ name, address }) => [name, { A: [address] }])),
  }
  for (const server of [one, two]) {
    server.silent = false
    server.mangle = null
    server.questions.length = 0
    server.zones = { [zone]: { [zone]: { NS: both, MX: [[10, 'mx.example']], TXT: ['v=spf1 -all'] } } }
  }
  tree.registry.silent = false
  tree.registry.mangle = null
  tree.registry.questions.length = 0
})

function newContext(port = tree.port, outboundNetworks: 'any' | 'public' = 'public'): AuthorityContext {
  const dns = createDns({ resolver: tree.resolver.resolver })
  return createAuthorityContext({ authorityPort: port, outboundNetworks }, dns)
}

function inquiry(): Inquiry {
  return createInquiry({ msMax: 15_000, questionsMax: 60 })
}

function names(found: FoundZone): string[] {
  return found.kind === 'delegated' ? found.delegation.nameservers.map(({ name }) => name).toSorted() : []
}

test('the parent is asked for the delegation, and the zone for its records', async () => {
  const asked = inquiry()
  const found = await findZone(context, asked, zone)
  assert.deepEqual(names(found), both)
  assert.ok(found.kind === 'delegated')
  assert.equal(found.delegation.parent, 'example')
  const reply = await askZone(context, asked, found.delegation, zone, 'MX')
  assert.equal(reply?.isAuthoritative, true)
  assert.equal(reply.answers[0]?.type, 'MX')
  assert.ok(both.includes(reply.server))
  const missing = await askZone(context, asked, found.delegation, `none.${zone}`, 'TXT')
  assert.deepEqual([missing?.code, missing?.answers], ['NXDOMAIN', []])
})

test('what is above a domain is remembered, so that the next one costs one question to the parent', async () => {
  await findZone(context, inquiry(), zone)
  tree.resolver.questions.length = 0
  const again = inquiry()
  await findZone(context, again, zone)
  assert.equal(again.questions, 1)
  assert.deepEqual(tree.resolver.questions, [])
})

test('a DS at the parent comes with the referral', async () => {
  const digest = Buffer.alloc(32, 7)
  tree.registry.zones['example'] = {
    ...tree.registry.zones['example'],
    [zone]: { NS: both, DS: [{ keyTag: 4711, algorithm: 13, digestType: 2, digest }] },
  }
  const found = await findZone(context, inquiry(), zone)
  assert.deepEqual(found.kind === 'delegated' && found.delegation.ds, [
    { keyTag: 4711, algorithm: 13, digestType: 2, digestHex: digest.toString('hex') },
  ])
})

test('a name that is no zone of its own is in the one above, whether it exists or not', async () => {
  one.zones = { [zone]: { [zone]: { NS: both }, [`mail.${zone}`]: { TXT: ['here'] } } }
  two.zones = one.zones
  for (const [name, exists] of [
    [`mail.${zone}`, true],
    [`none.${zone}`, false],
  ] as const) {
    const found = await findZone(context, inquiry(), name)
    assert.deepEqual(
      found.kind === 'inside' && { zone: found.servers.zone, exists: found.exists },
      { zone, exists },
      name,
    )
  }
  const unregistered = await findZone(context, inquiry(), 'nobody.example')
  assert.deepEqual(unregistered.kind === 'inside' && unregistered.exists, false)
})

test('a zone below a zone is found, and a fresh look asks the one above again', async () => {
  const below = `eu.${zone}`
  one.zones = { [zone]: { [zone]: { NS: both }, [below]: { NS: ['ns2.host.example'] } } }
  two.zones = { ...one.zones, [below]: { [below]: { NS: ['ns2.host.example'] } } }
  one.silent = false
  assert.deepEqual(names(await findZone(context, inquiry(), `x.${below}`)), [])
  const found = await findZone(context, inquiry(), below)
  assert.deepEqual(names(found), ['ns2.host.example'])
  tree.registry.questions.length = 0
  await findZone(context, inquiry(), below)
  assert.deepEqual(tree.registry.questions, [])
  await findZone(context, inquiry(), below, true)
  assert.deepEqual(tree.registry.questions, [`NS ${below}`])
})

const opinions: [what: string, change: () => void, one: string, two: string][] = [
  ['both right', () => undefined, 'right', 'right'],
  ['one lame', () => (two.zones = {}), 'right', 'lame'],
  ['one silent', () => (one.silent = true), 'silent', 'right'],
  [
    'one of another opinion',
    () => (two.zones = { [zone]: { [zone]: { NS: ['ns9.other.example'] } } }),
    'right',
    'wrong_set',
  ],
  [
    'the zone says something else than the parent',
    () => {
      for (const server of [one, two]) server.zones = { [zone]: { [zone]: { NS: ['ns.thief.example'] } } }
    },
    'wrong_set',
    'wrong_set',
  ],
]
for (const [what, change, stateOfOne, stateOfTwo] of opinions) {
  test(`name servers: ${what}`, async () => {
    change()
    const asked = inquiry()
    const found = await findZone(context, asked, zone)
    assert.ok(found.kind === 'delegated')
    const seen = await lookAtNameservers(context, asked, found.delegation)
    assert.deepEqual(
      seen.toSorted((a, b) => a.name.localeCompare(b.name)).map(({ state }) => state),
      [stateOfOne, stateOfTwo],
    )
    // Whoever is left answers; where none does, that is no answer.
    const reply = await askZone(context, asked, found.delegation, zone, 'NS')
    assert.equal(
      reply !== null,
      [stateOfOne, stateOfTwo].some((state) => state === 'right' || state === 'wrong_set'),
    )
  })
}

test('a long answer comes over TCP', async () => {
  const texts = Array.from({ length: 20 }, (_, index) => `${index}-${'x'.repeat(200)}`)
  for (const server of [one, two]) server.zones = { [zone]: { [zone]: { NS: both, TXT: texts } } }
  const asked = inquiry()
  const found = await findZone(context, asked, zone)
  assert.ok(found.kind === 'delegated')
  const reply = await askZone(context, asked, found.delegation, zone, 'TXT')
  assert.equal(reply?.answers.length, texts.length)
})

test('nobody above answers: unreachable; nobody of the zone in between: silent', async () => {
  one.silent = true
  two.silent = true
  await findZone(context, inquiry(), zone) // so that only the last step is silent
  assert.equal((await findZone(context, inquiry(), `a.b.${zone}`)).kind, 'silent')
  tree.registry.silent = true
  assert.equal((await findZone(newContext(), inquiry(), zone)).kind, 'unreachable')
  assert.equal((await findZone(newContext(), inquiry(), 'a.nowhere')).kind, 'unreachable')
})

test('at the port of DNS, addresses of inner networks are not asked unless the operator allows it', async () => {
  assert.equal(newContext(53).mayAskLocal, false)
  assert.equal(newContext(53, 'any').mayAskLocal, true)
  const strict = { ...newContext(), mayAskLocal: false }
  const asked = inquiry()
  assert.equal((await findZone(strict, asked, zone)).kind, 'unreachable')
  assert.deepEqual(tree.registry.questions, [])
})

test('an inquiry ends with its questions, whatever is left to ask', async () => {
  const asked = createInquiry({ msMax: 15_000, questionsMax: 4 })
  const found = await findZone(context, asked, zone)
  assert.ok(found.kind === 'delegated')
  const replies = await Promise.all(
    Array.from({ length: 6 }, () => askZone(context, asked, found.delegation, zone, 'MX')),
  )
  assert.ok(replies.some((reply) => reply === null))
  assert.equal(asked.questions, 4)
})

const forged: [what: string, mangle: (reply: Buffer) => Buffer][] = [
  [
    'another id',
    (reply) => Buffer.concat([Buffer.from([reply[0] ?? 0, (reply[1] ?? 0) ^ 1]), reply.subarray(2)]),
  ],
  ['another question', (reply) => Buffer.from(reply.toString('latin1').replace('shop', 'shot'), 'latin1')],
  ['a query', (reply) => Buffer.concat([reply.subarray(0, 2), Buffer.from([0]), reply.subarray(3)])],
  ['nothing', () => Buffer.alloc(0)],
]
for (const [what, mangle] of forged) {
  test(`an answer with ${what} is none`, async () => {
    tree.registry.mangle = mangle
    const asked = createInquiry({ msMax: 15_000, questionsMax: 4 })
    assert.equal((await findZone(context, asked, zone)).kind, 'unreachable')
  })
}

test('whatever bytes come, there is a result', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 12 }),
      fc.nat(400),
      async (changes, cut) => {
        const mangle = (reply: Buffer): Buffer => {
          const changed = Buffer.from(reply)
          // The header and question stay, so that it is taken for the answer.
          for (const [at, byte] of changes) if (at > 30 && at < changed.length) changed[at] = byte
          return changed.subarray(0, Math.max(40, changed.length - (cut > 200 ? cut - 200 : 0)))
        }
        for (const server of [tree.registry, one, two]) server.mangle = mangle
        const asked = createInquiry({ msMax: 200, questionsMax: 6 })
        const found = await findZone(newContext(), asked, zone)
        if (found.kind === 'delegated') await lookAtNameservers(context, asked, found.delegation)
      },
    ),
    { numRuns: 60 },
  )
})

test('an address that there is no way to is one that does not answer', async () => {
  const server = { name: 'ns.nowhere.example', addresses: ['255.255.255.255', '2001:db8::1'] }
  assert.equal(await askServer(context, inquiry(), server, zone, 'NS'), null)
})
