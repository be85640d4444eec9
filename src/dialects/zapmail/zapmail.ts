/** The dialect of Zapmail's API: their clients run against this server with another base URL and key. */
import type { FastifyInstance } from 'fastify'
import type { Callers } from '../../mailboxes/callers.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { admitToken, headerOf } from '../callers.ts'
import type { Dialect } from '../dialect.ts'
import { billingRoutes } from './billing.ts'
import { connectionRoutes } from './connections.ts'
import { dnsRoutes } from './dns.ts'
import { domainCheckRoutes } from './domain-checks.ts'
import { domainPurchaseRoutes } from './domain-purchases.ts'
import { domainRenewalRoutes } from './domain-renewals.ts'
import { domainSearchRoutes } from './domain-search.ts'
import { domainSettingsRoutes } from './domain-settings.ts'
import { domainRoutes } from './domains.ts'
import { answer } from './errors.ts'
import { exportRoutes } from './exports.ts'
import { mailboxRoutes } from './mailboxes.ts'
import { mailboxAccessRoutes } from './mailboxes-access.ts'
import { mailboxCreateRoutes } from './mailboxes-create.ts'
import { mailboxRemovalRoutes } from './mailboxes-removal.ts'
import { mailboxUpdateRoutes } from './mailboxes-update.ts'
import { memberRoutes } from './members.ts'
import { notOfferedRoutes } from './not-offered.ts'
import { notOfferedDomainRoutes } from './not-offered-domains.ts'
import { oneboxRoutes } from './onebox.ts'
import { oneboxLabelRoutes } from './onebox-labels.ts'
import { oneboxSendRoutes } from './onebox-send.ts'
import { providerOf } from './providers.ts'
import { quickSetupRoutes } from './quick-setup.ts'
import { searchRoutes } from './search.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { tagRoutes } from './tags.ts'
import { thirdPartyAccountRoutes } from './third-party-accounts.ts'
import { userRoutes } from './users.ts'
import { walletRoutes } from './wallet.ts'
import { webhookRoutes } from './webhook-endpoints.ts'
import { workspaceRoutes } from './workspaces.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a call must say which workspace it is about. */
    workspaceRequired?: boolean
    /** Whether a call must say which provider it is about. */
    providerRequired?: boolean
  }
}

export const zapmail: Dialect = {
  name: 'zapmail',
  basePath: '/api',
  ignoresTrailingSlash: true,
  reference: {
    title: 'Mailwright in the dialect of Zapmail',
    description: 'For clients of Zapmail’s API, v2. See docs/dialects/zapmail.md for what differs.',
    tags: [
      { name: 'users', description: 'Who calls.' },
      { name: 'quick setup', description: 'Domains and mailboxes in one call.' },
      { name: 'workspaces', description: 'Workspaces, their members and invitations.' },
      { name: 'billing', description: 'Billing details.' },
      { name: 'mailbox', description: 'Mailboxes and their credentials.' },
      { name: 'payments & wallet', description: 'The wallet.' },
      { name: 'export', description: 'Exports to sequencers and files.' },
      { name: 'subscriptions', description: 'Plans.' },
      { name: 'domains', description: 'Domains, bought or connected.' },
      { name: 'dns', description: 'Records of domains.' },
      { name: 'high reputation domains', description: 'Not offered: there is no stock.' },
      { name: 'prewarmed domains', description: 'Not offered: there is no stock.' },
      { name: 'placement test', description: 'Not offered.' },
      { name: 'dns shield', description: 'Not offered.' },
      { name: 'zapsites', description: 'Not offered.' },
      { name: 'zapwarm', description: 'Not offered.' },
      { name: 'global', description: 'Search over all workspaces.' },
      { name: 'zapbox', description: 'The mail of all mailboxes.' },
      { name: 'webhooks', description: 'Events sent to addresses.' },
    ],
    security: {
      key: {
        type: 'apiKey',
        name: 'x-auth-zapmail',
        in: 'header',
        description: 'The token of an API key or a session, as it is.',
      },
    },
  },
  answer,
  register(app, platform, callers) {
    requireCaller(app, callers)
    for (const routes of allRoutes) routes(app, platform)
  },
}

/** Each noun's, in a file of its own. */
const allRoutes: readonly ((app: Api, platform: Platform) => void)[] = [
  mailboxRoutes,
  mailboxCreateRoutes,
  mailboxUpdateRoutes,
  mailboxRemovalRoutes,
  mailboxAccessRoutes,
  notOfferedRoutes,
  oneboxRoutes,
  oneboxSendRoutes,
  oneboxLabelRoutes,
  searchRoutes,
  quickSetupRoutes,
  tagRoutes,
  domainRoutes,
  domainSettingsRoutes,
  domainCheckRoutes,
  domainSearchRoutes,
  domainPurchaseRoutes,
  domainRenewalRoutes,
  connectionRoutes,
  dnsRoutes,
  notOfferedDomainRoutes,
  userRoutes,
  workspaceRoutes,
  memberRoutes,
  billingRoutes,
  walletRoutes,
  subscriptionRoutes,
  exportRoutes,
  thirdPartyAccountRoutes,
  webhookRoutes,
]

/** Asks for a key or a session on every route that is not open. The workspace's header has two spellings. */
function requireCaller(app: FastifyInstance, callers: Callers): void {
  app.addHook('onRequest', async (request) => {
    const { open = false, workspaceRequired = false, providerRequired = false } = request.routeOptions.config
    if (open || request.is404) return
    const named = headerOf(request, 'x-workspace-key') ?? headerOf(request, 'x-workspace-id')
    await admitToken(callers, request, headerOf(request, 'x-auth-zapmail'), named ?? null, () => undefined)
    if (workspaceRequired && named === undefined) {
      throw new Refusal('invalid_request', 'x-workspace-key is required')
    }
    if (providerRequired && headerOf(request, 'x-service-provider') === undefined) {
      throw new Refusal('invalid_request', 'x-service-provider is required')
    }
    providerOf(request) // what is none is refused whatever the route does with it
  })
}
