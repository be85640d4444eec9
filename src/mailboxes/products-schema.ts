/** The schema of products: what mailboxes were asked for as, what makes them, limits for them, and notes of who pays. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

const isProduct = `product in ('google', 'microsoft', 'smtp', 'smtp_dedicated')`
const isProductNow = `product in ('google', 'microsoft', 'azure', 'smtp', 'smtp_dedicated')`

export const productsMigrations: Migrations = {
  '0060_products': sqlMigration(
    `alter table mailboxes add column product text check (${isProduct})`,
    `alter table mailbox_limits add column product text check (${isProduct}),
      drop constraint mailbox_limits_organization_id_workspace_id_domain_id_servi_key,
      add constraint mailbox_limits_subject_key
        unique nulls not distinct (organization_id, workspace_id, domain_id, service, product, per, set_by)`,
    `alter table mailbox_batches add column product text check (${isProduct}),
      add column domain_id uuid references domains`,
    `create index mailbox_batches_product on mailbox_batches (workspace_id, id)
      where product is not null and domain_id is not null`,
    `create table service_mappings (
      workspace_id uuid not null references workspaces on delete cascade,
      product text not null check (${isProduct}),
      service text not null check (service in ('local', 'google', 'microsoft')),
      primary key (workspace_id, product)
    )`,
    'alter table subscriptions add column notes text check (length(notes) between 1 and 2000)',
  ),
  '0061_domain_products': sqlMigration(
    `alter table mailboxes drop constraint mailboxes_product_check, add check (${isProductNow})`,
    `alter table mailbox_limits drop constraint mailbox_limits_product_check, add check (${isProductNow})`,
    `alter table mailbox_batches drop constraint mailbox_batches_product_check, add check (${isProductNow})`,
    `alter table service_mappings drop constraint service_mappings_product_check, add check (${isProductNow})`,
    `alter table domains add column product text check (${isProductNow})`,
  ),
}
