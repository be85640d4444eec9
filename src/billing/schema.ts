/** The schema of billing: prices, wallets, the ledger, invoices, plans and their subscriptions. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

// What the ledger promises is kept by the database: whoever writes entries, by whatever way, cannot break it.
const ledger = [
  `create table wallets (
    workspace_id uuid primary key references workspaces (id),
    organization_id uuid not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    balance bigint not null default 0,
    held bigint not null default 0 check (held >= 0),
    credit_limit bigint not null default 0 check (credit_limit >= 0),
    low_balance bigint check (low_balance >= 0),
    locked_at timestamptz,
    lock_reason text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check ((locked_at is null) = (lock_reason is null))
  )`,
  `create table ledger_transfers (
    id uuid primary key,
    organization_id uuid not null,
    workspace_id uuid not null references wallets (workspace_id),
    key text not null,
    kind text not null,
    cause text not null,
    cause_id uuid,
    invoice_id uuid,
    currency text not null,
    forced boolean not null,
    description text not null,
    actor text,
    created_at timestamptz not null,
    unique (workspace_id, key)
  )`,
  'create index ledger_transfers_workspace on ledger_transfers (workspace_id, id)',
  'create index ledger_transfers_created_at on ledger_transfers (created_at, id)',
  'create index ledger_transfers_cause on ledger_transfers (cause_id) where cause_id is not null',
  `create table ledger_entries (
    transfer_id uuid not null references ledger_transfers (id),
    account text not null check (account in
      ('wallet', 'held', 'revenue', 'tax', 'payments', 'promotions', 'disputes', 'corrections')),
    workspace_id uuid not null,
    amount bigint not null check (amount <> 0),
    primary key (transfer_id, account)
  )`,
  // What is written stays as it is; a mistake is mended by another transfer.
  `create function ledger_is_append_only() returns trigger language plpgsql as $$
    begin
      raise exception '% is append only', tg_table_name using errcode = 'restrict_violation', constraint = 'ledger_append_only';
    end $$`,
  `create trigger ledger_transfers_append_only before update or delete or truncate on ledger_transfers
    for each statement execute function ledger_is_append_only()`,
  `create trigger ledger_entries_append_only before update or delete or truncate on ledger_entries
    for each statement execute function ledger_is_append_only()`,
  // The entries of a transfer are written by one statement, sum to zero, and move the wallet's balance with them.
  `create function ledger_entries_post() returns trigger language plpgsql as $$
    declare
      poor uuid;
    begin
      if exists (select 1 from news group by transfer_id having sum(amount) <> 0 or count(*) < 2) then
        raise exception 'the entries of a transfer do not sum to zero'
          using errcode = 'check_violation', constraint = 'ledger_entries_sum';
      end if;
      if exists (select 1 from news join ledger_transfers as transfer on transfer.id = news.transfer_id
          join wallets on wallets.workspace_id = transfer.workspace_id
          where transfer.workspace_id <> news.workspace_id or transfer.currency <> wallets.currency) then
        raise exception 'an entry is not of its transfer''s wallet and currency'
          using errcode = 'check_violation', constraint = 'ledger_entries_wallet';
      end if;
      with moves as (
        select news.workspace_id,
          coalesce(sum(amount) filter (where account = 'wallet'), 0) as balance,
          coalesce(sum(amount) filter (where account = 'held'), 0) as held,
          bool_or(amount < 0 and account = 'wallet' and not transfer.forced) as is_spending
        from news join ledger_transfers as transfer on transfer.id = news.transfer_id
        where account in ('wallet', 'held') group by news.workspace_id
      ), moved as (
        update wallets set balance = wallets.balance + moves.balance, held = wallets.held + moves.held
        from moves where wallets.workspace_id = moves.workspace_id
        returning wallets.workspace_id, wallets.balance, wallets.credit_limit, moves.is_spending
      )
      select workspace_id into poor from moved where is_spending and balance < -credit_limit limit 1;
      if poor is not null then
        raise exception 'the wallet of % does not have so much', poor
          using errcode = 'check_violation', constraint = 'wallets_balance';
      end if;
      return null;
    end $$`,
  `create trigger ledger_entries_post after insert on ledger_entries
    referencing new table as news for each statement execute function ledger_entries_post()`,
]

const invoices = [
  `create table billing_details (
    workspace_id uuid primary key references workspaces (id),
    name text, company text, email text, tax_id text,
    address_lines text[] not null default '{}', postal_code text, city text, region text, country text,
    tax_rate_basis_points integer not null default 0 check (tax_rate_basis_points between 0 and 10000),
    tax_name text,
    updated_at timestamptz not null
  )`,
  `create table invoices (
    id uuid primary key,
    organization_id uuid not null,
    workspace_id uuid not null,
    kind text not null check (kind in ('invoice', 'credit_note')),
    number text unique,
    sequence integer,
    credited_invoice_id uuid references invoices (id),
    currency text not null,
    subtotal bigint not null,
    discount bigint not null,
    tax bigint not null,
    total bigint not null,
    tax_rate_basis_points integer not null,
    reason text,
    issuer jsonb,
    customer jsonb not null,
    created_at timestamptz not null,
    numbered_at timestamptz,
    unique (kind, sequence),
    check (total = subtotal - discount + tax),
    check ((number is null) = (numbered_at is null) and (number is null) = (sequence is null) and (number is null) = (issuer is null)),
    check ((kind = 'credit_note') = (credited_invoice_id is not null)),
    check (case kind when 'invoice' then total >= 0 else total <= 0 end)
  )`,
  'create index invoices_workspace on invoices (workspace_id, id)',
  'create index invoices_unnumbered on invoices (created_at, id) where number is null',
  'create index invoices_created_at on invoices (created_at, id)',
  'create index invoices_credited on invoices (credited_invoice_id) where credited_invoice_id is not null',
  `create table invoice_lines (
    id uuid primary key,
    invoice_id uuid not null references invoices (id),
    workspace_id uuid not null,
    kind text not null check (kind in ('period', 'proration', 'once', 'credit')),
    item text not null,
    subject_id uuid,
    description text not null,
    quantity integer not null check (quantity > 0),
    unit_amount bigint not null,
    amount bigint not null check (amount = quantity * unit_amount),
    discount bigint not null,
    tax bigint not null,
    cost bigint,
    period_started_at timestamptz,
    period_ends_at timestamptz,
    credited_line_id uuid references invoice_lines (id),
    check ((period_started_at is null) = (period_ends_at is null)),
    check (kind <> 'period' or subject_id is not null and period_started_at < period_ends_at)
  )`,
  'create index invoice_lines_invoice on invoice_lines (invoice_id, id)',
  'create index invoice_lines_credited on invoice_lines (credited_line_id) where credited_line_id is not null',
  // No period is billed twice.
  `create unique index invoice_lines_period on invoice_lines (subject_id, period_started_at) where kind = 'period'`,
  `create table invoice_series (kind text primary key, last_sequence integer not null)`,
  `insert into invoice_series (kind, last_sequence) values ('invoice', 0), ('credit_note', 0)`,
  `create table wallet_holds (
    id uuid primary key,
    organization_id uuid not null,
    workspace_id uuid not null,
    cause text not null,
    cause_id uuid not null,
    state text not null check (state in ('held', 'captured', 'released')),
    lines jsonb not null,
    tax_rate_basis_points integer not null,
    total bigint not null check (total >= 0),
    currency text not null,
    invoice_id uuid,
    created_at timestamptz not null,
    ended_at timestamptz,
    check ((state = 'held') = (ended_at is null))
  )`,
  `create unique index wallet_holds_open on wallet_holds (cause, cause_id) where state = 'held'`,
  'create index wallet_holds_workspace on wallet_holds (workspace_id, id)',
]

const catalogue = [
  `create table billing_settings (
    is_only boolean primary key default true check (is_only),
    currency text not null,
    issuer jsonb not null,
    invoice_prefix text not null,
    credit_note_prefix text not null,
    notice_days integer[] not null,
    retry_hours integer[] not null,
    suspend_after_days integer not null check (suspend_after_days >= 0),
    delete_after_days integer not null,
    delete_notice_days integer not null check (delete_notice_days >= 0),
    payment_wait_days integer not null check (payment_wait_days >= 0),
    updated_at timestamptz,
    check (delete_after_days >= suspend_after_days)
  )`,
  `insert into billing_settings (currency, issuer, invoice_prefix, credit_note_prefix, notice_days, retry_hours,
      suspend_after_days, delete_after_days, delete_notice_days, payment_wait_days)
    values ('USD', '{}', 'INV-', 'CN-', '{7,1}', '{24,72,120}', 7, 30, 7, 3)`,
  `create table plans (
    id uuid primary key,
    code text not null unique,
    name text not null,
    description text,
    slots integer not null check (slots >= 0),
    services text[] not null,
    archived_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  `create table prices (
    id uuid primary key,
    item text not null check (item in ('mailbox', 'domain_register', 'domain_renew', 'plan', 'plan_slot')),
    workspace_id uuid references workspaces (id),
    plan_id uuid references plans (id),
    service text,
    period text check (period in ('monthly', 'yearly')),
    tld text,
    currency text not null,
    unit_amount bigint not null check (unit_amount >= 0),
    steps jsonb not null default '[]',
    valid_from timestamptz not null,
    valid_until timestamptz,
    created_at timestamptz not null,
    check (valid_until is null or valid_from < valid_until),
    check ((item in ('plan', 'plan_slot')) = (plan_id is not null)),
    check ((item = 'mailbox') = (service is not null)),
    check ((item in ('mailbox', 'plan', 'plan_slot')) = (period is not null)),
    check ((item in ('domain_register', 'domain_renew')) = (tld is not null))
  )`,
  'create index prices_item on prices (item, workspace_id, valid_from)',
  `create table coupons (
    id uuid primary key,
    code text not null unique,
    kind text not null check (kind in ('percent', 'amount')),
    percent_basis_points integer check (percent_basis_points between 1 and 10000),
    amount bigint check (amount > 0),
    currency text,
    items text[],
    months integer check (months between 1 and 120),
    redemptions_max integer check (redemptions_max > 0),
    redemptions integer not null default 0,
    valid_from timestamptz not null,
    valid_until timestamptz,
    created_at timestamptz not null,
    check ((kind = 'percent') = (percent_basis_points is not null)),
    check ((kind = 'amount') = (amount is not null) and (kind = 'amount') = (currency is not null)),
    check (redemptions_max is null or redemptions <= redemptions_max)
  )`,
  `create table coupon_redemptions (
    workspace_id uuid not null references workspaces (id),
    coupon_id uuid not null references coupons (id),
    redeemed_at timestamptz not null,
    ends_at timestamptz,
    primary key (workspace_id, coupon_id)
  )`,
  `create table subscriptions (
    id uuid primary key,
    organization_id uuid not null,
    workspace_id uuid not null,
    plan_id uuid not null references plans (id),
    extra_slots integer not null check (extra_slots >= 0),
    state text not null check (state in ('active', 'past_due', 'suspended', 'canceled')),
    period text not null check (period in ('monthly', 'yearly')),
    next_period text check (next_period in ('monthly', 'yearly')),
    next_plan_id uuid references plans (id),
    next_extra_slots integer check (next_extra_slots >= 0),
    period_anchor_at timestamptz not null,
    period_started_at timestamptz not null,
    period_ends_at timestamptz not null,
    cancel_at_period_end boolean not null,
    plan_invoice_id uuid references invoices (id),
    slots_invoice_id uuid references invoices (id),
    unpaid_since timestamptz,
    payment_attempts integer not null default 0,
    next_payment_at timestamptz,
    deletion_at timestamptz,
    noticed_days integer,
    version integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz,
    check ((state = 'canceled') = (ended_at is not null))
  )`,
  `create unique index subscriptions_one_plan on subscriptions (workspace_id) where state <> 'canceled'`,
  'create index subscriptions_workspace on subscriptions (workspace_id, id)',
  `create index subscriptions_due on subscriptions ((coalesce(next_payment_at, period_ends_at))) where state <> 'canceled'`,
]

export const billingMigrations: Migrations = {
  '0048_billing': sqlMigration(...ledger, ...invoices, ...catalogue),
}
