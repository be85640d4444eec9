/**
 * Our reports to others: once a day, for the day before, what was seen is counted and a job made for each domain; the job
 * asks where the domain wants its report, writes and queues it. A job that runs twice sends once.
 */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { sql } from 'kysely'
import MimeNode from 'nodemailer/lib/mime-node'
import { isSandboxName, parseDomainName } from '../../domains/names.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { sendGenerated } from '../outbound/generated.ts'
import { dmarcReportXml, type ObservedRow } from './dmarc-xml.ts'
import { bounds, type Day, dayOf, observeKept, observeSessions } from './observe.ts'
import { findDmarcRecord, findTlsRptRecord, type ReportRecord } from './report-addresses.ts'
import { type ObservedSessions, tlsReportJson } from './tls-json.ts'

type ReportKind = 'dmarc' | 'tls'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'reports.plan': Record<string, never>
    'reports.send': { kind: 'dmarc' | 'tls'; day: string; domain: string }
  }
}

// A day with more authors than this is an attack; what is left out is nobody's loss.
const domainsMax = 20_000
/** Marks a day as counted, in the table of what was sent. */
const planned = ''

/** Plans the reports of yesterday (UTC). Running it again does nothing. */
export async function planReports(platform: Platform): Promise<void> {
  const day = dayOf(new Date(platform.clock.now().getTime() - 24 * 3600 * 1000))
  if ((await findReporter(platform)) === null) return // nobody whom an answer could reach
  await transaction(platform.db, async (tx) => {
    if (!(await markSent(platform, tx, 'dmarc', day, planned))) return
    await observeKept(tx, day)
    await observeSessions(tx, day)
    for (const kind of ['dmarc', 'tls'] as const) {
      const table = sql.table(kind === 'dmarc' ? 'dmarc_observations' : 'tls_observations')
      const { rows } = await sql<{ domain: string }>`
        select distinct domain from ${table} where day = ${day}::date order by domain limit ${domainsMax}`.execute(
        tx,
      )
      const domains = rows.map(({ domain }) => domain).filter(isOutside)
      await addJobs(
        tx,
        domains.map((domain) => ({
          name: 'reports.send' as const,
          payload: { kind, day, domain },
          key: `reports.send:${kind}:${day}:${domain}`,
        })),
      )
    }
  })
}

function isOutside(domain: string): boolean {
  const name = parseDomainName(domain)
  return name !== null && !isSandboxName(name)
}

