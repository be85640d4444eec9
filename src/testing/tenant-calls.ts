/**
 * Calls of any route with ids of another's, made from the route list alone: what the paths are filled with, the bodies
 * that a schema cannot tell, and the forms of a call that must be refused like the plain one.
 */
import { UnknownShape } from './minimal-value.ts'
import type { ListedRoute } from './route-list.ts'
import type { Caller } from './tenant-callers.ts'
import type { Named } from './tenant-made.ts'
import { firstContact, type TenantObjects, unknownId } from './tenant-objects.ts'
import type { CallOptions, Reply, TestApi } from './test-api.ts'

/** A path with something of the tenant's in it, and the same path with something that does not exist. */
export type Filled = { seen: string; missing: string; names: readonly Named[] }

/** One form of a call: as it is, or with a flag such as `preview`. */
export type Form = { query: string; body: unknown }

/** The paths up to each parameter: what is named there. */
export function namesIn(path: string): string[] {
  return [...path.matchAll(/\{\w+\}/g)].map((found) => path.slice(0, found.index + found[0].length))
}

/** Names that mean something only under what they are in: another's is nobody else's. */
const namesWithin = ['/v1/mailboxes/{mailbox}/filters/{filter}']

/**
 * The path with everything of the tenant's: by ids, by names, and the innermost under what is the caller's own.
 * @throws UnknownShape for a parameter that nothing is known for.
 */
export function filled(
  { path }: ListedRoute,
  { byPath }: TenantObjects,
  own: Caller['own'] = new Map(),
): Filled[] {
  const all = namesIn(path).map((name) => {
    const values = byPath.get(name)
    if (!values) throw new UnknownShape(`nothing is known that ${name} may be`)
    return { name, values }
  })
  const last = all.at(-1)
  if (!last) return []
  const numbers = Array.from({ length: Math.max(...all.map(({ values }) => values.length)) }, (_, at) => at)
  const whole = numbers.map((number) =>
    fill(
      path,
      all.map(({ values }) => values[number] ?? first(values)),
    ),
  )
  const parents = all.slice(0, -1).map(({ name }) => own.get(name))
  if (parents.length === 0 || parents.includes(undefined) || namesWithin.includes(last.name)) return whole
  const under = last.values.map((value) =>
    fill(path, [...parents.map((id = '') => ({ foreign: id, unknown: id })), value]),
  )
  return [...whole, ...under]
}

function first(values: readonly Named[]): Named {
  return values[0] ?? { foreign: unknownId, unknown: unknownId }
}

function fill(path: string, names: readonly Named[]): Filled {
  const put = (which: 'foreign' | 'unknown'): string => {
    const left = [...names]
    return path.replace(/\{\w+\}/g, () => left.shift()?.[which] ?? '')
  }
  return { seen: put('foreign'), missing: put('unknown'), names }
}

const price = { amount: 1, currency: 'USD' }

