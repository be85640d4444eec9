/** The regular looks, against real name servers: activation without a call, drift, silence, moves and takeovers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Scope } from '../../accounts/principals.ts'
import { createWorkspace } from '../../accounts/workspaces.ts'
import { transaction } from '../../platform/database.ts'
import { textAt } from '../../testing/test-api.ts'
import type { Zone } from '../../testing/test-dns.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { lookAtDueDomains } from '../../testing/test-looks.ts'
import {
  startTestNameServers,
  type TestNameServer,
  type TestNameServers,
} from '../../testing/test-name-servers.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { desiredRecords } from '../desired-records.ts'
import { dkimKeysOf } from '../dkim-keys.ts'
import { connectDomain, type Domain, deleteDomain, getDomain } from '../domains.ts'
import { wantedDnsMode } from '../nameservers.ts'
import { changeSettings } from '../settings.ts'
import type { DnsMode } from '../tables.ts'
import { plannedRecords } from '../zones/protected-records.ts'
import { storedCheck } from './store.ts'

const ours = ['ns1.platform.example', 'ns2.platform.example']
const theirs = ['ns1.host.example', 'ns2.host.example']
let tree: TestNameServers & { registry: TestNameServer }
let hosts: TestNameServer[]
let own: TestNameServer[]
let t: TestPlatform
let other: Scope
before(async () => {
  tree = await startTestNameServers()
  hosts = await Promise.all(theirs.map((name) => tree.start(name)))
  own = await Promise.all(ours.map((name) => tree.start(name)))
  t = await startTestPlatform({
    ...tree.environment,
    MAILWRIGHT_HOSTNAME: 'mx.platform.example',
    MAILWRIGHT_NAMESERVERS: ours.join(','),
    MAILWRIGHT_DNS_CHECKS_PER_SECOND: '10000',
  })
  const workspace = await transaction(t.platform.db, (tx) =>
    createWorkspace(t.platform, tx, t.scope.organizationId, { name: 'Other' }),
  )
  other = { ...t.scope, workspaceId: workspace.id }
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await tree[Symbol.asyncDispose]()
})

async function connect(name: string, dnsMode: DnsMode = 'manual', scope = t.scope): Promise<Domain> {
  const domain = await transaction(t.platform.db, (tx) =>
    connectDomain(t.platform, tx, scope, name, { dnsMode }),
  )
  await runJobs(t.platform)
  return domain
}

/** The registry's word. */
function delegate(name: string, nameservers: readonly string[] | null): void {
  const zone = tree.registry.zones['example'] ?? {}
  if (nameservers === null) delete zone[name]
  else zone[name] = { NS: [...nameservers] }
}

/** The zone at these servers, as its owner writes it. */
function serve(servers: readonly TestNameServer[], name: string, zone: Zone): void {
  for (const server of servers)
    server.zones[name] = { ...zone, [name]: { NS: [...servers.map((one) => one.name)], ...zone[name] } }
}

/** What the owner is told to write, as a zone. */
async function planned(domain: Domain): Promise<Zone> {
  const zone: Zone = {}
  const keys = await dkimKeysOf(t.platform.db, domain.id)
  for (const { type, name, value } of desiredRecords(t.platform.config, domain, keys)) {
    const records = zone[name] ?? {}
    zone[name] = records
    if (type === 'TXT') records.TXT = [...(records.TXT ?? []), value]
    if (type === 'MX') records.MX = [[10, value.slice(3)]]
    if (type === 'CNAME') records.CNAME = [value]
    if (type === 'SRV') {
      const [priority = '', weight = '', port = '', target = ''] = value.split(' ')
      records.SRV = [[Number(priority), Number(weight), Number(port), target]]
    }
  }
  return zone
}

async function lookAgain(after = 'PT2H') {
  t.platform.clock.advance?.(after)
  const done = await lookAtDueDomains(t.platform)
  await runJobs(t.platform)
  return done
}