/** @returns false when it was marked before. */
async function markSent(
  platform: Platform,
  tx: Tx,
  kind: ReportKind,
  day: Day,
  domain: string,
): Promise<boolean> {
  const result = await tx
    .insertInto('sent_reports')
    .values({ kind, day, domain, sent_at: platform.clock.now() })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** The report of one day to one domain. @throws when DNS does not answer, so that the job comes again. */
export async function sendReport(
  platform: Platform,
  { kind, day, domain }: { kind: ReportKind; day: Day; domain: string },
): Promise<void> {
  const reporter = await findReporter(platform)
  if (reporter === null) return
  const record =
    kind === 'dmarc'
      ? await findDmarcRecord(platform.dns, domain)
      : await findTlsRptRecord(platform.dns, domain)
  if (record === null) return
  const report =
    kind === 'dmarc'
      ? await dmarcMessage(platform, reporter, day, domain, record)
      : await tlsMessage(platform, reporter, day, domain, record)
  if (report === null) return
  let isFirst = false
  await sendGenerated(
    platform,
    {
      owner: reporter.owner,
      kind: 'notification',
      mailFrom: reporter.address,
      to: record.addresses,
      raw: report,
      signingDomain: reporter.domain,
    },
    async (tx) => {
      isFirst = await markSent(platform, tx, kind, day, domain)
      if (!isFirst) throw new AlreadySent()
    },
  ).catch((error: unknown) => {
    if (!(error instanceof AlreadySent)) throw error
  })
  if (isFirst) platform.log.info({ event: 'report.sent', kind, day, domain })
}

/** Gives the transaction up. */
class AlreadySent extends Error {}

type Reporter = { domain: string; address: string; owner: ReturnType<typeof platformOwner> }

/** Mail of the platform itself is in the queue under no mailbox. */
function platformOwner(organizationId: string, workspaceId: string) {
  return { organizationId, workspaceId, mailboxId: '00000000-0000-0000-0000-000000000000' }
}

/**
 * Who signs the reports: the connected domain that this host's name is in, else the oldest one. Answers reach it, and its
 * keys sign.
 */
async function findReporter(platform: Platform): Promise<Reporter | null> {
  const { rows } = await sql<{ name: string; organization_id: string; workspace_id: string }>`
    select name, organization_id, workspace_id from domains
    where state = 'active' and name not like '%.test'
    order by (${platform.config.hostname} = name or ${platform.config.hostname} like '%.' || name) desc, id
    limit 1`.execute(platform.db)
  const [row] = rows
  if (row === undefined) return null
  return {
    domain: row.name,
    address: `dmarc-reports@${row.name}`,
    owner: platformOwner(row.organization_id, row.workspace_id),
  }
}

async function dmarcMessage(
  platform: Platform,
  reporter: Reporter,
  day: Day,
  author: string,
  record: ReportRecord,
): Promise<Buffer | null> {
  const { rows } = await sql<ObservedRow>`
    select host(source_address) as "sourceAddress", envelope_from as "envelopeFrom", message_count as count, trust
    from dmarc_observations where day = ${day}::date and domain = ${author}
    order by message_count desc limit ${rowsMax}`.execute(platform.db)
  if (rows.length === 0) return null
  const { from, to } = bounds(day)
  const reportId = `${day}.${author}`
  const xml = dmarcReportXml(
    {
      organization: platform.config.hostname,
      email: reporter.address,
      reportId,
      from,
      to,
      domain: record.domain,
      tags: record.tags,
    },
    rows,
  )
  const file = `${reporter.domain}!${record.domain}!${from.getTime() / 1000}!${to.getTime() / 1000 - 1}.xml.gz`
  return await compose(reporter, record.addresses, {
    type: 'multipart/mixed',
    // RFC 7489 §7.2.1.1 has this form of subject.
    subject: `Report Domain: ${record.domain} Submitter: ${reporter.domain} Report-ID: <${reportId}>`,
    text: `DMARC report of ${platform.config.hostname} about mail of ${author} on ${day}.`,
    attachment: { filename: file, contentType: 'application/gzip', content: await gzipped(xml) },
    headers: {},
  })
}

// A report of more rows has more than its reader wants; the largest come first.
const rowsMax = 10_000

async function tlsMessage(
  platform: Platform,
  reporter: Reporter,
  day: Day,
  domain: string,
  record: ReportRecord,
): Promise<Buffer | null> {
  const { rows } = await sql<ObservedSessions>`
    select policy_type as "policyType", result_type as "resultType", receiving_host as host,
      receiving_address as address, session_count as count
    from tls_observations where day = ${day}::date and domain = ${domain}
    order by session_count desc limit ${rowsMax}`.execute(platform.db)
  if (rows.length === 0) return null
  const { from, to } = bounds(day)
  const reportId = `${day}.${domain}`
  const json = tlsReportJson(
    {
      organization: platform.config.hostname,
      contact: reporter.address,
      reportId,
      from,
      to,
      domain,
      policyLines: [],
    },
    rows,
  )
  const file = `${reporter.domain}!${domain}!${from.getTime() / 1000}!${to.getTime() / 1000 - 1}.json.gz`
  return await compose(reporter, record.addresses, {
    type: 'multipart/report; report-type="tlsrpt"', // RFC 8460 §5.3
    subject: `Report Domain: ${domain} Submitter: ${reporter.domain} Report-ID: <${reportId}>`,
    text: `TLS report of ${platform.config.hostname} about sessions with ${domain} on ${day}.`,
    attachment: {
      filename: file,
      contentType: 'application/tlsrpt+gzip',
      content: await gzipped(json),
    },
    headers: { 'TLS-Report-Domain': domain, 'TLS-Report-Submitter': reporter.domain },
  })
}

type Parts = {
  /** Of the whole message. */
  type: string
  subject: string
  text: string
  attachment: { filename: string; contentType: string; content: Buffer }
  headers: Record<string, string>
}

async function compose(reporter: Reporter, to: readonly string[], parts: Parts): Promise<Buffer> {
  const root = new MimeNode(parts.type)
  root.setHeader([
    { key: 'From', value: reporter.address },
    { key: 'To', value: to.join(', ') },
    { key: 'Subject', value: parts.subject },
    ...Object.entries(parts.headers).map(([key, value]) => ({ key, value })),
    { key: 'Auto-Submitted', value: 'auto-generated' },
  ])
  root.createChild('text/plain; charset=utf-8').setContent(parts.text)
  const { filename, contentType, content } = parts.attachment
  root.createChild(contentType, { filename }).setContent(content)
  return await root.build()
}

async function gzipped(text: string): Promise<Buffer> {
  return await promisify(gzip)(text)
}
