import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import { encodeName, readName, sortNames } from '../../../platform/dns-wire/names.ts'
import { faultOfAnswer, typesOf } from '../../../testing/dnssec-verifier.ts'
import { answerFrom } from '../answer.ts'
import { compileZone } from '../compiled-zone.ts'
import type { RRset } from '../records.ts'
import type { WireRRset, ZoneAnswer } from '../zone-answer.ts'
import { nsecOf, successor, typeBitmap } from './denial.ts'
import { delegationSigner, dnskeyRdata, keyTagOf, publicPoint } from './key-records.ts'
import { createSignatureCache, signAnswer } from './sign-answer.ts'
import type { ZoneKey } from './signature.ts'
import { keySets } from './zone-signers.ts'

const apex = 'zone.example'
const now = 1_800_000_000
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const point = publicPoint(privateKey)
const dnskey = dnskeyRdata(point)
const key: ZoneKey = { zone: apex, keyTag: keyTagOf(dnskey), privateKey }

function answerOf(sets: readonly RRset[], name: string, type: number): ZoneAnswer {
  const zone = compileZone(
    {
      name: apex,
      serial: 1,
      rrsets: [{ name: apex, type: 'NS', ttl: 60, values: ['ns.other.example'] }, ...sets],
    },
    { primary: 'ns.other.example', contact: 'hostmaster.other.example' },
    [],
    keySets(apex, point),
  )
  return answerFrom(zone, name, type)
}

const options = { nowSeconds: now, cache: createSignatureCache(), compactOk: false }

function signedAnswer(sets: readonly RRset[], name: string, type: number, compactOk = false): ZoneAnswer {
  return signAnswer(answerOf(sets, name, type), key, { ...options, type, compactOk })
}

const label = fc.constantFrom('a', 'b', 'mail', '*', '_dmarc', 'x-1')
const relative = fc.array(label, { minLength: 0, maxLength: 3 }).map((labels) => {
  // An asterisk is the first label only.
  const plain = labels.map((one, index) => (one === '*' && index > 0 ? 'a' : one))
  return [...plain, apex].join('.')
})
const value = {
  A: fc.constantFrom('192.0.2.1', '192.0.2.2', '198.51.100.7'),
  AAAA: fc.constantFrom('2001:db8::1', '2001:db8::2'),
  MX: fc.constantFrom('10 mx.other.example', '20 mail.zone.example'),
  TXT: fc.string({ maxLength: 600 }),
  CNAME: fc.constantFrom('a.zone.example', 'b.a.zone.example', 'www.other.example', 'none.zone.example'),
  NS: fc.constantFrom('ns.b.zone.example', 'ns.other.example'),
}
const set = fc.constantFrom('A', 'AAAA', 'MX', 'TXT', 'CNAME', 'NS').chain((type) =>
  fc.record({
    name: relative,
    type: fc.constant(type as keyof typeof value),
    ttl: fc.constantFrom(0, 60, 3600),
    values: fc.uniqueArray(value[type as keyof typeof value], {
      minLength: 1,
      maxLength: type === 'CNAME' ? 1 : 3,
    }),
  }),
)

/** As zones are: one set of a name and type, a CNAME alone, no delegation of the apex. */
function tidy(sets: readonly RRset[]): RRset[] {
  const kept = new Map<string, RRset>()
  for (const one of sets) {
    if (one.name === apex && (one.type === 'NS' || one.type === 'CNAME')) continue
    if (one.type === 'NS' && one.name.startsWith('*')) continue
    const others = [...kept.values()].filter(({ name }) => name === one.name)
    if (others.some(({ type }) => type === 'CNAME' || one.type === 'CNAME')) continue
    kept.set(`${one.type} ${one.name}`, one)
  }
  return [...kept.values()]
}

const questionTypes = [1, 2, 5, 6, 15, 16, 28, 33, 43, 48, 59, 60]

test('every answer of random zones validates', () => {
  fc.assert(
    fc.property(
      fc.array(set, { maxLength: 12 }),
      fc.array(fc.tuple(relative, fc.constantFrom(...questionTypes), fc.boolean()), {
        minLength: 1,
        maxLength: 12,
      }),
      (sets, questions) => {
        for (const [name, type, compactOk] of questions) {
          const answer = signedAnswer(tidy(sets), name, type, compactOk)
          assert.equal(faultOfAnswer(answer, { name, type }, dnskey, now), null, `${name} ${type}`)
        }
      },
    ),
    { numRuns: 150 },
  )
})

const zone: RRset[] = [
  { name: `www.${apex}`, type: 'A', ttl: 300, values: ['192.0.2.1'] },
  { name: `deep.er.${apex}`, type: 'TXT', ttl: 300, values: ['x'] },
  { name: `*.wild.${apex}`, type: 'A', ttl: 300, values: ['192.0.2.9'] },
  { name: `child.${apex}`, type: 'NS', ttl: 300, values: [`ns.child.${apex}`] },
  { name: `ns.child.${apex}`, type: 'A', ttl: 300, values: ['192.0.2.8'] },
]

