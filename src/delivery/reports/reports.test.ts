/** Reports from the message to the summary, and our own from what was seen to what is queued. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { sql } from 'kysely'
import type { Domain } from '../../domains/domains.ts'
import { insertBodies, readBodyBytes } from '../../messages/bodies.ts'
import { holdBodies, sweepBodies } from '../../messages/sweep.ts'
import type { Trust } from '../../messages/trust.ts'
import { transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import { addJobs } from '../../platform/jobs.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { stage } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import type { Arrival, Authentication } from '../inbound/arrival.ts'
import { parseDmarcReport } from './dmarc-report.ts'
import { reportIntakes } from './intake.ts'
import { observeRefused } from './observe.ts'
import { planReports, sendReport } from './send.ts'
import { deleteOldReports } from './store.ts'
import { adviceFor, dmarcSummaryOf, tlsSummaryOf } from './summary.ts'
import { parseTlsReport } from './tls-report.ts'

let t: TestPlatform
let dns: TestDns
let customer: Domain
before(async () => {
  dns = await startTestDns()
  t = await startTestPlatform({ MAILWRIGHT_RESOLVER: dns.resolver, MAILWRIGHT_HOSTNAME: 'mx.host.example' })
  customer = await t.connectActiveDomain('customer.example')
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

function message(parts: string): Buffer {
  return Buffer.from(
    [
      'From: reporter@receiver.example',
      'Subject: Report Domain: customer.example',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain',
      '',
      'A report.',
      '--b',
      parts,
      '--b--',
      '',
    ].join('\r\n'),
  )
}

function attached(type: string, name: string, content: Buffer): string {
  const encoded = content.toString('base64').replace(/.{1,76}/g, '$&\r\n')
  return [
    `Content-Type: ${type}; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    'Content-Transfer-Encoding: base64',
    '',
    encoded,
  ].join('\r\n')
}

/** As accept.ts does it: the body, the hold and the job in one transaction. */
async function arrive(raw: Buffer, domainId = customer.id): Promise<string> {
  const body = await stage(t.platform, raw)
  const { holders, jobs } = reportIntakes(body.id, [{ domainId }])
  await transaction(t.platform.db, async (tx) => {
    await insertBodies(tx, [body], t.platform.clock.now())
    await holdBodies(holders.map((holderId) => ({ bodyId: body.id, holderId }))).execute(tx)
    await addJobs(tx, jobs)
  })
  await runJobs(t.platform)
  return body.id
}

async function refusals(): Promise<string[]> {
  const { rows } = await sql<{ reason: string }>`
    select data->>'reason' as reason from events where type = 'report.refused' order by id`.execute(
    t.platform.db,
  )
  return rows.map(({ reason }) => reason)
}

const fixture = (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url))

/** The fixture, moved to a day before now, with counts that matter. */
async function dmarcXml(daysAgo: number, counts: [own: number, forged: number] = [12, 3]): Promise<Buffer> {
  const begin = Math.floor(t.platform.clock.now().getTime() / 1000) - daysAgo * 86_400
  const text = (await fixture('plain.xml')).toString()
  return Buffer.from(
    text
      .replace('1767225600', String(begin))
      .replace('1767311999', String(begin + 86_399))
      .replace('1234567890123456789', `id-${daysAgo}`)
      .replace('<count>12<', `<count>${counts[0]}<`)
      .replace('<count>3<', `<count>${counts[1]}<`),
  )
}

test('a DMARC report that comes as gzip is kept once, and its message is let go', async () => {
  const raw = message(attached('application/gzip', 'r.xml.gz', gzipSync(await dmarcXml(20))))
  const bodyId = await arrive(raw)
  await arrive(raw)
  const summary = await dmarcSummaryOf(t.platform, customer)
  assert.deepEqual(
    [summary.reports, summary.messages, summary.passed, summary.policy, summary.advice],
    [1, 15, 12, 'none', 'no_data'],
  )
  assert.deepEqual(
    summary.sources.map(({ address, messages, passed }) => [address, messages, passed]),
    [
      ['192.0.2.10', 12, 12],
      ['2001:db8::7', 3, 0],
    ],
  )
  assert.deepEqual(await refusals(), [])
  t.platform.clock.advance?.('PT2H')
  await sweepBodies(t.platform)
  const left = await t.platform.db.selectFrom('bodies').select('id').where('id', '=', bodyId).execute()
  assert.deepEqual(left, [], 'nothing holds the body any more')
})

