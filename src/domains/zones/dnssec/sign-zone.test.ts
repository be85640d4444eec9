import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import { readName, sortNames } from '../../../platform/dns-wire/names.ts'
import { faultOf, typesOf } from '../../../testing/dnssec-verifier.ts'
import { type CompiledZone, compileZone } from '../compiled-zone.ts'
import type { RRset } from '../records.ts'
import type { WireRRset } from '../zone-answer.ts'
import { dnskeyRdata, keyTagOf, publicPoint } from './key-records.ts'
import { createSignatureCache, signed } from './sign-answer.ts'
import { signedSets } from './sign-zone.ts'
import { keySets } from './zone-signers.ts'

const apex = 'zone.example'
const now = 1_800_000_000
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const point = publicPoint(privateKey)
const dnskey = dnskeyRdata(point)
const key = { zone: apex, keyTag: keyTagOf(dnskey), privateKey }
const cache = createSignatureCache()
const signSet = (set: WireRRset) => signed(set, key, { nowSeconds: now, cache }, true)

function compile(sets: readonly RRset[]): CompiledZone {
  const ns = { name: apex, type: 'NS' as const, ttl: 60, values: ['ns.other.example'] }
  const zone = { name: apex, serial: 1, rrsets: [ns, ...sets] }
  const soa = { primary: 'ns.other.example', contact: 'hostmaster.other.example' }
  return compileZone(zone, soa, [], keySets(apex, point))
}

async function setsOf(zone: CompiledZone): Promise<WireRRset[]> {
  const sets: WireRRset[] = []
  const soa = zone.nodes.get(apex)?.get(dnsTypes.SOA)
  if (soa !== undefined) sets.push(soa)
  for await (const set of signedSets(zone, { signSet })) sets.push(set)
  return sets
}

const label = fc.constantFrom('a', 'b', 'c', 'sub')
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => [...labels, apex].join('.'))
const set = fc.oneof(
  fc.record({
    name,
    type: fc.constant('A' as const),
    ttl: fc.constant(60),
    values: fc.constant(['192.0.2.1']),
  }),
  fc.record({
    name,
    type: fc.constant('TXT' as const),
    ttl: fc.constant(60),
    values: fc.constant(['x', 'y']),
  }),
  fc.record({
    name: fc.constantFrom(`sub.${apex}`, `b.a.${apex}`),
    type: fc.constant('NS' as const),
    ttl: fc.constant(60),
    values: fc.constant([`ns.sub.${apex}`]),
  }),
)

test('of random zones: each set of its own is signed, glue is not, and the chain closes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(set, { maxLength: 15 }), async (records) => {
      const zone = compile(records)
      const sets = await setsOf(zone)
      const plain = sets.filter(({ type }) => type !== dnsTypes.RRSIG)
      const isGiven = (owner: string) =>
        [...zone.cuts].some((cut) => owner === cut || owner.endsWith(`.${cut}`))
      for (const one of plain) {
        const rrsig = sets.find(
          ({ owner, type, rdata }) =>
            type === dnsTypes.RRSIG && owner === one.owner && rdata[0]?.readUInt16BE(0) === one.type,
        )
        if (isGiven(one.owner) && one.type !== dnsTypes.NSEC) assert.equal(rrsig, undefined, one.owner)
        else assert.equal(faultOf(one, rrsig, apex, dnskey, now), null, `${one.type} ${one.owner}`)
      }
      const chain = plain.filter(({ type }) => type === dnsTypes.NSEC)
      const owners = chain.map(({ owner }) => owner)
      assert.deepEqual(owners, sortNames(new Set(owners)))
      for (const [index, { owner, rdata }] of chain.entries()) {
        const bytes = rdata[0] ?? Buffer.alloc(1)
        const { name: next, next: end } = readName(bytes, 0)
        const following = chain[index + 1]
        assert.equal(next, following?.owner ?? apex)
        const types = typesOf(bytes.subarray(end))
        const here = plain.filter((one) => one.owner === owner && (!zone.cuts.has(owner) || one.type === 2))
        const wanted = new Set([...here.map(({ type }) => type), dnsTypes.RRSIG, dnsTypes.NSEC])
        assert.deepEqual([...types].sort(), [...wanted].sort(), owner)
      }
      // Everything that the zone has is there, and once.
      const all = [...zone.nodes.values()].flatMap((node) => [...node.values()])
      assert.equal(plain.length - chain.length, all.length)
    }),
    { numRuns: 40 },
  )
})
