/** What looks lead to, as tables: no network, no database. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Decision, decide, type Judged, nextLook, type Standing } from './decide.ts'
import type { Look } from './look.ts'
import { checkPolicy } from './policy.ts'
import type { DelegationState, RecordStatus, SeenDelegation, SeenRecord } from './tables.ts'

const dayMs = 86_400_000
const now = new Date('2026-06-01T12:00:00Z')
const ago = (ms: number): Date => new Date(now.getTime() - ms)

const own = { dnsZone: 'mw.example', nameservers: [] }
const shared = { dnsZone: null, nameservers: ['ns1.host.example'] }

const manual: Judged = {
  id: '0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000',
  name: 'shop.example',
  state: 'pending_records',
  state_changed_at: ago(dayMs),
  dns_mode: 'manual',
  pending_dns_mode: null,
  zone_held: false,
}
const served: Judged = { ...manual, dns_mode: 'served', state: 'pending_nameservers' }
const nothingKnown: Standing = { records: [], brokenSince: null, delegatedSince: null }

function delegation(state: DelegationState, more: Partial<SeenDelegation> = {}): SeenDelegation {
  return {
    state,
    parent: 'example',
    nameservers: [{ name: 'ns1.host.example', state: 'right', set: [] }],
    ds: [],
    namesPlatform: state === 'ours' || state === 'half_changed',
    ...more,
  }
}

function record(purpose: SeenRecord['purpose'], status: RecordStatus): SeenRecord {
  return {
    purpose,
    type: purpose === 'mx' ? 'MX' : purpose === 'nameservers' ? 'NS' : 'TXT',
    name: 'shop.example',
    value: purpose,
    level: purpose === 'spf' ? 'recommended' : 'required',
    status,
    seen: [],
    suggestion: null,
    answeredBy: null,
    checkedAt: now.toISOString(),
  }
}

function look(records: Partial<Record<SeenRecord['purpose'], RecordStatus>>, more: Partial<Look> = {}): Look {
  return {
    at: now,
    asked: 'authority',
    delegation: delegation('elsewhere'),
    records: Object.entries(records).map(([purpose, status]) =>
      record(purpose as SeenRecord['purpose'], status),
    ),
    problem: null,
    questions: 1,
    ...more,
  }
}

const lame = [{ name: 'ns1.host.example', state: 'lame' as const, set: [] }]
const states: [what: string, domain: Judged, look: Look, moveTo: Decision['moveTo'], config?: typeof own][] =
  [
    ['all required are there', manual, look({ ownership: 'valid', mx: 'valid', spf: 'missing' }), 'active'],
    ['ownership is not', manual, look({ ownership: 'wrong', mx: 'valid' }), null],
    ['ownership gave no answer', manual, look({ ownership: 'unanswered', mx: 'valid' }), null],
    ['ownership was never asked', manual, look({ ownership: 'unchecked', mx: 'valid' }), null],
    [
      'delegated to us, and we answer',
      served,
      look({ mx: 'unchecked' }, { delegation: delegation('ours') }),
      'active',
    ],
    ['half changed', served, look({ mx: 'valid' }, { delegation: delegation('half_changed') }), null],
    ['still elsewhere, with our MX', served, look({ mx: 'valid', ownership: 'valid' }), null],
    [
      'delegated to us, and nobody has the zone',
      served,
      look({}, { delegation: delegation('ours', { nameservers: lame }) }),
      null,
    ],
    [
      'only a resolver can be asked',
      served,
      look({}, { asked: 'resolver', delegation: delegation('ours', { nameservers: [] }) }),
      'active',
    ],
    ['held', { ...served, zone_held: true }, look({}, { delegation: delegation('ours') }), null],
    ['suspended', { ...manual, state: 'suspended' }, look({ ownership: 'valid', mx: 'valid' }), null],
    [
      'active, nothing there',
      { ...manual, state: 'active' },
      look({ ownership: 'missing', mx: 'missing' }),
      null,
    ],
    [
      'a sandbox',
      { ...manual, name: 'shop.test', state: 'active' },
      look({ mx: 'missing' }, { at: new Date(now.getTime() + 400 * dayMs) }),
      null,
    ],
  ]
for (const [what, domain, seen, moveTo] of states) {
  test(`state: ${what}`, () => {
    const broken = { ...nothingKnown, brokenSince: domain.name.endsWith('.test') ? ago(dayMs) : null }
    assert.equal(decide(own, domain, broken, seen).moveTo, moveTo)
  })
}

const long = ago(checkPolicy.brokenForMsMax)
const gone = look({ mx: 'wrong' })
const broken: [
  what: string,
  since: Date | null,
  look: Look,
  after: Date | null,
  moveTo: Decision['moveTo'],
][] = [
  ['one bad look changes nothing', null, gone, now, null],
  ['nor do some days', ago(3 * dayMs), gone, ago(3 * dayMs), null],
  ['after too long it waits again', long, gone, long, 'pending_records'],
  ['no answer is no bad look', null, look({ mx: 'unanswered' }), null, null],
  ['and ends nothing', long, look({ mx: 'unanswered' }), long, null],
  ['a resolver’s word is not enough', long, { ...gone, asked: 'resolver' }, long, null],
  ['mail that is back', long, look({ mx: 'valid' }), null, null],
  [
    'a domain that is gone',
    long,
    look({ mx: 'missing' }, { delegation: delegation('none') }),
    long,
    'pending_records',
  ],
]
for (const [what, since, seen, after, moveTo] of broken) {
  test(`active: ${what}`, () => {
    const decision = decide(
      own,
      { ...manual, state: 'active' },
      { ...nothingKnown, brokenSince: since },
      seen,
    )
    assert.deepEqual([decision.brokenSince, decision.moveTo], [after, moveTo])
  })
}

test('an active served domain waits for its name servers again, and is not broken while its MX is ours elsewhere', () => {
  const active: Judged = { ...served, state: 'active' }
  const standing = { ...nothingKnown, brokenSince: long }
  assert.equal(decide(own, active, standing, gone).moveTo, 'pending_nameservers')
  assert.equal(decide(own, active, standing, look({ mx: 'valid' })).moveTo, null)
})

const elsewhere = delegation('elsewhere')
const leftOver = delegation('elsewhere', { namesPlatform: true })
const holds: [what: string, config: typeof own | typeof shared, look: Look, releases: boolean][] = [
  ['names of this workspace only', own, look({}, { delegation: delegation('ours') }), true],
  ['names that all share', shared, look({}, { delegation: delegation('ours') }), false],
  ['it went elsewhere', shared, look({}, { delegation: elsewhere }), true],
  ['it is registered no more', shared, look({}, { delegation: delegation('none') }), true],
  ['names of another workspace', own, look({}, { delegation: leftOver }), false],
  ['half of it', shared, look({}, { delegation: delegation('half_changed') }), false],
  [
    'half of it, and proved at the other half',
    shared,
    look({ ownership: 'valid' }, { delegation: delegation('half_changed') }),
    true,
  ],
  ['no answer', shared, look({}, { delegation: delegation('unanswered') }), false],
]
for (const [what, config, seen, releases] of holds) {
  test(`held: ${what}: ${releases ? 'ends' : 'stays'}`, () => {
    assert.equal(decide(config, { ...served, zone_held: true }, nothingKnown, seen).releasesHold, releases)
  })
}

const moves: [what: string, domain: Judged, delegation: SeenDelegation, adopts: boolean][] = [
  ['leaves us, and has left', { ...served, pending_dns_mode: 'manual' }, elsewhere, true],
  ['leaves us, and is still here', { ...served, pending_dns_mode: 'manual' }, delegation('ours'), false],
  ['leaves us, half', { ...served, pending_dns_mode: 'manual' }, delegation('half_changed'), false],
  ['leaves us, nobody could say', { ...served, pending_dns_mode: 'manual' }, delegation('unanswered'), false],
  [
    'comes from a host, and is here',
    { ...manual, dns_mode: 'driven', pending_dns_mode: 'served' },
    delegation('ours'),
    true,
  ],
  [
    'comes from a host, not yet',
    { ...manual, dns_mode: 'driven', pending_dns_mode: 'served' },
    elsewhere,
    false,
  ],
  ['stays', served, elsewhere, false],
]
for (const [what, domain, seen, adopts] of moves) {
  test(`DNS that moves: ${what}`, () => {
    assert.equal(decide(own, domain, nothingKnown, look({}, { delegation: seen })).adoptsMode, adopts)
  })
}

test('drift: what was right and is not, of an active domain; no answer is no drift', () => {
  const before = {
    ...nothingKnown,
    records: [record('mx', 'valid'), record('spf', 'valid'), record('dmarc', 'missing')],
  }
  const seen = look({ mx: 'wrong', spf: 'unanswered', dmarc: 'missing' })
  const drifted = (domain: Judged): string[] =>
    decide(own, domain, before, seen).drifted.map(({ purpose }) => purpose)
  assert.deepEqual(drifted({ ...manual, state: 'active' }), ['mx'])
  assert.deepEqual(drifted(manual), [])
})

test('since when it is delegated to us', () => {
  const at = (state: DelegationState, delegatedSince: Date | null): Date | null =>
    decide(own, served, { ...nothingKnown, delegatedSince }, look({}, { delegation: delegation(state) }))
      .delegatedSince
  assert.deepEqual(at('ours', null), now)
  assert.deepEqual(at('ours', long), long)
  assert.deepEqual(at('unanswered', long), long)
  assert.equal(at('elsewhere', long), null)
})

test('the next look: active ones every hour or so, waiting ones more and more seldom, and at last not at all', () => {
  const dueMs = (state: Judged['state'], waitedMs: number): number | null => {
    const at = nextLook({ ...manual, state, state_changed_at: ago(waitedMs) }, now)
    return at === null ? null : at.getTime() - now.getTime()
  }
  const activeMs = dueMs('active', 0) ?? 0
  assert.ok(
    Math.abs(activeMs - checkPolicy.activeEveryMs) <= checkPolicy.activeEveryMs * checkPolicy.jitterShare,
  )
  const waits = [0, 3_600_000, dayMs, 30 * dayMs].map((waited) => dueMs('pending_records', waited))
  assert.deepEqual(waits, [60_000, 360_000, 8_640_000, checkPolicy.pendingEveryMsMax])
  assert.equal(dueMs('pending_records', checkPolicy.pendingEndsAfterMs + 1), null)
  assert.equal(dueMs('suspended', 0), checkPolicy.idleEveryMs)
  assert.equal(nextLook({ ...manual, name: 'shop.test', state: 'active' }, now), null)
})