test('with a week of reports the advice follows from what fails', async () => {
  for (let day = 2; day < 10; day++) {
    await arrive(message(attached('text/xml', 'r.xml', await dmarcXml(day, [100, 5]))))
  }
  const summary = await dmarcSummaryOf(t.platform, customer)
  assert.equal(
    summary.advice,
    'safe_to_reject',
    'what fails is a forwarder, and nothing of it is the domain’s own',
  )
  assert.equal(summary.days, 9)
})

const advices: [seen: Parameters<typeof adviceFor>[0], want: ReturnType<typeof adviceFor>][] = [
  [{ messages: 99, days: 30, failedOwn: 0, policy: 'none' }, 'no_data'],
  [{ messages: 1e6, days: 6, failedOwn: 0, policy: 'none' }, 'no_data'],
  [{ messages: 1000, days: 7, failedOwn: 5, policy: 'none' }, 'safe_to_reject'],
  [{ messages: 1000, days: 7, failedOwn: 6, policy: 'none' }, 'safe_to_quarantine'],
  [{ messages: 1000, days: 7, failedOwn: 6, policy: 'quarantine' }, 'fix_sources'],
  [{ messages: 1000, days: 7, failedOwn: 21, policy: 'none' }, 'fix_sources'],
  [{ messages: 10, days: 1, failedOwn: 10, policy: 'reject' }, 'enforced'],
]
for (const [seen, want] of advices) {
  test(`advice: ${JSON.stringify(seen)}`, () => assert.equal(adviceFor(seen), want))
}

test('a TLS report is kept, in whatever part and packing it comes', async () => {
  const moved = (await fixture('tls.json'))
    .toString()
    .replaceAll(
      '2026-01-01T',
      `${new Date(t.platform.clock.now().getTime() - 86_400_000).toISOString().slice(0, 10)}T`,
    )
  await arrive(message(attached('application/tlsrpt+gzip', 'r.json.gz', gzipSync(moved))))
  const summary = await tlsSummaryOf(t.platform, customer.id)
  assert.deepEqual([summary.reports, summary.successes, summary.failures], [2, 5326, 303])
  assert.deepEqual(
    summary.kinds.map(({ resultType, receivingHost, count }) => [resultType, receivingHost, count]),
    [
      ['starttls-not-supported', 'mx2.customer.example', 203],
      ['certificate-expired', 'mx1.customer.example', 100],
    ],
  )
})

test('what is no report leaves an event that says why', async () => {
  const before = (await refusals()).length
  const other = await t.connectActiveDomain('other.example')
  await arrive(message(attached('application/gzip', 'r.xml.gz', Buffer.from([0x1f, 0x8b, 1]))))
  await arrive(message(attached('application/pdf', 'r.pdf', Buffer.from('%PDF'))))
  await arrive(message(attached('text/xml', 'r.xml', await dmarcXml(3))), other.id)
  await arrive(Buffer.from('Subject: hello\r\n\r\nNo report.\r\n'))
  assert.deepEqual((await refusals()).slice(before), [
    'the archive is broken',
    'the message has no report in it',
    'the report is about another domain',
    'the message has no report in it',
  ])
  assert.equal((await dmarcSummaryOf(t.platform, other)).reports, 0)
})

function trustFor(domain: string, more: Partial<Trust['dmarc']> = {}): Trust {
  return {
    remote: { address: '192.0.2.55', helo: 'mx.them.example', tls: true },
    mail_from: `bounce@${domain}`,
    spf: { result: 'pass', domain },
    dkim: [{ result: 'pass', domain, selector: 's1', aligned: true }],
    dmarc: { result: 'pass', domain, policy: 'reject', disposition: 'none', override: null, ...more },
    arc: { result: 'none', sealers: [] },
    spam: null,
    look_alike: null,
    reply_to_mismatch: null,
    hidden_text: false,
  }
}