async function stateOf({ id }: Domain, scope = t.scope): Promise<string> {
  return (await getDomain(t.platform, scope, id)).state
}

async function eventsOf({ id }: Domain, type: string): Promise<unknown[]> {
  const rows = await t.platform.db
    .selectFrom('events')
    .select(['type', 'data'])
    .orderBy('xid')
    .orderBy('id')
    .execute()
  return rows.flatMap((row) => (row.type === type && textAt(row.data, 'domain_id') === id ? [row.data] : []))
}

test('a domain whose owner pastes the records becomes active by itself, with its mailboxes', async () => {
  const domain = await connect('pasted.example')
  const mailbox = await t.createMailbox('ann@pasted.example')
  await lookAgain('PT0S')
  const first = await storedCheck(t.platform.db, domain.id)
  assert.deepEqual(
    [await stateOf(domain), first?.asked, first?.delegation?.state],
    ['pending_records', 'authority', 'none'],
  )
  delegate(domain.name, theirs)
  serve(hosts, domain.name, await planned(domain))
  await lookAgain()
  assert.equal(await stateOf(domain), 'active')
  const stored = await storedCheck(t.platform.db, domain.id)
  assert.deepEqual(
    stored?.records.filter(({ status }) => status !== 'valid').map(({ name }) => name),
    [],
  )
  assert.ok(stored?.records.every(({ answeredBy }) => answeredBy !== null && theirs.includes(answeredBy)))
  const { state } = await t.platform.db
    .selectFrom('mailboxes')
    .select('state')
    .where('id', '=', mailbox.mailboxId)
    .executeTakeFirstOrThrow()
  assert.equal(state, 'active')
})

test('an active domain costs seven questions at most, and what drifts is told once', async () => {
  const domain = await connect('drifting.example')
  delegate(domain.name, theirs)
  serve(hosts, domain.name, await planned(domain))
  await lookAgain()
  await t.platform.db
    .updateTable('domain_checks')
    .set({ due_at: null })
    .where('domain_id', '<>', domain.id)
    .execute()
  const quiet = await lookAgain()
  assert.equal(quiet.domains, 1)
  assert.ok(quiet.questions <= 7, String(quiet.questions))
  assert.deepEqual(await eventsOf(domain, 'domain.records_drifted'), [])
  const zone = await planned(domain)
  serve(hosts, domain.name, {
    ...zone,
    [domain.name]: { ...zone[domain.name], MX: [[1, 'mx.elsewhere.example']] },
  })
  for (let round = 0; round < 2; round++) await lookAgain()
  const drifted = await eventsOf(domain, 'domain.records_drifted')
  assert.equal(drifted.length, 1)
  assert.deepEqual(
    ['purpose', 'status', 'seen'].map((field) => textAt(drifted[0], 'records', 0, field)),
    ['mx', 'wrong', '1 mx.elsewhere.example'],
  )
  assert.equal(await stateOf(domain), 'active')
  // Silence ends nothing and makes nothing worse.
  for (const host of hosts) host.silent = true
  await lookAgain('P20D')
  assert.equal(await stateOf(domain), 'active')
  for (const host of hosts) host.silent = false
  await lookAgain()
  assert.equal(await stateOf(domain), 'pending_records')
  serve(hosts, domain.name, zone)
  await lookAgain()
  assert.equal(await stateOf(domain), 'active')
})

