/** Domains whose records are kept at Cloudflare by its API: listed, shown, left; and the zones that could be. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { dnsHostsOf } from '../../domains/dns-hosts/connections.ts'
import { leaveDnsHost } from '../../domains/dns-hosts/drive.ts'
import type { ListedZone } from '../../domains/dns-hosts/driver.ts'
import { type HostedDomain, hostedDomains } from '../../domains/dns-hosts/hosted-domains.ts'
import { zonesAt } from '../../domains/dns-hosts/import-zones.ts'
import { domainsByName } from '../../domains/domains.ts'
import { latestOrders } from '../../domains/orders/store.ts'
import { type DomainOverview, everyDomain, pageDomainOverviews } from '../../mailboxes/domain-overviews.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { inLockOrder, requireNamed, requireOne } from './domain-finding.ts'
import { statusOf } from './domain-status.ts'
import { availableOf, StatusView } from './domain-view.ts'
import { DomainName, Keyword } from './domains.ts'
import {
  closed,
  DoneView,
  done,
  errors,
  Ok,
  ok,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
  Uid,
  uidsMax,
} from './schemas.ts'

const CloudflareDomainView = Type.Object(
  {
    uid: Type.String(),
    name: Type.String(),
    status: StatusView,
    connection_mode: Type.Literal('cloudflare'),
    credential_status: OneOf(['valid', 'invalid']),
    assigned_mailboxes: Type.Integer(),
    available_mailboxes: Type.Integer(),
    nameservers: Type.Array(Type.String(), { description: 'As they were last seen in DNS.' }),
  },
  { title: 'CloudflareDomain' },
)

const ZoneView = Type.Object(
  {
    name: Type.String(),
    zone_id: Type.String(),
    status: Type.String({ description: 'In Cloudflare’s own words.' }),
    already_connected: Type.Boolean(),
    reconnectable: Type.Boolean({ description: 'Its domain is here, and its records are kept elsewhere.' }),
    domain_uid: Nullable(Type.String()),
  },
  { title: 'CloudflareZone' },
)

const tags = ['Cloudflare Domains']

export function cloudflareRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  detailsRoutes(app, platform)
  disconnectRoute(app, platform)
  zonesRoute(app, platform)
}

type Hosted = ReadonlyMap<string, HostedDomain>

async function pageAt(
  platform: Platform,
  scope: Scope,
  hosted: Hosted,
  search: string | null,
  page: NumberedPage,
) {
  const filter = { ...everyDomain, domainIds: [...hosted.keys()], search }
  const found = await pageDomainOverviews(platform, scope, filter, page)
  const orders = await latestOrders(
    platform.db,
    found.rows.map(({ domain }) => domain.id),
  )
  const view = (row: DomainOverview): Static<typeof CloudflareDomainView> => ({
    uid: row.domain.id,
    name: row.domain.name,
    status: statusOf({ ...row, orders: orders.get(row.domain.id) }),
    connection_mode: 'cloudflare',
    credential_status: hosted.get(row.domain.id)?.host_state === 'working' ? 'valid' : 'invalid',
    assigned_mailboxes: row.mailboxes,
    available_mailboxes: availableOf(row),
    nameservers: row.check?.delegation?.nameservers.map(({ name }) => name) ?? [],
  })
  return { domains: found.rows.map(view), total: found.total }
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/cloudflare-domains/list',
    {
      schema: {
        summary: 'List the domains whose records are kept at Cloudflare',
        tags,
        querystring: Type.Object({ ...pageInput, keyword: Type.Optional(Keyword) }),
        response: {
          200: Ok({ domains: Type.Array(CloudflareDomainView), ...pageOutput }),
          ...errors(400),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { keyword, ...query } = request.query
      const page = pageOf(query)
      const hosted = await hostedDomains(platform.db, scope, 'cloudflare')
      const { domains, total } = await pageAt(platform, scope, hosted, keyword || null, page)
      return ok('Cloudflare domains retrieved successfully', { domains, ...pageFields({ total }, page) })
    },
  )
}

function detailsRoutes(app: Api, platform: Platform): void {
  const schema = {
    summary: 'Get a domain whose records are kept at Cloudflare',
    tags,
    response: { 200: Ok({ domain: CloudflareDomainView }), ...errors(400) },
  }
  const details = async (scope: Scope, named: { uid?: string; domain?: string }) => {
    const { id } = await requireOne(platform.db, scope, named)
    const at = (await hostedDomains(platform.db, scope, 'cloudflare', [id])).get(id)
    if (!at) throw new Refusal('domain_not_found')
    const { domains } = await pageAt(platform, scope, new Map([[id, at]]), null, { number: 1, size: 1 })
    const [domain] = domains
    if (!domain) throw new Refusal('domain_not_found')
    return ok('Cloudflare domain retrieved successfully', { domain })
  }
  app.get(
    '/cloudflare-domains/details',
    { schema: { ...schema, querystring: Type.Object({ uid: Uid }) } },
    (request) => details(callerOf(request).scope, request.query),
  )
  app.get(
    '/cloudflare-domains/:domain',
    { schema: { ...schema, params: Type.Object({ domain: DomainName }) } },
    (request) => details(callerOf(request).scope, request.params),
  )
}

function disconnectRoute(app: Api, platform: Platform): void {
  app.post(
    '/cloudflare-domains/disconnect',
    {
      schema: {
        summary: 'Keep the records of domains at Cloudflare no more',
        description:
          'What this server wrote there is taken out, and nothing else. The domains stay connected, with their DNS in their owner’s hands.',
        tags,
        body: Type.Object(
          {
            domain: Type.Optional(DomainName),
            uid: Type.Optional(Uid),
            uids: Type.Optional(Type.Array(Uid, { minItems: 1, maxItems: uidsMax })),
          },
          closed,
        ),
        response: { 200: DoneView, ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      await transact(platform, caller, async (tx) => {
        const domains = await requireNamed(tx, scope, request.body, 'domain, uid or uids')
        const ids = domains.map(({ id }) => id)
        const hosted = await hostedDomains(tx, scope, 'cloudflare', ids)
        if (hosted.size < ids.length) throw new Refusal('domain_not_found')
        for (const { id } of inLockOrder(domains)) await leaveDnsHost(platform, tx, scope, id, true)
      })
      return done('Cloudflare domains disconnected')
    },
  )
}

function zonesRoute(app: Api, platform: Platform): void {
  app.get(
    '/cloudflare-domains/zones',
    {
      schema: {
        summary: 'List the zones that the kept tokens show',
        tags,
        response: { 200: Ok({ zones: Type.Array(ZoneView) }), ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const hosts = await dnsHostsOf(platform.db, scope, 'cloudflare')
      if (hosts.length === 0) throw new Refusal('dns_host_not_found', 'No Cloudflare credentials found')
      const zones = new Map<string, ListedZone>()
      // Two tokens may show the same zone.
      for (const host of hosts) for (const zone of await zonesAt(platform, host)) zones.set(zone.id, zone)
      const all = [...zones.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
      const hosted = await hostedDomains(platform.db, scope, 'cloudflare')
      const known = await domainsByName(
        platform.db,
        scope,
        all.map(({ name }) => name),
      )
      return ok('Cloudflare zones retrieved successfully', {
        zones: all.map((zone): Static<typeof ZoneView> => {
          const domain = known.get(zone.name)
          const isConnected = domain !== undefined && hosted.has(domain.id)
          return {
            name: zone.name,
            zone_id: zone.id,
            status: zone.status,
            already_connected: isConnected,
            reconnectable: domain !== undefined && !isConnected && domain.dns_mode === 'manual',
            domain_uid: domain?.id ?? null,
          }
        }),
      })
    },
  )
}