async function receive(trust: Trust): Promise<void> {
  const body = await stage(t.platform, Buffer.from('Subject: x\r\n\r\nx\r\n'))
  body.trust = trust
  await transaction(t.platform.db, (tx) => insertBodies(tx, [body], t.platform.clock.now()))
}

async function queuedTo(address: string): Promise<Buffer[]> {
  const rows = await t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_recipients.outbound_message_id', 'outbound_messages.id')
    .select(['body_id', 'skip_bytes', 'signing_domain', 'mail_from'])
    .where('rcpt_to', '=', address)
    .execute()
  for (const row of rows) {
    assert.equal(row.signing_domain, 'customer.example')
    assert.equal(row.mail_from, 'dmarc-reports@customer.example')
  }
  return await Promise.all(
    rows.map(async (row) => (await readBodyBytes(t.platform.db, row.body_id)).subarray(row.skip_bytes)),
  )
}

function attachmentOf(raw: Buffer): string {
  const text = raw.toString('latin1')
  const match = /Content-Transfer-Encoding: base64\r\n(?:[^\r\n]+\r\n)*\r\n([A-Za-z0-9+/=\r\n]+)/.exec(text)
  assert.ok(match?.[1], text)
  return gunzipSync(Buffer.from(match[1], 'base64')).toString()
}