/** Bodies of which the schemas do not tell enough. */
const bodies: Readonly<Record<string, unknown>> = {
  'POST /v1/mailboxes': { address: 'new@demo.test' },
  'POST /v1/mailboxes/import': 'address\nnew@demo.test\n',
  'POST /v1/mailbox-requests': { mailboxes: [{ address: 'new@demo.test' }] },
  'POST /v1/mailboxes/{mailbox}/filters/check': { script: 'keep;' },
  'PUT /v1/mailboxes/{mailbox}/filters/{filter}': { script: 'keep;' },
  'PUT /v1/mailboxes/{mailbox}/picture': { content_base64: 'AAAA' },
  'POST /v1/mailboxes/{mailbox}/imports':
    'From ann@example.org Thu Jan  4 10:00:00 2024\nSubject: x\n\nhello\n',
  'POST /v1/mailboxes/{mailbox}/messages': { to: ['x@example.org'], text: 'hello' },
  'POST /v1/mailboxes/{mailbox}/messages/{message}/reply': { to: ['x@example.org'], text: 'hello' },
  'POST /v1/mailboxes/{mailbox}/messages/{message}/forward': { to: ['x@example.org'] },
  'POST /v1/mailboxes/{mailbox}/drafts': { text: 'hello' },
  'PATCH /v1/mailboxes/{mailbox}/drafts/{draft}': { text: 'changed' },
  'POST /v1/mailboxes/{mailbox}/drafts/{draft}/attachments': { filename: 'x', content_base64: 'AAAA' },
  'PATCH /v1/mailboxes/{mailbox}/scheduled/{scheduled}': { send_at: '2020-01-01T00:00:00Z' },
  'POST /v1/setups': { domains: [{ name: 'demo.test', mailboxes: [] }] },
  'POST /v1/exports': { mailboxes: ['ann@demo.test'] },
  'POST /v1/sequencers/{sequencer}/mailboxes/remove': { mailboxes: ['ann@demo.test'] },
  'POST /v1/identities': { address: 'new@demo.test' },
  'PUT /v1/identities/{identity}/mailbox': { address: 'new@demo.test' },
  'PUT /v1/domains/{domain}/catch-all': { targets: ['x@example.org'] },
  'POST /v1/domains/{domain}/records': { name: 'x', type: 'A', value: '192.0.2.1' },
  'PATCH /v1/domains/{domain}/records/{record}': { ttl: 60 },
  'PUT /v1/domain-markups/{tld}': { currency: 'USD' },
  'POST /v1/prices': { item: 'domain_renew', tld: 'new', unit_amount: 1 },
  'POST /v1/plans': { code: 'new-plan', name: 'New', slots: 1 },
  'POST /v1/coupons': { amount: 1, currency: 'USD' },
  'POST /v1/wallet/coupons': { code: 'NO-SUCH-CODE' },
  'POST /v1/wallets/{workspace}/credits': { kind: 'top_up', amount: 1, description: 'x' },
  'PUT /v1/wallets/{workspace}/tax': { rate_basis_points: 0 },
  'PATCH /v1/wallet': { low_balance: 1 },
  'POST /v1/domains': { name: 'demo.test' },
  'POST /v1/domains/search': { names: ['new.test'] },
  'POST /v1/domains/register': { name: 'new.test', expected_price: price },
  'POST /v1/domains/{domain}/renew': { expected_price: price },
  'POST /v1/contacts': firstContact,
  'POST /v1/domain-tags': { name: 'new' },
  'PATCH /v1/domain-tags/{tag}': { name: 'new' },
  'POST /v1/members': { email: 'new@people.example', role: 'viewer', password: 'correct horse battery' },
  'POST /v1/invoices/{invoice}/credit-notes': { whole: true, reason: 'x' },
  'POST /v1/invitations': { email: 'new@people.example', role: 'viewer' },
  'POST /v1/relays': { host: 'relay.example' },
  'POST /v1/dns-secondaries': { name: 'x', address: '192.0.2.54', allow_by_address: true },
  'POST /v1/webhooks': { url: 'https://hooks.new.example/' },
  'POST /v1/wallet/top-ups': { amount: 1000, method: 'checkout' },
  'POST /v1/test/clock': { advance: 'PT0S' },
}

/** @throws UnknownShape where neither the schema nor the list above tells. */
export function bodyOf(route: ListedRoute): unknown {
  return route.name in bodies ? bodies[route.name] : route.body()
}

/** Further bodies of a route that take another way through it. */
const furtherBodies: Readonly<Record<string, readonly object[]>> = {
  'POST /v1/mailboxes/{mailbox}/cancel': [{ at: 'now' }],
  'POST /v1/subscriptions/{subscription}/cancel': [{ at: 'now' }],
}

/** Queries of routes that would take their time without. */
const queries: Readonly<Record<string, string>> = {
  'GET /v1/mailboxes/{mailbox}/messages/wait': '?timeout=0',
  'GET /v1/billing-reports/revenue': '?from=2026-01',
  'GET /v1/billing-reports/ledger': '?month=2026-01',
  'GET /v1/billing-reports/invoices': '?month=2026-01',
}

export function plainForm(route: ListedRoute): Form {
  return { query: queries[route.name] ?? '', body: bodyOf(route) }
}

