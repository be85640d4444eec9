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
    // What our reports to others are made of: mail that was kept is counted once a day, mail that was refused at once.
    `create table dmarc_observations (
      day date not null,
      domain text not null,
      source_address inet not null,
      envelope_from text not null,
      trust jsonb not null,
      fingerprint bytea not null,
      message_count bigint not null,
      primary key (day, domain, source_address, fingerprint)
    )`,
    `create table tls_observations (
      day date not null,
      domain text not null,
      policy_type text not null,
      result_type text not null,
      receiving_host text not null,
      receiving_address text not null,
      session_count bigint not null,
      primary key (day, domain, policy_type, result_type, receiving_host, receiving_address)
    )`,
    `create table sent_reports (
      kind text not null check (kind in ('dmarc', 'tls')),
      day date not null,
      domain text not null,
      sent_at timestamptz not null,
      primary key (kind, day, domain)
    )`,
    // Steps are written in the order of time, and a day of them is read once.
    'create index outbound_steps_at on outbound_steps using brin (at)',
  ),
}
