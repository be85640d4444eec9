/** Every folder's migrations, in one list. */

import { keyFormatsMigrations } from './accounts/key-formats-schema.ts'
import { membersMigrations } from './accounts/members-schema.ts'
import { accountsMigrations } from './accounts/schema.ts'
import { incomeMigrations } from './billing/income.ts'
import { paymentsMigrations } from './billing/payments/schema.ts'
import { billingMigrations } from './billing/schema.ts'
import { approvalsMigrations } from './delivery/approvals/schema.ts'
import { bouncesMigrations } from './delivery/bounces/schema.ts'
import { limitsMigrations } from './delivery/limits/schema.ts'
import { outboundMigrations } from './delivery/outbound/schema.ts'
import { programsMigrations } from './delivery/programs-schema.ts'
import { reportsMigrations } from './delivery/reports/schema.ts'
import { routingMigrations } from './delivery/routing/schema.ts'
import { unsentMigrations } from './delivery/scheduled/schema.ts'
import { deliveryMigrations } from './delivery/schema.ts'
import { directionsMigrations } from './delivery/spam/directions-schema.ts'
import { spamMigrations } from './delivery/spam/schema.ts'
import { autoRenewMigrations } from './domains/auto-renew.ts'
import { certificatesMigrations } from './domains/certificates/schema.ts'
import { domainChecksMigrations } from './domains/checks/schema.ts'
import { dnsHostsMigrations } from './domains/dns-hosts/schema.ts'
import { orderPaymentMigrations } from './domains/orders/payment-schema.ts'
import { ordersMigrations } from './domains/orders/schema.ts'
import { domainsMigrations } from './domains/schema.ts'
import { secondariesMigrations } from './domains/secondaries/schema.ts'
import { domainTagsMigrations } from './domains/tags.ts'
import { webMigrations } from './domains/web-schema.ts'
import { zonesMigrations } from './domains/zones/schema.ts'
import { aliasIdsMigrations } from './mailboxes/alias-ids-schema.ts'
import { mailboxCredentialsMigrations } from './mailboxes/credentials-schema.ts'
import { domainForwardsMigrations } from './mailboxes/domain-forwarding.ts'
import { enginesMigrations } from './mailboxes/engines/schema.ts'
import { identitiesMigrations } from './mailboxes/identities-schema.ts'
import { mailboxLifeMigrations } from './mailboxes/life-schema.ts'
import { mailboxPaymentMigrations } from './mailboxes/payment/schema.ts'
import { productsMigrations } from './mailboxes/products-schema.ts'
import { mailboxRequestsMigrations } from './mailboxes/requests-schema.ts'
import { scheduledMailboxesMigrations } from './mailboxes/scheduled/schema.ts'
import { mailboxesMigrations } from './mailboxes/schema.ts'
import { signupsMigrations } from './mailboxes/signups/schema.ts'
import { importsMigrations } from './messages/imports/tables.ts'
import { messagesMigrations } from './messages/schema.ts'
import { auditMigrations } from './platform/audit-schema.ts'
import { mergeMigrations } from './platform/migrations.ts'
import { platformMigrations } from './platform/schema.ts'
import { sequencersMigrations } from './sequencers/schema.ts'
import { setupsMigrations } from './sequencers/setups/schema.ts'
import { webhooksMigrations } from './webhooks/schema.ts'

export const migrations = mergeMigrations(
  platformMigrations,
  accountsMigrations,
  domainsMigrations,
  domainChecksMigrations,
  ordersMigrations,
  certificatesMigrations,
  secondariesMigrations,
  webMigrations,
  zonesMigrations,
  dnsHostsMigrations,
  mailboxesMigrations,
  mailboxLifeMigrations,
  mailboxCredentialsMigrations,
  mailboxRequestsMigrations,
  enginesMigrations,
  identitiesMigrations,
  aliasIdsMigrations,
  signupsMigrations,
  membersMigrations,
  keyFormatsMigrations,
  auditMigrations,
  messagesMigrations,
  importsMigrations,
  deliveryMigrations,
  outboundMigrations,
  reportsMigrations,
  routingMigrations,
  bouncesMigrations,
  spamMigrations,
  directionsMigrations,
  limitsMigrations,
  webhooksMigrations,
  approvalsMigrations,
  unsentMigrations,
  programsMigrations,
  billingMigrations,
  incomeMigrations,
  mailboxPaymentMigrations,
  orderPaymentMigrations,
  paymentsMigrations,
  sequencersMigrations,
  productsMigrations,
  domainTagsMigrations,
  setupsMigrations,
  domainForwardsMigrations,
  autoRenewMigrations,
  scheduledMailboxesMigrations,
)
