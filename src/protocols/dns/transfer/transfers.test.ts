import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { createSecondary } from '../../../domains/secondaries/secondaries.ts'
import { transaction } from '../../../platform/database.ts'
import { exchangeTcp, exchangeUdp, framed } from '../../../platform/dns-wire/client.ts'
import {
  dnsClasses,
  dnsTypes,
  encodeMessage,
  encodeRecord,
  opcodes,
  parseMessage,
  rcodes,
  type WireMessage,
} from '../../../platform/dns-wire/message.ts'
import {
  createAnswerVerifier,
  detachTsig,
  signMessage,
  type TsigKey,
} from '../../../platform/dns-wire/tsig.ts'
import { newId } from '../../../platform/ids.ts'
import type { SecondaryKey } from '../../../testing/dns-secondaries.ts'
import { requireProgram } from '../../../testing/programs.ts'
import {
  outputOf,
  startTestDnsServer,
  type TestDnsServer,
  testDnsZone,
} from '../../../testing/test-dns-server.ts'
import { createTransfers } from './requests.ts'

let t: TestDnsServer
let key: SecondaryKey & { id: string }
let stranger: SecondaryKey & { id: string }
const zone = 'served.example'
const catalog = `catalog.${testDnsZone}`

before(async () => {
  t = await startTestDnsServer()
  key = await t.createKey('transfer.key')
  stranger = await t.createKey('stranger.key')
  await t.addSecondary(key)
  await t.serve(zone, [
    [`www.${zone}`, 'A', '192.0.2.80'],
    [`*.${zone}`, 'TXT', 'any'],
    [`child.${zone}`, 'NS', `ns.child.${zone}`],
    [`ns.child.${zone}`, 'A', '192.0.2.81'],
  ])
})
after(() => t[Symbol.asyncDispose]())

const y = ({ algorithm, name, secret }: SecondaryKey): string => `${algorithm}:${name}:${secret}`
const dig = (...more: string[]) =>
  outputOf('dig', [`@${t.server.address}`, '-p', String(t.server.port), '+tries=1', '+time=10', ...more])
const kdig = (...more: string[]) =>
  outputOf('kdig', [`@${t.server.address}`, '-p', String(t.server.port), ...more])

test('dig transfers a zone with the key of a secondary', async (context) => {
  if (!requireProgram(context, 'dig')) return
  const text = await dig('-y', y(key), 'AXFR', zone)
  const records = text.split('\n').filter((line) => line.startsWith(zone) || line.includes(`.${zone}.`))
  const of = (type: string) => records.filter((line) => line.split(/\s+/)[3] === type)
  assert.match(text, /; XFR size: \d+ records/)
  assert.equal(of('SOA').length, 2)
  assert.match(text, /;; ANSWER|www\.served\.example\.\s+300\s+IN\s+A\s+192\.0\.2\.80/)
  assert.ok(of('TXT').some((line) => line.startsWith(`*.${zone}.`)))
  assert.ok(of('NS').some((line) => line.startsWith(`child.${zone}.`)))
  assert.doesNotMatch(text, /failed|WARNING|BADSIG/)
  // Each set as it is answered one by one.
  const answered = await dig('-y', y(key), 'MX', zone, '+noall', '+answer')
  assert.ok(of('MX').some((line) => answered.includes(line.replace(/\s+/g, ' ').split(' ').at(-1) ?? '?')))
})

test('kdig, too; IXFR is answered with the whole zone', async (context) => {
  if (!requireProgram(context, 'kdig')) return
  for (const type of ['AXFR', 'IXFR=1']) {
    const text = await kdig('-y', y(key), zone, type)
    assert.match(text, /192\.0\.2\.80/, type)
    assert.doesNotMatch(text, /^;; (WARNING|ERROR)/m, type)
  }
})

const refusals: [what: string, withKey: () => SecondaryKey | null, want: RegExp][] = [
  ['without a key', () => null, /Transfer failed/],
  ['with a key that no secondary has', () => stranger, /BADKEY|Transfer failed/],
  ['with an unknown key', () => ({ ...key, name: 'no.such.key' }), /BADKEY|Transfer failed/],
  [
    'with a wrong secret',
    () => ({ ...key, secret: Buffer.alloc(32).toString('base64') }),
    /BADSIG|Transfer failed/,
  ],
  ['with another algorithm', () => ({ ...key, algorithm: 'hmac-sha512' }), /BADKEY|Transfer failed/],
]
for (const [what, withKey, want] of refusals) {
  test(`refused: a transfer ${what}`, async (context) => {
    if (!requireProgram(context, 'dig')) return
    const used = withKey()
    const text = await dig(...(used === null ? [] : ['-y', y(used)]), 'AXFR', zone)
    assert.match(text, want)
    assert.doesNotMatch(text, /192\.0\.2\.80/)
  })
}

