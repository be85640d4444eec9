/** Every folder's migrations, in one list. */
import { accountsMigrations } from './accounts/schema.ts'
import { limitsMigrations } from './delivery/limits/schema.ts'
import { outboundMigrations } from './delivery/outbound/schema.ts'
import { deliveryMigrations } from './delivery/schema.ts'
import { domainsMigrations } from './domains/schema.ts'
import { mailboxesMigrations } from './mailboxes/schema.ts'
import { messagesMigrations } from './messages/schema.ts'
import { mergeMigrations } from './platform/migrations.ts'
import { platformMigrations } from './platform/schema.ts'

export const migrations = mergeMigrations(
  platformMigrations,
  accountsMigrations,
  domainsMigrations,
  mailboxesMigrations,
  messagesMigrations,
  deliveryMigrations,
  outboundMigrations,
  limitsMigrations,
)
