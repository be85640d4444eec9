/** Payment of domain orders from wallets. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const orderPaymentMigrations: Migrations = {
  '0051_order_payment': sqlMigration(
    'alter table domain_orders drop constraint domain_orders_payment_check',
    `alter table domain_orders add constraint domain_orders_payment_check
      check (payment in ('due', 'unbilled', 'held', 'paid', 'released'))`,
    'alter table domain_orders add column ready_at timestamptz',
    `create index domain_orders_unpaid on domain_orders (workspace_id, id) where state = 'intent' and payment = 'due'`,
    `create index domain_orders_unpaid_until on domain_orders (next_at) where state = 'intent' and payment = 'due'`,
  ),
}
