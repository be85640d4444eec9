/** The routes of domains, of their DNS, and of what is bought at registrars. */
import type { Platform } from '../platform/platform.ts'
import { contactRoutes } from './contacts.ts'
import { dnsHostRoutes } from './dns-hosts.ts'
import { dnssecRoutes } from './dnssec.ts'
import { domainActionRoutes } from './domain-actions.ts'
import { domainAliasRoutes } from './domain-aliases.ts'
import { domainBatchRoutes } from './domain-batches.ts'
import { domainDkimRoutes } from './domain-dkim.ts'
import { domainDnsRoutes } from './domain-dns.ts'
import { domainDnsHostRoutes } from './domain-dns-host.ts'
import { domainForwardingRoutes } from './domain-forwarding.ts'
import { domainForwardRoutes } from './domain-forwards.ts'
import { domainMarkupRoutes } from './domain-markups.ts'
import { domainOrderRoutes } from './domain-orders.ts'
import { domainPurchaseRoutes } from './domain-purchases.ts'
import { domainRegistrationRoutes } from './domain-registrations.ts'
import { domainReportRoutes } from './domain-reports.ts'
import { domainSearchRoutes } from './domain-search.ts'
import { domainSettingsRoutes } from './domain-settings.ts'
import { domainTagRoutes } from './domain-tags.ts'
import { domainRoutes } from './domains.ts'
import { newDomainsRoute } from './new-domains.ts'
import type { Api } from './schemas.ts'
import { zoneRecordRoutes } from './zone-records.ts'

export function everyDomainRoute(app: Api, platform: Platform): void {
  newDomainsRoute(app, platform)
  domainRoutes(app, platform)
  domainActionRoutes(app, platform)
  domainBatchRoutes(app, platform)
  domainSearchRoutes(app, platform)
  domainPurchaseRoutes(app, platform)
  domainRegistrationRoutes(app, platform)
  domainOrderRoutes(app, platform)
  domainMarkupRoutes(app, platform)
  contactRoutes(app, platform)
  domainReportRoutes(app, platform)
  domainDnsRoutes(app, platform)
  dnssecRoutes(app, platform)
  dnsHostRoutes(app, platform)
  domainDnsHostRoutes(app, platform)
  zoneRecordRoutes(app, platform)
  domainSettingsRoutes(app, platform)
  domainDkimRoutes(app, platform)
  domainForwardRoutes(app, platform)
  domainForwardingRoutes(app, platform)
  domainAliasRoutes(app, platform)
  domainTagRoutes(app, platform)
}