test('what strangers write into DNS does not keep others from being looked at', async () => {
  const hostile = await connect('hostile.example')
  const other = await connect('neighbour.example')
  for (const domain of [hostile, other]) {
    delegate(domain.name, theirs)
    serve(hosts, domain.name, await planned(domain))
  }
  await lookAgain()
  const strange = ['v=spf1 \0 mx', `v=DMARC1; p=\0\u{1f600}${'\u{1f600}'.repeat(40)}`]
  serve(hosts, hostile.name, {
    ...hosts[0]?.zones[hostile.name],
    [hostile.name]: { MX: [[10, 'mx.platform.example']], TXT: strange.slice(0, 1) },
    [`_dmarc.${hostile.name}`]: { TXT: strange.slice(1) },
  })
  const zone = tree.registry.zones['example'] ?? {}
  zone[hostile.name] = { NS: [...theirs, 'b\0d.host.example'] }
  for (let looks = 0; looks < 8; looks++) await lookAgain()
  for (const { id } of [hostile, other]) {
    const checkedAt = (await storedCheck(t.platform.db, id))?.checked_at?.getTime() ?? 0
    assert.ok(t.platform.clock.now().getTime() - checkedAt < 3_600_000)
  }
  assert.equal((await eventsOf(hostile, 'domain.records_drifted')).length, 1)
})

/** What our own servers answer once a zone is not held. */
function answer(name: string): void {
  serve(own, name, {})
}

test('a served domain is active when the delegation is exactly ours and we answer', async () => {
  const domain = await connect('served.example', 'served')
  assert.equal(domain.state, 'pending_nameservers')
  assert.equal(domain.zone_held, false)
  const steps: [delegation: string[] | null, answers: boolean, state: string, problem: RegExp][] = [
    [null, false, 'pending_nameservers', /not delegated/],
    [theirs, false, 'pending_nameservers', /is delegated to ns1\.host\.example/],
    [['ns1.platform.example', 'ns2.host.example'], true, 'pending_nameservers', /half changed/],
    [['ns1.platform.example'], true, 'pending_nameservers', /half changed/],
    [ours, false, 'pending_nameservers', /does not have the zone/],
    [ours, true, 'active', /^$/],
  ]
  for (const [nameservers, answers, state, problem] of steps) {
    delegate(domain.name, nameservers)
    for (const server of own) delete server.zones[domain.name]
    if (answers) answer(domain.name)
    await lookAgain()
    assert.equal(await stateOf(domain), state, String(nameservers))
    assert.match((await storedCheck(t.platform.db, domain.id))?.problem ?? '', problem)
  }
  assert.notEqual((await storedCheck(t.platform.db, domain.id))?.delegated_since, null)
  await t.platform.db
    .updateTable('domain_checks')
    .set({ due_at: null })
    .where('domain_id', '<>', domain.id)
    .execute()
  const { questions } = await lookAgain()
  assert.ok(questions <= 2, String(questions))
})

test('a delegation that is taken away is drift', async () => {
  const domain = await connect('hijacked.example', 'served')
  delegate(domain.name, ours)
  answer(domain.name)
  await lookAgain()
  assert.equal(await stateOf(domain), 'active')
  delegate(domain.name, theirs)
  serve(hosts, domain.name, { [domain.name]: { MX: [[10, 'mx.thief.example']] } })
  await lookAgain()
  const [drifted] = await eventsOf(domain, 'domain.records_drifted')
  assert.equal(textAt(drifted, 'records', 0, 'purpose'), 'nameservers')
  assert.equal(await stateOf(domain), 'active')
})

test('a name that another workspace had here is not answered, nor taken, on a delegation that was left behind', async () => {
  const former = await connect('leftover.example', 'served', other)
  delegate(former.name, ours)
  answer(former.name)
  await lookAgain()
  assert.equal(await stateOf(former, other), 'active')
  await transaction(t.platform.db, (tx) => deleteDomain(t.platform, tx, other, former.id, async () => true))
  const taken = await connect('leftover.example', 'served')
  assert.equal(taken.zone_held, true)
  await lookAgain()
  assert.equal(await stateOf(taken), 'pending_nameservers')
  const stored = await storedCheck(t.platform.db, taken.id)
  assert.match(stored?.problem ?? '', /Another workspace/)
  assert.ok(stored?.records.some(({ purpose }) => purpose === 'ownership'))
  const inZone = await plannedRecords(t.platform, t.platform.db, taken)
  assert.ok(!inZone.some(({ purpose }) => purpose === 'ownership'), 'it is to be proved elsewhere')
  // Whoever really has the domain moves it away once, and back.
  delegate(taken.name, theirs)
  await lookAgain()
  assert.equal((await getDomain(t.platform, t.scope, taken.id)).zone_held, false)
  assert.equal(await stateOf(taken), 'pending_nameservers')
  delegate(taken.name, ours)
  await lookAgain()
  assert.equal(await stateOf(taken), 'active')
  // On its way out, and when that is taken back, it is answered still.
  for (const dnsMode of ['manual', 'served'] as const) {
    await transaction(t.platform.db, (tx) =>
      changeSettings(t.platform, tx, t.scope, taken.id, { dnsMode }, null),
    )
    const now = await getDomain(t.platform, t.scope, taken.id)
    assert.deepEqual([wantedDnsMode(now), now.dns_mode, now.zone_held], [dnsMode, 'served', false])
  }
})