function tsigKey({ name, secret }: SecondaryKey): TsigKey {
  return { name, algorithm: 'hmac-sha256', secret: Buffer.from(secret, 'base64') }
}

const nowSeconds = (): number => Math.floor(t.platform.clock.now().getTime() / 1000)

type Ask = {
  type?: number
  name?: string
  opcode?: number
  over?: 'udp' | 'tcp'
  signedAt?: number | null
  serial?: number
}

/** One request with the key's signature, and the first message of its answer. */
async function ask({ type = dnsTypes.AXFR, name = zone, opcode = 0, over = 'tcp', signedAt, serial }: Ask) {
  const soa = Buffer.alloc(22)
  soa.writeUInt32BE(serial ?? 0, 2)
  const query = encodeMessage({
    id: 77,
    flags: opcode << 11,
    questions: [{ name, type, class: dnsClasses.IN }],
    authority:
      serial === undefined ? [] : [encodeRecord({ owner: name, type: dnsTypes.SOA, ttl: 0, rdata: soa })],
  })
  const signed =
    signedAt === null ? null : signMessage(query, tsigKey(key), { nowSeconds: signedAt ?? nowSeconds() })
  const replies: Buffer[] = []
  const message = signed?.message ?? query
  if (over === 'udp') replies.push(await exchangeUdp(t.server, message, (reply) => reply, 5000))
  else {
    const take = (reply: Buffer): 'done' => {
      replies.push(Buffer.from(reply))
      return 'done'
    }
    await exchangeTcp(t.server, message, take, { msMax: 5000, bytesMax: 1e6 })
  }
  const [reply] = replies
  const parsed = reply && parseMessage(reply)
  assert.ok(reply && parsed)
  const isBelieved =
    signed !== null && createAnswerVerifier(tsigKey(key), signed.mac).accept(reply, nowSeconds())
  return { reply, parsed, isBelieved }
}

function tsigError(reply: Buffer, parsed: WireMessage): number | null {
  const signed = detachTsig(reply, parsed)
  return signed === null || signed === 'malformed' ? null : signed.fields.error
}

test('a clock that is wrong is told the time, in a signed answer', async () => {
  const { reply, parsed } = await ask({ signedAt: nowSeconds() - 3600 })
  assert.deepEqual([parsed.rcode, tsigError(reply, parsed)], [rcodes.NOTAUTH, 18])
  const signed = detachTsig(reply, parsed)
  assert.ok(signed && signed !== 'malformed' && signed.fields.mac.length === 32)
  assert.ok(Math.abs(signed.fields.other.readUIntBE(0, 6) - nowSeconds()) < 60)
})

const answers: [what: string, ask: () => Ask, rcode: number, answers: number | null][] = [
  ['AXFR over UDP', () => ({ over: 'udp' }), rcodes.FORMERR, 0],
  ['IXFR over UDP', () => ({ over: 'udp', type: dnsTypes.IXFR, serial: 1 }), rcodes.NOERROR, 1],
  [
    'IXFR of who is up to date',
    () => ({ type: dnsTypes.IXFR, serial: nowSeconds() + 10_000 }),
    rcodes.NOERROR,
    1,
  ],
  ['a zone that is not ours', () => ({ name: 'other.example' }), rcodes.NOTAUTH, 0],
  ['a name within a zone', () => ({ name: `www.${zone}` }), rcodes.NOTAUTH, 0],
  ['a signed question', () => ({ type: dnsTypes.SOA, over: 'udp' }), rcodes.NOERROR, 1],
  [
    'a signed question about what is not there',
    () => ({ type: 1, name: `a.child.${zone}`, over: 'udp' }),
    0,
    0,
  ],
  ['NOTIFY', () => ({ type: dnsTypes.SOA, opcode: opcodes.NOTIFY, over: 'udp' }), rcodes.REFUSED, 0],
  ['UPDATE', () => ({ type: dnsTypes.SOA, opcode: opcodes.UPDATE }), rcodes.REFUSED, 0],
  ['the catalog over UDP', () => ({ name: catalog, type: dnsTypes.SOA, over: 'udp' }), rcodes.NOERROR, 1],
]
for (const [what, question, rcode, count] of answers) {
  test(`answered and signed: ${what}`, async () => {
    const { parsed, isBelieved } = await ask(question())
    assert.equal(parsed.rcode, rcode)
    if (count !== null) assert.equal(parsed.answers.length, count)
    assert.ok(isBelieved)
    assert.equal(parsed.id, 77)
  })
}

test('the catalog is for secondaries alone', async () => {
  for (const name of [catalog, `version.${catalog}`]) {
    for (const over of ['udp', 'tcp'] as const) {
      const { parsed } = await ask({ name, type: dnsTypes.SOA, over, signedAt: null })
      assert.deepEqual([parsed.rcode, parsed.answers.length], [rcodes.REFUSED, 0])
    }
  }
})

