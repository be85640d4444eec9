/** Runs at a host, with the database: whatever goes wrong in between, foreign records stay and ours are known. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as fc from 'fast-check'
import { transaction } from '../../platform/database.ts'
import {
  type CloudflareRecord,
  type CloudflareStandIn,
  type CloudflareZone,
  startCloudflare,
} from '../../testing/cloudflare-stand-in.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { connectDomain, deleteDomain } from '../domains.ts'
import { ttlSeconds } from '../zones/policy.ts'
import { createDnsHost, deleteDnsHost } from './connections.ts'
import { leaveDnsHost, setDnsHost } from './drive.ts'
import { recordsAt } from './hosting.ts'
import { dnsHostPolicy } from './policy.ts'
import { reconcileHost } from './reconcile.ts'
import { wantedRecords } from './wanted.ts'

let running: TestPlatform
let cloudflare: CloudflareStandIn
let hostId: string
before(async () => {
  cloudflare = await startCloudflare()
  running = await startTestPlatform({
    MAILWRIGHT_HOSTNAME: 'mx.ours.example',
    MAILWRIGHT_CLOUDFLARE_API_URL: cloudflare.url,
  })
  hostId = await connectHost()
})
after(async () => {
  await running[Symbol.asyncDispose]()
  await cloudflare[Symbol.asyncDispose]()
})

async function connectHost(): Promise<string> {
  const { platform, scope } = running
  const wanted = { name: 'x', kind: 'cloudflare' as const, settings: {}, secret: cloudflare.token }
  return (await transaction(platform.db, (tx) => createDnsHost(platform, tx, scope, wanted))).id
}

let made = 0

/** A domain of its own whose zone has these records (`@` is its name), driven but not written yet. */
async function drive(records: readonly Omit<CloudflareRecord, 'id'>[], takeOver = false, dnsHostId = hostId) {
  const { platform, scope } = running
  const name = `d${++made}.example`
  const full = (one: string): string => (one === '@' ? name : `${one}.${name}`)
  const zone = cloudflare.addZone(
    name,
    records.map((one) => ({ ...one, name: full(one.name) })),
  )
  const id = await transaction(platform.db, async (tx) => {
    const domain = await connectDomain(platform, tx, scope, name)
    await setDnsHost(platform, tx, scope, domain.id, { dnsHostId, takeOver, createZone: false })
    return domain.id
  })
  const leave = () => transaction(platform.db, (tx) => leaveDnsHost(platform, tx, scope, id, true))
  return { id, name, zone, leave }
}

const textOf = (zone: CloudflareZone): string[] =>
  zone.records.map((one) => `${one.type} ${one.name} ${one.priority ?? ''} ${one.content}`).sort()

const record = (type: string, name: string, content: string): Omit<CloudflareRecord, 'id'> => ({
  type,
  name,
  content,
  ttl: 300,
  proxied: false,
  comment: 'theirs',
  ...(type === 'MX' ? { priority: 5 } : {}),
})

test('any zone: written, drifted, repaired and left, it has its records, byte for byte', async () => {
  const foreign = fc.uniqueArray(
    fc.constantFrom(
      record('A', '@', '192.0.2.1'),
      record('A', 'www', '192.0.2.2'),
      record('AAAA', 'www', '2001:db8::1'),
      record('HTTPS', '@', '1 . alpn="h2"'),
      record('TXT', '@', '"v=spf1 mx include:a.example -all"'),
      record('TXT', '@', 'unquoted; of old'),
      record('TXT', '@', '"in " "pieces"'),
      record('TXT', '_dmarc', '"v=DMARC1; p=reject"'),
      record('TXT', '_smtp._tls', '"something else"'),
      record('TXT', 'mwr1._domainkey', '"v=DKIM1; p=theirs"'),
      record('CNAME', 'mwe1._domainkey', 'keys.example'),
      record('MX', '@', 'mx.other.example'),
      record('MX', '@', 'mx2.other.example'),
      record('CAA', '@', '0 issue "ca.example"'),
    ),
    { maxLength: 10, selector: (one) => `${one.type} ${one.name} ${one.content}` },
  )
  await fc.assert(
    fc.asyncProperty(foreign, fc.nat({ max: 20 }), async (records, lost) => {
      const { id, zone, leave } = await drive(records)
      const untouched = JSON.stringify(zone.records)
      const kept = () => JSON.stringify(zone.records.filter(({ comment }) => comment === 'theirs'))
      await runJobs(running.platform)
      assert.equal(kept(), untouched)
      const ours = zone.records.filter(({ comment }) => comment === 'Mailwright')
      const gone = ours[lost % ours.length]
      zone.records.splice(0, zone.records.length, ...zone.records.filter((one) => one !== gone))
      const { changes } = await reconcileHost(running.platform, id)
      assert.deepEqual(
        changes.map(({ action, name, type }) => [action, name, type]),
        gone === undefined ? [] : [['add', gone.name, gone.type]],
      )
      assert.equal(kept(), untouched)
      await leave()
      await runJobs(running.platform)
      assert.equal(JSON.stringify(zone.records), untouched)
    }),
    { numRuns: 10 },
  )
  assert.deepEqual(cloudflare.complaints, [])
})

