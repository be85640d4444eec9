/** The schema of DMARC and TLS reports. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const reportsMigrations: Migrations = {
  '0025_reports': sqlMigration(
    `create table dmarc_reports (
      id uuid primary key,
      workspace_id uuid not null,
      domain_id uuid not null,
      organization text not null,
      email text,
      report_id text not null,
      begins_at timestamptz not null,
      ends_at timestamptz not null,
      policy jsonb not null,
      message_count bigint not null,
      omitted_count bigint not null,
      received_at timestamptz not null
    )`,
    // Reporters send a report again when they did not hear of its arrival (RFC 7489 §7.2.1.1).
    'create unique index dmarc_reports_once on dmarc_reports (domain_id, organization, report_id)',
    'create index dmarc_reports_time on dmarc_reports (domain_id, ends_at, id)',
    'create index dmarc_reports_received on dmarc_reports (received_at)',
    `create table dmarc_report_rows (
      dmarc_report_id uuid not null references dmarc_reports on delete cascade,
      number integer not null,
      source_address inet not null,
      message_count bigint not null,
      disposition text not null check (disposition in ('none', 'quarantine', 'reject')),
      dkim_aligned boolean not null,
      spf_aligned boolean not null,
      overrides text[] not null,
      header_from text,
      envelope_from text,
      dkim jsonb not null,
      spf jsonb not null,
      primary key (dmarc_report_id, number)
    )`,
    `create table tls_reports (
      id uuid primary key,
      workspace_id uuid not null,
      domain_id uuid not null,
      organization text not null,
      contact text,
      report_id text not null,
      begins_at timestamptz not null,
      ends_at timestamptz not null,
      policy_type text not null,
      success_count bigint not null,
      failure_count bigint not null,
      failures jsonb not null,
      received_at timestamptz not null
    )`,
    'create unique index tls_reports_once on tls_reports (domain_id, organization, report_id, policy_type)',
    'create index tls_reports_time on tls_reports (domain_id, ends_at, id)',
    'create index tls_reports_received on tls_reports (received_at)',
    // What was refused for DMARC has no message that could be counted later.
    `create table dmarc_refusals (
      day date not null,
      domain text not null,
      source_address inet not null,
      envelope_from text not null,
      spf jsonb not null,
      dkim jsonb not null,
      fingerprint bytea not null,
      message_count bigint not null,
      primary key (day, domain, source_address, fingerprint)
    )`,
    'create table sent_reports (kind text not null, day date not null, domain text not null, sent_at timestamptz not null, primary key (kind, day, domain))',
  ),
}