test('or proves it at the name servers that are not ours', async () => {
  const former = await connect('proved.example', 'served', other)
  await transaction(t.platform.db, (tx) => deleteDomain(t.platform, tx, other, former.id, async () => true))
  const domain = await connect('proved.example', 'served')
  delegate(domain.name, ['ns1.platform.example', 'ns1.host.example'])
  for (const server of own) delete server.zones[domain.name]
  const proof = `mailwright-verification=${domain.ownership_token}`
  serve(hosts.slice(0, 1), domain.name, { [`_mailwright.${domain.name}`]: { TXT: [proof] } })
  await lookAgain()
  assert.equal((await getDomain(t.platform, t.scope, domain.id)).zone_held, false)
  assert.equal(await stateOf(domain), 'pending_nameservers')
})

test('the workspace that had it before gets it back without a proof', async () => {
  const first = await connect('again.example', 'served')
  await transaction(t.platform.db, (tx) => deleteDomain(t.platform, tx, t.scope, first.id, async () => true))
  assert.equal((await connect('again.example', 'served')).zone_held, false)
})

test('deleted domains are looked at no more, and those that came otherwise are', async () => {
  const gone = await connect('gone.example')
  await transaction(t.platform.db, (tx) => deleteDomain(t.platform, tx, t.scope, gone.id, async () => true))
  const unknown = await connect('unknown.example')
  await t.platform.db.deleteFrom('domain_checks').where('domain_id', '=', unknown.id).execute()
  await lookAgain()
  assert.equal(await storedCheck(t.platform.db, gone.id), null)
  assert.notEqual((await storedCheck(t.platform.db, unknown.id))?.checked_at, null)
})

test('a domain that is made due while it is looked at is looked at again', async () => {
  const domain = await connect('changed.example')
  delegate(domain.name, theirs)
  serve(hosts, domain.name, await planned(domain))
  await lookAgain()
  assert.equal(await stateOf(domain), 'active')
  await t.platform.db
    .updateTable('domain_checks')
    .set({ due_at: null })
    .where('domain_id', '<>', domain.id)
    .execute()
  t.platform.clock.advance?.('PT2H')
  const asked = new Promise<void>((resolve) => {
    tree.registry.mangle = () => {
      resolve()
      return Buffer.alloc(1) // no answer to anything: the look waits, and asks again
    }
  })
  const looking = lookAtDueDomains(t.platform)
  await asked
  await transaction(t.platform.db, (tx) =>
    changeSettings(t.platform, tx, t.scope, domain.id, { dmarcPolicy: 'reject' }, null),
  )
  tree.registry.mangle = null
  assert.equal((await looking).domains, 1)
  assert.equal((await lookAtDueDomains(t.platform)).domains, 1)
})

test('one node at a time looks', async () => {
  t.platform.clock.advance?.('PT3H')
  const runs = await Promise.all([lookAtDueDomains(t.platform), lookAtDueDomains({ ...t.platform })])
  assert.ok(runs.some(({ domains }) => domains === 0))
  assert.ok(runs.some(({ domains }) => domains > 0))
})