test('a reply that is lost: what was written is known for ours by the next run', async () => {
  const { id, name, zone, leave } = await drive([record('MX', '@', 'mx.other.example')], true)
  const before = textOf(zone)
  cloudflare.loseNextBatch()
  const first = await reconcileHost(running.platform, id)
  assert.equal(first.error?.kind, 'unreachable')
  assert.ok(textOf(zone).includes(`MX ${name} 10 mx.ours.example`), 'it was done all the same')
  await running.platform.db.updateTable('dns_hosts').set({ retry_at: null }).execute()
  const second = await reconcileHost(running.platform, id)
  assert.deepEqual([second.error, second.changes], [null, []])
  const rows = await recordsAt(running.platform.db, id, hostId)
  assert.deepEqual(
    rows.filter(({ displaced }) => displaced).map(({ value }) => value),
    ['5 mx.other.example'],
  )
  await leave()
  await runJobs(running.platform)
  assert.deepEqual(textOf(zone), before)
})

test('whatever a host says and has, the database takes it', async () => {
  const { id } = await drive([
    { ...record('TXT', '@', '"v=spf1 \\000 -all"') },
    { ...record('CNAME', 'autoconfig', '\ud800\u0000.example') },
  ])
  const { error, conflicts } = await reconcileHost(running.platform, id)
  assert.equal(error, null)
  assert.equal(conflicts.length, 2)
  const message = `${'x'.repeat(470)}\u0000${'\u{1f600}'.repeat(20)}\ud800`
  const body = JSON.stringify({ success: false, errors: [{ code: 1004, message }] })
  cloudflare.answerNext({ status: 400, body })
  assert.equal((await reconcileHost(running.platform, id)).error?.kind, 'rejected')
  assert.equal((await hosting(id)).state, 'failing')
})

test('what stands in the way is told once, as long as it does not change', async () => {
  const { id, zone } = await drive([record('MX', '@', 'mx.other.example')])
  const told = async () => {
    const { rows } = await running.platform.pool.query(
      `select count(*)::int as events from events
       where type = 'domain.dns_host_reconciled' and data->>'domain_id' = $1`,
      [id],
    )
    return rows[0].events
  }
  assert.equal((await reconcileHost(running.platform, id)).conflicts.length, 1)
  assert.equal(await told(), 1)
  assert.equal((await reconcileHost(running.platform, id)).conflicts.length, 1)
  assert.equal(await told(), 1)
  for (const one of zone.records) if (one.content === 'mx.other.example') one.content = 'mx3.other.example'
  await reconcileHost(running.platform, id)
  assert.equal(await told(), 2)
})

test('failures in a row wait longer and longer, and the first success forgets them', async () => {
  const { id } = await drive([])
  const waits: number[] = []
  for (let attempt = 0; attempt < dnsHostPolicy.retryMs.length + 1; attempt++) {
    cloudflare.answerNext({ status: 400, body: '{"success":false,"errors":[{"code":1004,"message":"no"}]}' })
    const now = running.platform.clock.now().getTime()
    const { retryAt, error } = await reconcileHost(running.platform, id)
    assert.equal(error?.message, 'Cloudflare answered 400: no (1004)')
    waits.push(Math.round(((retryAt?.getTime() ?? 0) - now) / 10_000) * 10_000)
  }
  assert.deepEqual(waits, [...dnsHostPolicy.retryMs, dnsHostPolicy.retryMs.at(-1)])
  const failing = await hosting(id)
  assert.deepEqual(
    [failing.state, failing.error_kind, failing.attempts],
    ['failing', 'rejected', waits.length],
  )
  assert.equal((await reconcileHost(running.platform, id)).error, null)
  const well = await hosting(id)
  assert.deepEqual(
    [well.state, well.error_kind, well.attempts, well.next_attempt_at],
    ['in_sync', null, 0, null],
  )
})

test('a zone that was made anew, with another id, is found again; one that is gone ends a leaving', async () => {
  const { id, name, zone, leave } = await drive([])
  assert.equal((await reconcileHost(running.platform, id)).error, null)
  const drop = (): void =>
    void cloudflare.zones.splice(
      cloudflare.zones.findIndex((one) => one.name === name),
      1,
    )
  drop()
  assert.equal((await reconcileHost(running.platform, id)).error?.kind, 'zone_missing')
  const fresh = cloudflare.addZone(name)
  assert.notEqual(fresh.id, zone.id)
  assert.equal((await reconcileHost(running.platform, id)).error, null)
  assert.ok(textOf(fresh).includes(`MX ${name} 10 mx.ours.example`))
  drop()
  await leave()
  assert.equal((await reconcileHost(running.platform, id)).error?.kind, 'zone_missing')
  assert.equal((await reconcileHost(running.platform, id)).error, null)
  assert.deepEqual(await recordsAt(running.platform.db, id, hostId), [])
})

