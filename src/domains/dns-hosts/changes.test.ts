import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { mergeRRsets, type RecordType, type RRset } from '../zones/records.ts'
import { type DisplacedValue, planChanges, type WantedRecord } from './changes.ts'
import type { SetChange } from './driver.ts'
import type { HostValue } from './kinship.ts'
import { mergeSpf } from './spf.ts'

const zone = 'demo.example'

/** A host in memory, with what the database remembers of it. */
type Host = { sets: RRset[]; written: HostValue[]; displaced: DisplacedValue[] }

function applyTo(sets: readonly RRset[], changes: readonly SetChange[]): RRset[] {
  const after = new Map(sets.map((set) => [`${set.type} ${set.name}`, set]))
  for (const { name, type, ttl, add, remove } of changes) {
    const key = `${type} ${name}`
    const kept = (after.get(key)?.values ?? []).filter((value) => !remove.includes(value))
    const values = [...new Set([...kept, ...add])]
    if (values.length === 0) after.delete(key)
    else after.set(key, { name, type, ttl, values })
  }
  return [...after.values()]
}

function run(host: Host, wanted: readonly WantedRecord[], takeOver = false) {
  const plan = planChanges(wanted, { zone, present: host.sets, ...host }, { takeOver })
  host.sets = applyTo(host.sets, plan.sets)
  host.written = plan.written
  host.displaced = plan.displaced
  return plan
}

const set = (type: RecordType, name: string, values: string[], ttl = 300): RRset => ({
  type,
  name,
  ttl,
  values,
})
const want = (type: RecordType, name: string, value: string, additive = false): WantedRecord => ({
  type,
  name,
  value,
  ttl: 3600,
  additive,
})
const host = (...sets: RRset[]): Host => ({ sets, written: [], displaced: [] })

const mx = want('MX', zone, '10 mx.ours.example')
const spf = want('TXT', zone, 'v=spf1 mx ~all')
const dmarc = want('TXT', `_dmarc.${zone}`, 'v=DMARC1; p=none')
const dkim = want('TXT', `mwr1._domainkey.${zone}`, 'v=DKIM1; p=abc')
const web = want('CNAME', `autoconfig.${zone}`, 'mail.ours.example')
const plan = [mx, spf, dmarc, dkim, web]

/** Sets as text, in order, to be compared. */
function textOf(sets: readonly RRset[]): string[] {
  return sets
    .map(({ type, name, ttl, values }) => `${name} ${ttl} ${type} ${[...values].sort().join(' | ')}`)
    .sort()
}