function bitmapOf(answer: ZoneAnswer): number[] {
  const nsec = [...answer.authority, ...answer.answers].find(({ type }) => type === dnsTypes.NSEC)
  const rdata = nsec?.rdata[0] ?? Buffer.alloc(1)
  return [...typesOf(rdata.subarray(readName(rdata, 0).next))].sort((a, b) => a - b)
}

const denials: [
  what: string,
  name: string,
  type: number,
  compactOk: boolean,
  kind: string,
  bitmap: number[],
][] = [
  ['a type that is not there', `www.${apex}`, 28, false, 'nodata', [1, 46, 47]],
  ['a name that is not there', `none.${apex}`, 1, false, 'nodata', [46, 47, 128]],
  ['the same for who understands it', `none.${apex}`, 1, true, 'nxdomain', [46, 47, 128]],
  ['an empty non-terminal', `er.${apex}`, 1, false, 'nodata', [46, 47]],
  ['a type of a wildcard', `any.wild.${apex}`, 28, false, 'nodata', [1, 46, 47]],
  ['the DS of a delegation', `child.${apex}`, 43, false, 'nodata', [2, 46, 47]],
  ['a name below a delegation', `www.child.${apex}`, 1, false, 'referral', [2, 46, 47]],
  ['a type at the apex', apex, 1, false, 'nodata', [2, 6, 46, 47, 48, 59, 60]],
  ['the NSEC of a name', `www.${apex}`, 47, false, 'records', [1, 46, 47]],
  ['the RRSIG of a name', `none.${apex}`, 46, false, 'records', [46, 47, 128]],
]
for (const [what, name, type, compactOk, kind, bitmap] of denials) {
  test(`denied: ${what}`, () => {
    const answer = signedAnswer(zone, name, type, compactOk)
    assert.equal(answer.kind, kind)
    assert.deepEqual(bitmapOf(answer), bitmap)
  })
}

test('a change of any part breaks the signature', () => {
  const [a, rrsig] = signedAnswer(zone, `www.${apex}`, 1).answers
  assert.ok(a && rrsig)
  const check = (set: WireRRset) =>
    faultOfAnswer(
      { ...answerOf(zone, `www.${apex}`, 1), answers: [set, rrsig] },
      { name: a.owner, type: 1 },
      dnskey,
      now,
    )
  assert.equal(check(a), null)
  assert.ok(check({ ...a, rdata: [Buffer.from([192, 0, 2, 2])] }))
  assert.ok(check({ ...a, rdata: [...a.rdata, Buffer.from([192, 0, 2, 2])] }))
  assert.ok(check({ ...a, ttl: a.ttl + 1 }))
})

test('a signature is kept for some days, and never for another content', () => {
  const cache = createSignatureCache()
  const rrsigAt = (seconds: number, sets = zone) =>
    signAnswer(answerOf(sets, `www.${apex}`, 1), key, { ...options, cache, type: 1, nowSeconds: seconds })
      .answers[1]?.rdata[0]
  const first = rrsigAt(now)
  assert.equal(rrsigAt(now + 24 * 3600), first)
  const changed = zone.map((one) => (one.type === 'A' ? { ...one, values: ['192.0.2.77'] } : one))
  assert.notEqual(rrsigAt(now, changed), first)
  const later = rrsigAt(now + 4 * 24 * 3600)
  assert.notDeepEqual(later, first)
  for (const rdata of [first, later]) {
    assert.ok(rdata && rdata.readUInt32BE(8) - rdata.readUInt32BE(12) <= 22 * 24 * 3600 + 3600)
  }
})

test('the immediate successor of a name is behind it, and before everything else', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 63 })
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 6 }), (labels) => {
      const wire = Buffer.concat([
        ...labels.flatMap((one) => [Buffer.from([one.length]), one]),
        Buffer.from([0]),
      ])
      if (wire.length > 255) return
      const { name } = readName(wire, 0)
      const next = successor(encodeName(name))
      assert.ok(next.length <= 255)
      const following = readName(next, 0).name
      if (following === '') return
      assert.notEqual(following, name)
      assert.deepEqual(sortNames([following, name]), [name, following])
    }),
  )
})

test('bitmaps and key records', () => {
  assert.equal(typeBitmap([1, 15, 46, 47, 1234]).toString('hex'), `0006400100000003041b${'00'.repeat(26)}20`)
  const far = nsecOf(apex, [257], true, 60)
  assert.ok(far.rdata[0])
  // The example of RFC 6605 §6.1.
  const example = Buffer.from(
    'GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==',
    'base64',
  )
  assert.deepEqual(delegationSigner('example.net', example), {
    keyTag: 55648,
    algorithm: 13,
    digestType: 2,
    digest: 'B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17',
  })
})