test('a domain that is deleted, or set to another mode, leaves its host', async () => {
  const { platform, scope } = running
  const deleted = await drive([record('A', '@', '192.0.2.1')])
  await runJobs(platform)
  await transaction(platform.db, (tx) => deleteDomain(platform, tx, scope, deleted.id, async () => true))
  await runJobs(platform)
  assert.deepEqual(textOf(deleted.zone), [`A ${deleted.name}  192.0.2.1`])
  const served = await drive([])
  await runJobs(platform)
  await platform.db.updateTable('domains').set({ dns_mode: 'served' }).where('id', '=', served.id).execute()
  await reconcileHost(platform, served.id)
  assert.deepEqual(served.zone.records, [])
  const row = await platform.db
    .selectFrom('domains')
    .select('dns_host_id')
    .where('id', '=', served.id)
    .executeTakeFirst()
  assert.equal(row?.dns_host_id, null)
})

test('a host that is gone is given up with what deleted domains, and those of another mode, still have there', async () => {
  const { platform, scope } = running
  const gone = await connectHost()
  const deleted = await drive([], false, gone)
  const moved = await drive([], false, gone)
  await runJobs(platform)
  await transaction(platform.db, (tx) => deleteDomain(platform, tx, scope, deleted.id, async () => true))
  const giveUp = (abandon: boolean) =>
    transaction(platform.db, (tx) => deleteDnsHost(platform, tx, scope, gone, abandon))
  await assert.rejects(giveUp(true), /keeps the records of 1 domains/)
  await platform.db.updateTable('domains').set({ dns_mode: 'served' }).where('id', '=', moved.id).execute()
  await assert.rejects(giveUp(false), /Records of 2 domains are still to be removed/)
  await giveUp(true)
  assert.deepEqual(await recordsAt(platform.db, deleted.id, gone), [])
  assert.equal((await reconcileHost(platform, moved.id)).error, null)
})

test('a host that is chosen again before it was left keeps the domain', async () => {
  const { platform, scope } = running
  const { id, name, zone, leave } = await drive([])
  await runJobs(platform)
  await leave()
  await transaction(platform.db, (tx) =>
    setDnsHost(platform, tx, scope, id, { dnsHostId: hostId, takeOver: false, createZone: false }),
  )
  await runJobs(platform)
  assert.ok(textOf(zone).includes(`MX ${name} 10 mx.ours.example`))
  assert.equal((await hosting(id)).state, 'in_sync')
})

test('a zone that we answer for is answered until its delegation has followed; the host has the records before', async () => {
  const { platform, scope } = running
  const name = `d${++made}.example`
  const zone = cloudflare.addZone(name)
  const { id } = await running.connectActiveDomain(name)
  await platform.db.updateTable('domains').set({ dns_mode: 'served' }).where('id', '=', id).execute()
  const modes = async () => {
    const row = await platform.db
      .selectFrom('domains')
      .select(['dns_mode', 'pending_dns_mode', 'dns_host_id'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    return [row.dns_mode, row.pending_dns_mode, row.dns_host_id]
  }
  const set = () =>
    transaction(platform.db, (tx) =>
      setDnsHost(platform, tx, scope, id, { dnsHostId: hostId, takeOver: false, createZone: false }),
    )
  await set()
  assert.deepEqual(await modes(), ['served', 'driven', hostId])
  await runJobs(platform)
  assert.ok(textOf(zone).includes(`MX ${name} 10 mx.ours.example`))
  await transaction(platform.db, (tx) => leaveDnsHost(platform, tx, scope, id, true))
  assert.deepEqual(await modes(), ['served', null, null])
  await runJobs(platform)
  assert.deepEqual(zone.records, [])
  // The other way: while the way to our name servers is pending, the host keeps the records.
  await platform.db
    .updateTable('domains')
    .set({ dns_mode: 'driven', pending_dns_mode: 'served', dns_host_id: hostId })
    .where('id', '=', id)
    .execute()
  await reconcileHost(platform, id)
  assert.ok(textOf(zone).includes(`MX ${name} 10 mx.ours.example`))
  await platform.db
    .updateTable('domains')
    .set({ dns_mode: 'served', pending_dns_mode: null })
    .where('id', '=', id)
    .execute()
  await reconcileHost(platform, id)
  assert.deepEqual(zone.records, [])
  assert.deepEqual(await modes(), ['served', null, null])
})

test('the platform’s records have the same TTL at a host as in a zone of ours', async () => {
  const { platform } = running
  const { id } = await drive([])
  const domain = await platform.db
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const config = { ...platform.config, publicAddresses: ['192.0.2.80'] }
  const web = { ...domain, redirect_url: 'https://other.example/' }
  const wanted = await wantedRecords({ ...platform, config }, platform.db, web)
  assert.equal(wanted.find(({ type }) => type === 'A')?.ttl, 300)
  for (const { type, ttl } of wanted) assert.equal(ttl, ttlSeconds[type], type)
})

async function hosting(domainId: string) {
  return await running.platform.db
    .selectFrom('dns_host_domains')
    .selectAll()
    .where('domain_id', '=', domainId)
    .executeTakeFirstOrThrow()
}