test('our reports about a day go to those who ask, once, and nobody else', async () => {
  dns.zone = {
    '_dmarc.them.example': {
      TXT: ['v=DMARC1; p=reject; rua=mailto:agg@them.example!10m,mailto:r@elsewhere.example'],
    },
    'them.example._report._dmarc.elsewhere.example': { TXT: ['v=DMARC1'] },
    '_dmarc.sly.example': { TXT: ['v=DMARC1; p=none; rua=mailto:victim@elsewhere.example'] },
    '_smtp._tls.them.example': { TXT: ['v=TLSRPTv1; rua=mailto:tls@them.example'] },
  }
  const now = t.platform.clock.now()
  const midnight = new Date(`${now.toISOString().slice(0, 10)}T00:00:00Z`)
  // Bodies get the time of the machine in their ids: the day that is reported is the machine's.
  const machineDay = new Date().toISOString().slice(0, 10)
  for (const domain of ['them.example', 'them.example', 'mail.them.example', 'sly.example', 'box.test']) {
    await receive(trustFor(domain))
  }
  const arrival = {
    at: new Date(),
    mailFrom: 'x@forger.example',
    remoteAddress: '203.0.113.9',
  } satisfies Pick<Arrival, 'at' | 'mailFrom' | 'remoteAddress'>
  const refused: Authentication = {
    ...trustFor('them.example', { result: 'fail' }),
    fields: '',
    arcRecord: { authResults: '', cv: 'none' },
  }
  await observeRefused(t.platform, arrival, refused)
  await observeRefused(t.platform, arrival, refused)
  await sessionsOf(machineDay)
  const ahead = new Date(`${machineDay}T00:00:00Z`).getTime() + 86_400_000 + 3_600_000 - now.getTime()
  t.platform.clock.advance?.(`PT${Math.max(1, Math.ceil(ahead / 1000))}S`)
  assert.ok(t.platform.clock.now() > midnight)
  await planReports(t.platform)
  await runJobs(t.platform)
  await planReports(t.platform)
  await runJobs(t.platform)
  await sendReport(t.platform, { kind: 'dmarc', day: machineDay, domain: 'them.example' })

  const own = await queuedTo('agg@them.example')
  assert.equal(own.length, 2, 'one for each author domain, none twice')
  assert.equal((await queuedTo('r@elsewhere.example')).length, 2)
  assert.deepEqual(await queuedTo('victim@elsewhere.example'), [], 'RFC 7489 §7.1')
  const reports = own.map((raw) => parseDmarcReport(attachmentOf(raw)))
  const about = reports.find(({ reportId }) => reportId === `${machineDay}.them.example`)
  assert.ok(about)
  assert.deepEqual(
    about.rows
      .map(({ sourceAddress, count, disposition, dkimAligned, spfAligned }) => ({
        sourceAddress,
        count,
        disposition,
        dkimAligned,
        spfAligned,
      }))
      .sort((a, b) => (a.sourceAddress < b.sourceAddress ? -1 : 1)),
    [
      { sourceAddress: '192.0.2.55', count: 2, disposition: 'none', dkimAligned: true, spfAligned: true },
      { sourceAddress: '203.0.113.9', count: 2, disposition: 'reject', dkimAligned: true, spfAligned: false },
    ],
  )
  assert.match(
    own[0]?.toString() ?? '',
    /^Subject: Report Domain: them\.example Submitter: customer\.example/m,
  )

  const [tls] = await queuedTo('tls@them.example')
  assert.ok(tls)
  assert.match(tls.toString(), /^Content-Type: multipart\/report;\s+report-type="?tlsrpt/m)
  assert.match(tls.toString(), /^TLS-Report-Domain: them\.example\r$/im)
  const report = parseTlsReport(attachmentOf(tls))
  assert.deepEqual(
    report.policies.map(({ policyType, successCount, failureCount, failures }) => [
      policyType,
      successCount,
      failureCount,
      failures.map(({ resultType }) => resultType),
    ]),
    [['sts', 2, 1, ['certificate-expired']]],
  )
})

/** Two sessions that went well and one that did not, in the queue's timeline. */
async function sessionsOf(day: string): Promise<void> {
  const { owner } = await t.createMailbox()
  const ids = [newId(), newId(), newId()]
  const at = new Date(`${day}T00:00:01Z`)
  await sql`
    insert into outbound_messages (id, organization_id, workspace_id, mailbox_id, body_id, mail_from, smtputf8, created_at)
    values (${ids[0]}::uuid, ${owner.organizationId}::uuid, ${owner.workspaceId}::uuid, ${owner.mailboxId}::uuid,
      ${newId()}::uuid, '', false, ${at})`.execute(t.platform.db)
  const details = [
    {
      step: 'delivered',
      detail: { host: 'mx.them.example', policy: 'mta-sts', tls: { version: 'TLSv1.3', cipher: 'x' } },
    },
    {
      step: 'delivered',
      detail: { host: 'mx.them.example', policy: 'mta-sts', tls: { version: 'TLSv1.3', cipher: 'x' } },
    },
    {
      step: 'deferred',
      detail: { host: 'mx.them.example', policy: 'mta-sts', class: 'tls', reply: 'certificate has expired' },
    },
  ]
  for (const [index, { step, detail }] of details.entries()) {
    await sql`
      insert into outbound_recipients (id, outbound_message_id, organization_id, workspace_id, mailbox_id, rcpt_to, domain,
        state, next_attempt_at, expires_at, created_at)
      values (${ids[index]}::uuid, ${ids[0]}::uuid, ${owner.organizationId}::uuid, ${owner.workspaceId}::uuid,
        ${owner.mailboxId}::uuid, 'x@them.example', 'them.example', 'delivered', ${at}, ${at}, ${at})`.execute(
      t.platform.db,
    )
    await sql`
      insert into outbound_steps (outbound_recipient_id, id, step, at, detail)
      values (${ids[index]}::uuid, ${newId()}::uuid, ${step}, ${at}, ${JSON.stringify(detail)}::jsonb)`.execute(
      t.platform.db,
    )
  }
}

test('reports go after their time', async () => {
  t.platform.clock.advance?.('P401D')
  assert.ok((await deleteOldReports(t.platform)) > 0)
  const { rows } = await sql<{ left: number }>`
    select ((select count(*) from dmarc_reports) + (select count(*) from dmarc_report_rows)
      + (select count(*) from tls_reports) + (select count(*) from dmarc_observations))::int as left`.execute(
    t.platform.db,
  )
  assert.equal(rows[0]?.left, 0)
})
