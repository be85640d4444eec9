/** Domains as this API shows them. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { type HostedDomain, hostedDomains } from '../../domains/dns-hosts/hosted-domains.ts'
import { wantedNameservers } from '../../domains/nameservers.ts'
import { type LatestOrders, latestOrders, priceOfOrder } from '../../domains/orders/store.ts'
import type { DomainOverview } from '../../mailboxes/domain-overviews.ts'
import { onOneConnection } from '../../platform/database.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { formatMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  domainStatuses,
  matchStatusOf,
  propagationOf,
  propagationStatuses,
  renewalStatuses,
  renewalStatusOf,
  statusOf,
} from './domain-status.ts'
import { Moment } from './schemas.ts'

export const StatusView = OneOf(domainStatuses)
const Text = Type.String()

export const DomainView = Type.Object(
  {
    uid: Text,
    name: Text,
    tld: Text,
    status: StatusView,
    price: Type.Number({ description: 'What its registration cost; 0 for one that is connected.' }),
    connection_type: OneOf(['purchased', 'connected']),
    assigned_mailboxes: Type.Integer(),
    available_mailboxes: Type.Integer(),
    dns_propagation_status: OneOf(propagationStatuses),
    nameserver_match_status: OneOf(['matched', 'pending']),
    last_nameserver_check: Nullable(Moment),
    nameservers: Type.Array(Text, {
      description: 'To be set; empty where this server is not to answer for it.',
    }),
    actual_nameservers: Type.Array(Text),
    registration_years: Type.Integer({ description: '0 for one that is connected.' }),
    renewal_date: Nullable(Moment),
    renewal_status: OneOf(renewalStatuses),
    forwarding_url: Nullable(Text),
    dmarc_email: Nullable(Text),
    catch_all_email: Nullable(Text),
    cf_zone_id: Nullable(Text),
    tags: Type.Array(Type.Object({ id: Text, name: Text })),
    createdAt: Moment,
    updatedAt: Moment,
  },
  { title: 'Domain' },
)

/** What is shown as room where there is no limit. */
const roomWithoutLimit = 10_000

export function availableOf({ room }: Pick<DomainOverview, 'room'>): number {
  return room === null ? roomWithoutLimit : Math.max(room, 0)
}

/** The rows of a page, with what else is shown of them, read in sets. */
export async function domainViews(
  platform: Platform,
  scope: Scope,
  rows: readonly DomainOverview[],
): Promise<Static<typeof DomainView>[]> {
  const ids = rows.map(({ domain }) => domain.id)
  const [orders, zones] = await onOneConnection(platform.db, (db) =>
    Promise.all([latestOrders(db, ids), hostedDomains(db, scope, 'cloudflare', ids)]),
  )
  return rows.map((row) => domainView(platform, row, orders.get(row.domain.id), zones.get(row.domain.id)))
}

function domainView(
  platform: Platform,
  row: DomainOverview,
  orders: LatestOrders | undefined,
  zone: HostedDomain | undefined,
): Static<typeof DomainView> {
  const { domain, mailboxes, check, registration, catchAll, tags } = row
  const known = { domain, check, orders }
  const order = registration === null ? null : (orders?.register ?? null)
  return {
    uid: domain.id,
    name: domain.name,
    tld: tldOf(domain.name),
    status: statusOf(known),
    price: order === null ? 0 : Number(formatMoney(priceOfOrder(order))),
    connection_type: registration === null ? 'connected' : 'purchased',
    assigned_mailboxes: mailboxes,
    available_mailboxes: availableOf(row),
    dns_propagation_status: propagationOf(known),
    nameserver_match_status: matchStatusOf(known),
    last_nameserver_check: check?.checked_at?.toISOString() ?? null,
    nameservers: wantedNameservers(platform, domain),
    actual_nameservers: check?.delegation?.nameservers.map(({ name }) => name) ?? [],
    registration_years: order?.years ?? 0,
    renewal_date: registration?.expires_at?.toISOString() ?? null,
    renewal_status: renewalStatusOf(orders),
    forwarding_url: domain.redirect_url,
    dmarc_email: domain.dmarc_report_address,
    catch_all_email: catchAll,
    cf_zone_id: zone?.zone_id ?? null,
    tags: tags.map(({ id, name }) => ({ id, name })),
    createdAt: domain.created_at.toISOString(),
    updatedAt: domain.updated_at.toISOString(),
  }
}

/** What stands behind the first label. */
export function tldOf(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}