/** The plain call, one with each flag of the query set, and one that only previews. */
export function formsOf(route: ListedRoute): Form[] {
  const plain = plainForm(route)
  const { body } = plain
  const flagged = route.flags.map((flag) => ({
    query: plain.query === '' ? `?${flag}=true` : `${plain.query}&${flag}=true`,
    body,
  }))
  const previewing = { query: '', body: { ...Object(body), preview: true } }
  const further = (furtherBodies[route.name] ?? []).map((other) => ({ query: '', body: other }))
  return [plain, ...further, ...flagged, ...(route.properties.includes('preview') ? [previewing] : [])]
}

/** Bodies that leave room for one thing that is named, by the route and the property. */
const roomFor: Readonly<Record<string, object>> = {
  'POST /v1/mailboxes domain': {},
  'POST /v1/identities domain': {},
  'POST /v1/identities mailbox': {},
  'PUT /v1/identities/{identity}/mailbox domain': {},
  'PUT /v1/identities/{identity}/mailbox mailbox': {},
  'PUT /v1/domains/{domain}/catch-all mailbox': {},
  'POST /v1/domains/register quote_id': { name: 'new.test' },
  'POST /v1/domains/{domain}/renew quote_id': {},
}

/** Properties that hold a list of what they name. */
const lists = ['identity_ids', 'ids', 'mailbox_ids', 'workspace_ids']

/** A call about something of the caller's own that names something of another's beside it. */
export type Reference = { property: string; names: Named; path: string; seen: Form; missing: Form }

/**
 * All of them for a route.
 * @throws UnknownShape for a property with an id of which nothing is known.
 */
export function referencesOf(
  route: ListedRoute,
  { byProperty }: TenantObjects,
  own: Caller['own'],
): Reference[] {
  const path = ownPath(route.path, own)
  const inBody = route.properties.filter((name) => isReference(name, byProperty))
  const inQuery = route.query.filter((name) => isReference(name, byProperty))
  if (path === null) return []
  const pair = (property: string, form: (id: string) => Form): Reference[] => {
    const names = byProperty.get(property)
    if (!names) throw new UnknownShape(`nothing is known that ${property} may be`)
    return [{ property, names, path, seen: form(names.foreign), missing: form(names.unknown) }]
  }
  return [
    ...inBody.flatMap((property) =>
      pair(property, (id) => ({
        query: '',
        body: {
          ...Object(roomFor[`${route.name} ${property}`] ?? bodyOf(route)),
          [property]: lists.includes(property) ? [id] : id,
        },
      })),
    ),
    ...inQuery.flatMap((property) =>
      pair(property, (id) => ({ query: `?${property}=${id}`, body: bodyOf(route) })),
    ),
  ]
}

/** Ids that others give, and that name nothing here. */
const idsOfOthers = ['tax_id']

function isReference(name: string, byProperty: TenantObjects['byProperty']): boolean {
  return byProperty.has(name) || (/_ids?$/.test(name) && !idsOfOthers.includes(name))
}

/** The path with what is the caller's own; null if it has none of that. */
function ownPath(path: string, own: Caller['own'] = new Map()): string | null {
  const ids = namesIn(path).map((name) => own.get(name))
  return ids.includes(undefined) ? null : path.replace(/\{\w+\}/g, () => ids.shift() ?? '')
}

export function callAs(
  api: TestApi,
  { key, headers = {} }: Caller,
  route: ListedRoute,
  path: string,
  { query, body }: Form,
): Promise<Reply> {
  const isJson = route.mediaType === null || route.mediaType === 'application/json'
  const options: CallOptions = {
    key,
    body,
    headers: {
      ...headers,
      ...(isJson || route.mediaType === null ? {} : { 'content-type': route.mediaType }),
    },
  }
  return api.call(route.method, path + query, options)
}

/** Everything of a reply that does not differ in every request, with what the two calls named made the same. */
export function comparable({ status, headers, text }: Reply, names: readonly string[]): unknown {
  const differing = ['x-request-id', 'date', 'ratelimit-remaining', 'ratelimit-reset', 'content-length']
  const kept = [...headers].filter(([name]) => !differing.includes(name))
  const plain = text.replace(/urn:uuid:[\w-]+/, 'INSTANCE')
  return { status, kept, text: names.reduce((left, name) => left.replaceAll(name, 'NAME'), plain) }
}

const widthMax = 8

/** Works on all items, a few at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: widthMax }, worker))
}