test('the catalog names the zones, and the platform’s own has all DKIM keys', async (context) => {
  if (!requireProgram(context, 'dig')) return
  const listed = await dig('-y', y(key), 'AXFR', catalog)
  assert.match(listed, new RegExp(`^version\\.${catalog}\\.\\s+0\\s+IN\\s+TXT\\s+"2"`, 'm'))
  assert.match(listed, new RegExp(`\\.zones\\.${catalog}\\.\\s+0\\s+IN\\s+PTR\\s+${zone}\\.`))
  assert.match(listed, new RegExp(`PTR\\s+${testDnsZone}\\.`))
  const { id: domainId } = await t.platform.db
    .selectFrom('domains')
    .select('id')
    .where('name', '=', zone)
    .executeTakeFirstOrThrow()
  const now = t.platform.clock.now()
  // A retired one is there for mail that is on its way, as it is in our own answers.
  const keys = [
    { selector: 'mwe1', state: 'retired', public_key: 'AAAA' },
    { selector: 'mwe2', state: 'active', public_key: 'BBBB' },
  ] as const
  await t.platform.db
    .insertInto('dkim_keys')
    .values(
      keys.map((one) => ({
        ...one,
        id: newId(),
        domain_id: domainId,
        algorithm: 'ed25519-sha256' as const,
        sealed_private_key: Buffer.alloc(0),
        key_id: t.platform.vault.keyId,
        created_at: now,
        activated_at: now,
      })),
    )
    .execute()
  const own = await dig('-y', y(key), 'AXFR', testDnsZone)
  for (const { selector, public_key: point } of keys) {
    const name = `${selector}\\.[0-9a-f]{32}\\.dkim\\.mw\\.example\\.`
    assert.match(own, new RegExp(`${name}\\s+3600\\s+IN\\s+TXT\\s+"v=DKIM1; k=ed25519; p=${point}"`))
  }
  assert.equal(own.match(/\sSOA\s/g)?.length, 2)
})

test('what cannot be read now is SERVFAIL, and no silence', async () => {
  const away = () => Promise.reject(new Error('the database is away'))
  const transfers = createTransfers(t.platform, { zone: away, isPrivate: () => false })
  const query = encodeMessage({
    id: 78,
    flags: 0,
    questions: [{ name: zone, type: dnsTypes.AXFR, class: dnsClasses.IN }],
  })
  const { message: bytes } = signMessage(query, tsigKey(key), { nowSeconds: nowSeconds() })
  const rcodesOf: (number | undefined)[] = []
  const answer = transfers.answer({ bytes, transport: 'tcp', address: '192.0.2.1', answerPlain: away })
  for await (const reply of answer) rcodesOf.push(parseMessage(reply)?.rcode)
  assert.deepEqual(rcodesOf, [rcodes.SERVFAIL])
})

test('by address alone, where the operator allowed that', async (context) => {
  if (!requireProgram(context, 'dig')) return
  const id = await t.addSecondary(null)
  assert.match(await dig('AXFR', zone), /192\.0\.2\.80/)
  await t.platform.db.deleteFrom('dns_secondaries').where('id', '=', id).execute()
  // As the API tells all nodes.
  await transaction(t.platform.db, (tx) =>
    createSecondary(t.platform, tx, t.scope.organizationId, {
      name: 'elsewhere',
      address: '192.0.2.1',
      port: 53,
      tsigKeyId: null,
      byAddress: true,
      notify: false,
    }),
  )
  assert.match(await dig('AXFR', zone), /Transfer failed/)
})

test('a zone of 10,000 records, many at once, and clients that leave in the middle', async (context) => {
  if (!requireProgram(context, 'dig')) return
  const large = 'large.example'
  const records = Array.from(
    { length: 10_000 },
    (_, index) => [`h${index}.${large}`, 'A', '192.0.2.1'] as const,
  )
  await t.serve(
    large,
    records.map(([name, type, value]) => [name, type, value]),
  )
  const query = encodeMessage({
    id: 1,
    flags: 0,
    questions: [{ name: large, type: dnsTypes.AXFR, class: 1 }],
  })
  const { message } = signMessage(query, tsigKey(key), { nowSeconds: nowSeconds() })
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      const socket = connect(t.server.port, t.server.address)
      socket.write(framed(message))
      await new Promise((resolve) => socket.once('data', resolve))
      socket.destroy()
    }),
  )
  const text = await dig('-y', y(key), 'AXFR', large)
  const size = Number(/XFR size: (\d+) records/.exec(text)?.[1])
  assert.ok(size > 10_000, text.slice(-500))
  const both = await Promise.all([dig('-y', y(key), 'AXFR', large), dig('-y', y(key), 'AXFR', large)])
  for (const one of both) assert.match(one, new RegExp(`XFR size: ${size} records`))
})
