/** The tables of DMARC and TLS reports: those of others about our domains, and what ours to others are made of. */
import type { ColumnType } from 'kysely'
import type { Trust } from '../../messages/trust.ts'
import type { AuthEntry, Disposition, DmarcReport } from './dmarc-report.ts'
import type { TlsFailure } from './tls-report.ts'

/** One aggregate report of one receiver about one of our domains. */
export type DmarcReportsTable = {
  id: string
  workspace_id: string
  domain_id: string
  organization: string
  email: string | null
  report_id: string
  begins_at: Date
  ends_at: Date
  policy: ColumnType<DmarcReport['policy'], string, never>
  /** Of all rows that are kept. */
  message_count: number
  /** Of rows beyond the bound. */
  omitted_count: number
  received_at: Date
}

export type DmarcReportRowsTable = {
  dmarc_report_id: string
  number: number
  source_address: string
  message_count: number
  disposition: Disposition
  dkim_aligned: boolean
  spf_aligned: boolean
  overrides: string[]
  header_from: string | null
  envelope_from: string | null
  dkim: ColumnType<AuthEntry[], string, never>
  spf: ColumnType<AuthEntry[], string, never>
}

/** One policy of one TLS report. */
export type TlsReportsTable = {
  id: string
  workspace_id: string
  domain_id: string
  organization: string
  contact: string | null
  report_id: string
  begins_at: Date
  ends_at: Date
  policy_type: string
  success_count: number
  failure_count: number
  failures: ColumnType<TlsFailure[], string, never>
  received_at: Date
}

/** Mail of one day from one address that was authenticated alike. */
export type DmarcObservationsTable = {
  day: string
  /** The author's. */
  domain: string
  source_address: string
  envelope_from: string
  trust: ColumnType<ObservedTrust, string, never>
  fingerprint: Buffer
  message_count: number
}

/** What a report says of a message. */
export type ObservedTrust = Pick<Trust, 'spf' | 'dkim' | 'dmarc'>

/** Sessions of one day with the hosts of one domain that ended alike. */
export type TlsObservationsTable = {
  day: string
  domain: string
  policy_type: string
  /** Empty: the session had the TLS that the policy asks for. */
  result_type: string
  receiving_host: string
  receiving_address: string
  session_count: number
}

/** Reports that went out, so that none goes twice. */
export type SentReportsTable = { kind: 'dmarc' | 'tls'; day: string; domain: string; sent_at: Date }

declare module '../../platform/database.ts' {
  interface Tables {
    dmarc_reports: DmarcReportsTable
    dmarc_report_rows: DmarcReportRowsTable
    tls_reports: TlsReportsTable
    dmarc_observations: DmarcObservationsTable
    tls_observations: TlsObservationsTable
    sent_reports: SentReportsTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'dmarc_report.received': { domain_id: string; organization: string; messages: number; report_id: string }
    'tls_report.received': { domain_id: string; organization: string; failures: number; report_id: string }
    'report.refused': { domain_id: string; reason: string }
  }
}