const cases: {
  what: string
  there: RRset[]
  takeOver?: boolean
  expect: RRset[]
  conflicts?: string[]
}[] = [
  {
    what: 'an empty zone gets everything',
    there: [],
    expect: plan.map(({ type, name, value }) => set(type, name, [value], 3600)),
  },
  {
    what: 'other texts at the apex stay, and their TTL',
    there: [set('TXT', zone, ['site-verification=1'], 900)],
    expect: [
      set('TXT', zone, ['site-verification=1', spf.value], 900),
      ...[mx, dmarc, dkim, web].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
  },
  {
    what: 'an SPF record is added to',
    there: [set('TXT', zone, ['v=spf1 include:_spf.other.example -all', 'x'])],
    expect: [
      set('TXT', zone, ['v=spf1 mx include:_spf.other.example -all', 'x']),
      ...[mx, dmarc, dkim, web].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
  },
  {
    what: 'an SPF record that has ours stays as it is; DMARC stays',
    there: [set('TXT', zone, ['v=spf1 +MX a -all']), set('TXT', `_dmarc.${zone}`, ['v=DMARC1; p=reject'])],
    expect: [
      set('TXT', zone, ['v=spf1 +MX a -all']),
      set('TXT', `_dmarc.${zone}`, ['v=DMARC1; p=reject']),
      ...[mx, dkim, web].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
  },
  {
    what: 'two SPF records are an error of the owner’s',
    there: [set('TXT', zone, ['v=spf1 -all', 'v=spf1 a -all'])],
    expect: [
      set('TXT', zone, ['v=spf1 -all', 'v=spf1 a -all']),
      ...[mx, dmarc, dkim, web].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
    conflicts: ['TXT several_spf'],
  },
  {
    what: 'another MX stays and is reported',
    there: [set('MX', zone, ['1 mx.other.example'])],
    expect: [
      set('MX', zone, ['1 mx.other.example']),
      ...[spf, dmarc, dkim, web].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
    conflicts: ['MX foreign_values'],
  },
  {
    what: 'ours before others is good as it is; behind one it is not',
    there: [set('MX', zone, ['10 mx.ours.example', '20 mx.other.example'])],
    expect: [
      set('MX', zone, ['10 mx.ours.example', '20 mx.other.example']),
      ...[spf, dmarc, dkim, web].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
  },
  {
    what: 'another MX is taken over when its owner says so',
    there: [set('MX', zone, ['1 mx.other.example', '5 mx2.other.example'])],
    takeOver: true,
    expect: plan.map(({ type, name, value }) => set(type, name, [value], 3600)),
  },
  {
    what: 'an address stands in the way of a CNAME, and a CNAME in that of a text',
    there: [
      set('A', `autoconfig.${zone}`, ['192.0.2.1']),
      set('CNAME', `mwr1._domainkey.${zone}`, ['key.other.example']),
    ],
    expect: [
      set('A', `autoconfig.${zone}`, ['192.0.2.1']),
      set('CNAME', `mwr1._domainkey.${zone}`, ['key.other.example']),
      ...[mx, spf, dmarc].map(({ type, name, value }) => set(type, name, [value], 3600)),
    ],
    conflicts: ['TXT cname', 'CNAME cname'],
  },
]

for (const { what, there, takeOver = false, expect, conflicts = [] } of cases) {
  test(what, () => {
    const at = host(...there)
    const first = run(at, plan, takeOver)
    assert.deepEqual(textOf(at.sets), textOf(expect))
    assert.deepEqual(
      first.conflicts.map(({ type, reason }) => `${type} ${reason}`),
      conflicts,
    )
    const again = run(at, plan, takeOver)
    assert.deepEqual(again.changes, [], 'a second run changes nothing')
    run(at, [])
    assert.deepEqual(textOf(at.sets), textOf(there), 'afterwards everything is as it was')
    assert.deepEqual([at.written, at.displaced], [[], []])
  })
}

test('what no database could remember is left where it is', () => {
  const there = [set('TXT', zone, ['v=spf1 \u0000 -all']), set('MX', zone, ['1 \ud800.example'])]
  const at = host(...there)
  const { conflicts } = run(at, [mx, spf], true)
  assert.deepEqual(textOf(at.sets), textOf(there))
  assert.deepEqual(
    conflicts.map(({ seen }) => seen),
    [['MX 1 \ufffd.example'], ['TXT v=spf1   -all']],
  )
})

test('records of the owner’s own stand beside others, but not beside a CNAME', () => {
  const at = host(
    set('A', `www.${zone}`, ['192.0.2.1']),
    set('CNAME', `shop.${zone}`, ['shop.other.example']),
  )
  const wanted = [want('A', `www.${zone}`, '192.0.2.2', true), want('A', `shop.${zone}`, '192.0.2.3', true)]
  const { conflicts } = run(at, wanted)
  assert.deepEqual(
    conflicts.map(({ name, seen }) => [name, seen]),
    [[`shop.${zone}`, ['CNAME shop.other.example']]],
  )
  assert.deepEqual(at.sets.find(({ type }) => type === 'A')?.values, ['192.0.2.1', '192.0.2.2'])
})

test('drift: what was removed comes back; what its owner wrote over is the owner’s', () => {
  const at = host(set('TXT', zone, ['v=spf1 include:one.example -all']))
  run(at, plan)
  at.sets = at.sets.filter(({ type }) => type !== 'MX')
  assert.deepEqual(
    run(at, plan).changes.map(({ action, type }) => `${action} ${type}`),
    ['add MX'],
  )
  // The SPF record is gone: the one that is written again still has the owner's part.
  at.sets = at.sets.filter(({ type, name }) => type !== 'TXT' || name !== zone)
  run(at, plan)
  assert.deepEqual(at.sets.find(({ name, type }) => name === zone && type === 'TXT')?.values, [
    'v=spf1 mx include:one.example -all',
  ])
  // The owner edits it: it is his from now on, and stays when the host is left.
  const edited = 'v=spf1 mx include:two.example ~all'
  at.sets = at.sets.map((one) =>
    one.name === zone && one.type === 'TXT' ? { ...one, values: [edited] } : one,
  )
  run(at, plan)
  run(at, [])
  assert.deepEqual(textOf(at.sets), textOf([set('TXT', zone, [edited])]))
})

test('a DMARC record that its owner adds later takes the place of ours', () => {
  const at = host()
  run(at, plan)
  at.sets = applyTo(at.sets, [
    { name: dmarc.name, type: 'TXT', ttl: 300, add: ['v=DMARC1; p=reject'], remove: [] },
  ])
  run(at, plan)
  assert.deepEqual(at.sets.find(({ name }) => name === dmarc.name)?.values, ['v=DMARC1; p=reject'])
})

test('a value that changes in the plan is replaced', () => {
  const at = host()
  run(at, plan)
  const next = [mx, spf, { ...dkim, name: `mwr2._domainkey.${zone}`, value: 'v=DKIM1; p=next' }, web]
  run(at, next)
  assert.deepEqual(
    textOf(at.sets),
    textOf(next.map(({ type, name, value }) => set(type, name, [value], 3600))),
  )
})

test('SPF: what ours allows is put first, whatever the owner wrote', () => {
  const merged: [owners: string, ours: string, want: string][] = [
    ['v=spf1 -all', 'v=spf1 mx ~all', 'v=spf1 mx -all'],
    ['v=spf1', 'v=spf1 mx ~all', 'v=spf1 mx'],
    ['V=SPF1 a redirect=x.example', 'v=spf1 mx ~all', 'V=SPF1 mx a redirect=x.example'],
    ['v=spf1 ?mx -all', 'v=spf1 mx ~all', 'v=spf1 mx ?mx -all'],
    ['v=spf1 include:a.example mx -all', 'v=spf1 mx ~all', 'v=spf1 include:a.example mx -all'],
    ['v=spf1 mx -all', 'v=spf1 mx include:b.example ~all', 'v=spf1 include:b.example mx -all'],
  ]
  for (const [owners, ours, wanted] of merged) assert.equal(mergeSpf(owners, ours), wanted)
})

const names = [zone, `_dmarc.${zone}`, `autoconfig.${zone}`, `www.${zone}`, `mwr1._domainkey.${zone}`]
const foreignValues: Partial<Record<RecordType, string[]>> = {
  A: ['192.0.2.1', '192.0.2.2'],
  MX: ['1 mx.other.example', '10 mx.ours.example', '20 mx.third.example'],
  TXT: [
    'v=spf1 include:a.example -all',
    'v=spf1 mx ~all',
    'v=DMARC1; p=reject',
    'v=DKIM1; p=other',
    'verification=1',
  ],
  CNAME: ['elsewhere.example'],
  CAA: ['0 issue "ca.example"'],
}

const foreignZone = fc
  .array(
    fc.record({
      name: fc.constantFrom(...names),
      type: fc.constantFrom<RecordType>('A', 'MX', 'TXT', 'CNAME', 'CAA'),
      pick: fc.nat({ max: 4 }),
      ttl: fc.constantFrom(60, 300, 3600),
    }),
    { maxLength: 12 },
  )
  .map((all) =>
    mergeRRsets(
      all.flatMap(({ name, type, pick, ttl }) => {
        const values = foreignValues[type] ?? []
        const value = values[pick % values.length]
        // No host keeps another record beside a CNAME.
        const isTaken = all.some((one) => one.name === name && one.type === 'CNAME' && name !== zone)
        return value === undefined || (isTaken && type !== 'CNAME')
          ? []
          : [{ name, type, ttl, values: [value] }]
      }),
    ),
  )

test('whatever is in a zone: it settles at once, drift is repaired, and in the end it is as it was', () => {
  fc.assert(
    fc.property(
      foreignZone,
      fc.subarray(plan),
      fc.subarray(plan),
      fc.boolean(),
      fc.nat({ max: 6 }),
      (there, wanted, later, takeOver, lost) => {
        const at = host(...there)
        run(at, wanted, takeOver)
        assert.deepEqual(run(at, wanted, takeOver).changes, [])
        const gone = at.written[lost % Math.max(at.written.length, 1)]
        if (gone) {
          at.sets = applyTo(at.sets, [
            {
              ...gone,
              ttl: at.sets.find((one) => one.name === gone.name)?.ttl ?? 300,
              add: [],
              remove: [gone.value],
            },
          ])
        }
        const before = textOf(at.sets)
        run(at, wanted, takeOver)
        if (gone && at.written.some(({ value }) => value === gone.value))
          assert.notDeepEqual(textOf(at.sets), before)
        run(at, later, takeOver)
        assert.deepEqual(run(at, later, takeOver).changes, [])
        run(at, [])
        const valuesOf = (sets: readonly RRset[]) =>
          sets.flatMap(({ name, type, values }) => values.map((value) => `${type} ${name} ${value}`)).sort()
        assert.deepEqual(valuesOf(at.sets), valuesOf(there))
      },
    ),
    { numRuns: 2000 },
  )
})
