/** The dialect of InboxKit's API: their clients run against this server with another base URL and key. */
import type { FastifyInstance } from 'fastify'
import type { Callers } from '../../mailboxes/callers.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { admitToken, bearerOf, headerOf } from '../callers.ts'
import type { Dialect } from '../dialect.ts'
import { accountRoutes } from './account.ts'
import { planRoutes } from './billing-plans.ts'
import { walletRoutes } from './billing-wallet.ts'
import { cloudflareRoutes } from './cloudflare.ts'
import { cloudflareConnectRoutes } from './cloudflare-connect.ts'
import { credentialRoutes } from './credentials.ts'
import { dnsRoutes } from './dns.ts'
import { dnsCheckRoutes } from './dns-checks.ts'
import { domainSearchRoutes } from './domain-search.ts'
import { domainSettingsRoutes } from './domain-settings.ts'
import { domainRoutes } from './domains.ts'
import { answer } from './errors.ts'
import { forwardingRoutes } from './forwarding.ts'
import { inboxPlacementRoutes } from './inbox-placement.ts'
import { infraGuardRoutes } from './infra-guard.ts'
import { insightRoutes } from './insights.ts'
import { mailboxChangeRoutes } from './mailbox-changes.ts'
import { mailboxPurchaseRoutes } from './mailbox-purchases.ts'
import { mailboxRoutes } from './mailboxes.ts'
import { nameserverRoutes } from './nameservers.ts'
import { oauthRequestRoutes } from './oauth-requests.ts'
import { orderRoutes } from './orders.ts'
import { prewarmRoutes } from './prewarm.ts'
import { registrationRoutes } from './registrations.ts'
import { renewalRoutes } from './renewals.ts'
import { exportRoutes } from './sequencer-exports.ts'
import { sequencerRoutes } from './sequencers.ts'
import { signatureRoutes } from './signatures.ts'
import { tagRoutes } from './tags.ts'
import { warmupRoutes } from './warmup.ts'
import { workspaceRoutes } from './workspaces.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the call is about the team as a whole: it names no workspace, and one that it names all the same is not looked at. */
    ofTeam?: boolean
  }
}

export const inboxkit: Dialect = {
  name: 'inboxkit',
  basePath: '/v1/api',
  ignoresTrailingSlash: true,
  reference: {
    title: 'Mailwright in the dialect of InboxKit',
    description:
      'For clients of InboxKit’s API. The team is the organization; see docs/dialects/inboxkit.md for what differs.',
    tags: [
      { name: 'Account', description: 'The team, its credits and its plan.' },
      { name: 'Workspaces', description: 'Parts of the team.' },
      { name: 'Domains', description: 'Domains, bought or connected.' },
      { name: 'Cloudflare Domains', description: 'Domains whose zone stays at Cloudflare.' },
      { name: 'Orders', description: 'Domains and mailboxes in one call.' },
      { name: 'Mailboxes', description: 'Mailboxes and their credentials.' },
      { name: 'Mailbox forwarding', description: 'Where the mail of mailboxes goes beside them.' },
      {
        name: 'OAuth requests',
        description: 'Not offered: there is nobody here who clicks through a consent.',
      },
      { name: 'DNS', description: 'Records of domains.' },
      { name: 'Sequencers', description: 'Where mailboxes are exported to.' },
      { name: 'Warmup', description: 'Not offered.' },
      { name: 'Prewarm', description: 'Not offered: there is no stock.' },
      { name: 'Tags', description: 'Names to sort by.' },
      { name: 'Email Insights', description: 'What mailboxes sent.' },
      { name: 'InfraGuard', description: 'Bounces.' },
      { name: 'Inbox Placement', description: 'Not offered.' },
      { name: 'Billing', description: 'Plans and the wallet.' },
    ],
    security: {
      bearer: { type: 'http', scheme: 'bearer', description: 'The token of an API key or a session.' },
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
  orderRoutes,
  tagRoutes,
  domainRoutes,
  domainSearchRoutes,
  registrationRoutes,
  nameserverRoutes,
  domainSettingsRoutes,
  renewalRoutes,
  workspaceRoutes,
  accountRoutes,
  walletRoutes,
  planRoutes,
  mailboxRoutes,
  mailboxPurchaseRoutes,
  mailboxChangeRoutes,
  signatureRoutes,
  credentialRoutes,
  forwardingRoutes,
  oauthRequestRoutes,
  warmupRoutes,
  prewarmRoutes,
  insightRoutes,
  infraGuardRoutes,
  inboxPlacementRoutes,
  sequencerRoutes,
  exportRoutes,
  dnsRoutes,
  dnsCheckRoutes,
  cloudflareRoutes,
  cloudflareConnectRoutes,
]

/** Asks for a key or a session on every route that is not open, and for a workspace on those that are not the team's. */
function requireCaller(app: FastifyInstance, callers: Callers): void {
  app.addHook('onRequest', async (request, reply) => {
    const { open = false, ofTeam = false } = request.routeOptions.config
    if (open || request.is404) return
    const named = ofTeam ? undefined : headerOf(request, 'x-workspace-id')
    const { principal } = await admitToken(
      callers,
      request,
      bearerOf(request),
      named ?? null,
      ({ remaining, resetSeconds }) => {
        void reply.header('x-ratelimit-remaining', remaining)
        void reply.header('x-ratelimit-reset', Math.ceil(Date.now() / 1000) + resetSeconds)
      },
    )
    // A key that is bound to a workspace means that one.
    if (!ofTeam && named === undefined && principal.workspaceId === null) {
      throw new Refusal('invalid_request', 'X-Workspace-Id header is required')
    }
  })
}
