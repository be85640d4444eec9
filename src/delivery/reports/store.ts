/** Reports of others into their tables: each once, only about the domain that they were sent to. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { DmarcReport } from './dmarc-report.ts'
import { reportLimits } from './limits.ts'
import type { TlsReport } from './tls-report.ts'

/** The domain whose report address was written to. */
export type ReportedDomain = {
  organizationId: string
  workspaceId: string
  domainId: string
  name: string
}

/** 'repeated': it is here already. 'foreign': it is about another domain. */
export type StoreResult = 'stored' | 'repeated' | 'foreign'

/** A policy may be published for a parent only, and a report for a subdomain: both are the customer's own. */
function concerns(domain: ReportedDomain, name: string): boolean {
  return name === domain.name || name.endsWith(`.${domain.name}`) || domain.name.endsWith(`.${name}`)
}

export async function storeDmarcReport(
  platform: Platform,
  tx: Tx,
  domain: ReportedDomain,
  report: DmarcReport,
): Promise<StoreResult> {
  if (!concerns(domain, report.domain)) return 'foreign'
  const id = newId()
  const messages = report.rows.reduce((sum, { count }) => sum + count, 0)
  const inserted = await tx
    .insertInto('dmarc_reports')
    .values({
      id,
      workspace_id: domain.workspaceId,
      domain_id: domain.domainId,
      organization: report.organization,
      email: report.email,
      report_id: report.reportId,
      begins_at: report.begin,
      ends_at: report.end,
      policy: JSON.stringify(report.policy),
      message_count: messages,
      omitted_count: report.omittedCount,
      received_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.columns(['domain_id', 'organization', 'report_id']).doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows === 0n) return 'repeated'
  await insertRows(tx, id, report)
  await appendEvents(platform, tx, [
    {
      type: 'dmarc_report.received',
      organizationId: domain.organizationId,
      workspaceId: domain.workspaceId,
      data: {
        domain_id: domain.domainId,
        organization: report.organization,
        messages,
        report_id: report.reportId,
      },
    },
  ])
  return 'stored'
}

async function insertRows(tx: Tx, id: string, { rows }: DmarcReport): Promise<void> {
  const values = rows.map((row, number) => ({
    number,
    source_address: row.sourceAddress,
    message_count: row.count,
    disposition: row.disposition,
    dkim_aligned: row.dkimAligned,
    spf_aligned: row.spfAligned,
    overrides: row.overrides,
    header_from: row.headerFrom,
    envelope_from: row.envelopeFrom,
    dkim: row.dkim,
    spf: row.spf,
  }))
  await sql`
    insert into dmarc_report_rows (dmarc_report_id, number, source_address, message_count, disposition, dkim_aligned,
      spf_aligned, overrides, header_from, envelope_from, dkim, spf)
    select ${id}::uuid, number, source_address, message_count, disposition, dkim_aligned, spf_aligned, overrides,
      header_from, envelope_from, dkim, spf
    from json_to_recordset(${JSON.stringify(values)}::json) as new (number integer, source_address inet,
      message_count bigint, disposition text, dkim_aligned boolean, spf_aligned boolean, overrides text[],
      header_from text, envelope_from text, dkim jsonb, spf jsonb)`.execute(tx)
}

export async function storeTlsReport(
  platform: Platform,
  tx: Tx,
  domain: ReportedDomain,
  report: TlsReport,
): Promise<StoreResult> {
  const policies = report.policies.filter((policy) => concerns(domain, policy.domain))
  if (policies.length === 0) return 'foreign'
  const inserted = await tx
    .insertInto('tls_reports')
    .values(
      policies.map((policy) => ({
        id: newId(),
        workspace_id: domain.workspaceId,
        domain_id: domain.domainId,
        organization: report.organization,
        contact: report.contact,
        report_id: report.reportId,
        begins_at: report.begin,
        ends_at: report.end,
        policy_type: policy.policyType,
        success_count: policy.successCount,
        failure_count: policy.failureCount,
        failures: JSON.stringify(policy.failures),
        received_at: platform.clock.now(),
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['domain_id', 'organization', 'report_id', 'policy_type']).doNothing(),
    )
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows === 0n) return 'repeated'
  await appendEvents(platform, tx, [
    {
      type: 'tls_report.received',
      organizationId: domain.organizationId,
      workspaceId: domain.workspaceId,
      data: {
        domain_id: domain.domainId,
        organization: report.organization,
        failures: policies.reduce((sum, { failureCount }) => sum + failureCount, 0),
        report_id: report.reportId,
      },
    },
  ])
  return 'stored'
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'reports.clean_up': Record<string, never>
  }
}

const deletionsPerBatch = 500
/** What our own reports are made of is needed for a day; some more for whoever looks into one. */
const observedDays = 14

/** Deletes reports past their time. @returns how many. */
export async function deleteOldReports(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - reportLimits.keepDays * 24 * 3600 * 1000)
  const observedBefore = new Date(platform.clock.now().getTime() - observedDays * 24 * 3600 * 1000)
  const { rows } = await sql<{ deleted: number }>`
    with dmarc as (
      delete from dmarc_reports where id in (
        select id from dmarc_reports where received_at < ${before} limit ${deletionsPerBatch}
      ) returning id
    ), tls as (
      delete from tls_reports where id in (
        select id from tls_reports where received_at < ${before} limit ${deletionsPerBatch}
      ) returning id
    ), observations as (
      delete from dmarc_observations where day < ${observedBefore}::date
    ), sessions as (
      delete from tls_observations where day < ${observedBefore}::date
    ), sent as (
      delete from sent_reports where day < ${before}::date
    )
    select (select count(*) from dmarc) + (select count(*) from tls) as deleted`.execute(platform.db)
  return Number(rows[0]?.deleted ?? 0)
}
