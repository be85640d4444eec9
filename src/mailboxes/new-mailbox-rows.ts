/** New mailboxes as rows, and the statements that write them as sets. */

import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { periodAfter } from '../billing/periods.ts'
import type { Domain } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { engineOf } from './engines.ts'
import type { MailboxState } from './lifecycle.ts'
import type { Candidate, Making } from './new-mailbox.ts'
import type { StoredPassword } from './passwords.ts'
import { searchTextOf } from './search-text.ts'
import type { Mailbox, Service } from './tables.ts'

/** A new mailbox, with its first period where that begins at once. */
export function mailboxRow(
  platform: Platform,
  scope: Scope,
  candidate: Candidate,
  { batchId, by }: Making,
  now: Date,
): Mailbox {
  const { item, address, details, domain } = candidate
  const people = { display_name: item.displayName, first_name: item.firstName, last_name: item.lastName }
  const state = by === 'request' ? 'provisioning' : firstState(platform, domain, item.service)
  const period = item.period ?? 'monthly'
  return {
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    domain_id: domain.id,
    address: address.address,
    state,
    service: item.service,
    product: item.product ?? null,
    ...people,
    tags: [...new Set(item.tags)],
    search_text: searchTextOf({ address: address.address, ...people, ...details }),
    batch_id: batchId,
    version: 1,
    created_at: now,
    updated_at: now,
    state_changed_at: now,
    state_before_deletion: null,
    purge_at: null,
    deleted_with_domain: false,
    signature_enabled: false,
    ...details,
    period,
    next_period: null,
    period_anchor_at: state === 'active' ? now : null,
    period_ends_at: state === 'active' ? periodAfter(now, period, now) : null,
    cancel_at_period_end: false,
    in_slot: false,
    unpaid_since: null,
    payment_attempts: 0,
    next_payment_at: null,
    noticed_days: null,
    payment_suspension: null,
    deletion_announced_for: null,
    picture_sha256: null,
    picture_updated_at: null,
  }
}

function firstState(platform: Platform, domain: Domain, service: Service): MailboxState {
  if (mailboxesOn(domain.state) !== 'served') return 'waiting_domain'
  return engineOf(platform, service)?.isImmediate === true ? 'active' : 'provisioning'
}

/** Takes the addresses that are free. @returns those that are ours now. */
export async function claimAddresses(tx: Tx, rows: readonly Mailbox[]): Promise<Set<string>> {
  const { rows: claimed } = await claimStatement(rows).execute(tx)
  return new Set(claimed.map((row) => row.address))
}

/** The same as a statement that the caller sends with others. Its rows are the addresses that are ours. */
export function claimStatement(rows: readonly Mailbox[]): RawBuilder<{ address: string }> {
  return sql<{ address: string }>`
    insert into addresses (address, kind, workspace_id, domain_id, mailbox_id, created_at)
    select address, 'mailbox', workspace_id, domain_id, mailbox_id, created_at from unnest(
      ${rows.map((row) => row.address)}::text[], ${rows.map((row) => row.workspace_id)}::uuid[],
      ${rows.map((row) => row.domain_id)}::uuid[], ${rows.map((row) => row.id)}::uuid[],
      ${rows.map((row) => row.created_at)}::timestamptz[]
    ) as wanted (address, workspace_id, domain_id, mailbox_id, created_at)
    on conflict do nothing returning address`
}

/** Inserts them with all that a new mailbox may have. */
export function mailboxesStatement(rows: readonly Mailbox[]): RawBuilder<unknown> {
  // As JSON, because tags is an array of its own in each row. Times are the same in all rows of a call. What no new
  // mailbox has is left out, and so are details where there are none, which is the rule.
  const columns = rows.map((row) => ({
    id: row.id,
    organization_id: row.organization_id,
    workspace_id: row.workspace_id,
    domain_id: row.domain_id,
    address: row.address,
    state: row.state,
    service: row.service,
    product: row.product ?? undefined,
    display_name: row.display_name,
    first_name: row.first_name,
    last_name: row.last_name,
    tags: row.tags,
    search_text: row.search_text,
    batch_id: row.batch_id,
    version: row.version,
    period: row.period,
    period_anchor_at: row.period_anchor_at,
    period_ends_at: row.period_ends_at,
    in_slot: row.in_slot,
    notes: row.notes ?? undefined,
    signature_text: row.signature_text ?? undefined,
    signature_html: row.signature_html ?? undefined,
    custom_fields: row.custom_fields,
    recovery_email: row.recovery_email ?? undefined,
    recovery_phone: row.recovery_phone ?? undefined,
  }))
  const at = rows[0]?.created_at
  return sql`/* prepared insert_mailboxes */
    insert into mailboxes (id, organization_id, workspace_id, domain_id, address, state, service, product, display_name,
      first_name, last_name, tags, search_text, batch_id, version, created_at, updated_at, state_changed_at,
      period, period_anchor_at, period_ends_at, in_slot, notes, signature_text, signature_html, custom_fields,
      recovery_email, recovery_phone)
    select id, organization_id, workspace_id, domain_id, address, state, service, product, display_name,
      first_name, last_name, tags, search_text, batch_id, version, ${at}, ${at}, ${at},
      period, period_anchor_at, period_ends_at, in_slot, notes, signature_text, signature_html, custom_fields,
      recovery_email, recovery_phone
    from json_to_recordset(${JSON.stringify(columns)}::json) as new (id uuid, organization_id uuid,
      workspace_id uuid, domain_id uuid, address text, state text, service text, product text,
      display_name text, first_name text, last_name text, tags text[], search_text text, batch_id uuid, version integer,
      period text, period_anchor_at timestamptz, period_ends_at timestamptz, in_slot boolean, notes text, signature_text text,
      signature_html text, custom_fields jsonb, recovery_email text, recovery_phone text)`
}

type NewPassword = { row: Pick<Mailbox, 'id'>; password: StoredPassword }

/** Their primary passwords. */
export function passwordsStatement(platform: Platform, entries: readonly NewPassword[]): RawBuilder<unknown> {
  const stored = entries.map(({ password }) => password)
  return sql`/* prepared insert_mailbox_passwords */
    insert into mailbox_passwords (mailbox_id, name, scheme, verifier, key_id, sealed_password, created_at)
    select mailbox_id, 'primary', 'hmac-sha256', verifier, key_id, sealed_password, ${platform.clock.now()}
    from unnest(
      ${entries.map(({ row }) => row.id)}::uuid[], ${stored.map((one) => one.verifier)}::bytea[],
      ${stored.map((one) => one.key_id)}::text[], ${stored.map((one) => one.sealed_password)}::bytea[]
    ) as new (mailbox_id, verifier, key_id, sealed_password)`
}
