/** Zones of a Cloudflare account whose domains are connected: their records are kept there by its API. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import {
  createDnsHost,
  type DnsHostRow,
  dnsHostsOf,
  hasSecret,
  tryNewDnsHost,
} from '../../domains/dns-hosts/connections.ts'
import type { ListedZone } from '../../domains/dns-hosts/driver.ts'
import {
  type ImportedZone,
  importZones,
  recordsOfZone,
  zonesAt,
} from '../../domains/dns-hosts/import-zones.ts'
import { domainsByName } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import type { RRset } from '../../domains/zones/records.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { statusByState } from './domain-status.ts'
import { DomainName } from './domains.ts'
import { closed, errors, Ok, ok } from './schemas.ts'

const domainsMax = 500
const usualLabel = 'Cloudflare'

const ConnectBody = Type.Object(
  {
    auth_type: Type.Optional(OneOf(['api_token', 'global_api_key'], 'A global key is not offered.')),
    api_token: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1000, description: 'Left out: the one that is kept.' }),
    ),
    email: Type.Optional(Type.String({ maxLength: 254, description: 'Of a global key.' })),
    domains: Type.Optional(Type.Array(DomainName, { maxItems: domainsMax })),
    connect_all: Type.Optional(Type.Boolean({ description: `At most ${domainsMax} that are new, by name.` })),
    validateDNS: Type.Optional(Type.Boolean()),
    label: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }),
    ),
  },
  closed,
)
type Body = Static<typeof ConnectBody>

const ConflictView = Type.Object({
  has_conflict: Type.Boolean(),
  records: Type.Array(Type.Object({ type: Type.String(), host: Type.String() })),
  labels: Type.Array(Type.String()),
  message: Nullable(Type.String()),
})

const SkippedView = Type.Object({
  name: Type.String(),
  reason: OneOf(['already_connected', 'already_exists']),
  domain_uid: Nullable(Type.String()),
})

const ConnectedView = Ok({
  domains: Type.Array(
    Type.Object({
      uid: Type.String(),
      name: Type.String(),
      status: Type.String(),
      reconnected: Type.Boolean(),
    }),
  ),
  results: Type.Array(
    Type.Object({
      zone_name: Type.String(),
      success: Type.Boolean(),
      error: Nullable(Type.String()),
      dns_conflict: Type.Optional(ConflictView),
    }),
  ),
  skipped: Type.Array(SkippedView),
  connected_count: Type.Integer(),
  reconnected_count: Type.Integer(),
  failed_count: Type.Integer(),
  skipped_count: Type.Integer(),
})

const ConflictError = Type.Object({
  error: Type.Literal(true),
  code: Type.Literal('CREDENTIAL_CONFLICT'),
  message: Type.String(),
})

type Conflicts = ReadonlyMap<string, Static<typeof ConflictView>>

export function cloudflareConnectRoutes(app: Api, platform: Platform): void {
  app.post(
    '/cloudflare-domains/connect',
    {
      schema: {
        summary: 'Keep a Cloudflare token, and connect domains whose zones it shows',
        description:
          'Records of others in a zone stay; those that contradict ours are told with `validateDNS`, and keep ours from being written.',
        tags: ['Cloudflare Domains'],
        body: ConnectBody,
        response: { 200: ConnectedView, ...errors(400), 409: ConflictError },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { body } = request
      requireWrite(caller.scope)
      requireSense(body)
      const host = await hostFor(platform, caller, body)
      if (host === null) {
        const message = `Another Cloudflare credential is kept as "${body.label}".`
        return reply.code(409).send({ error: true, code: 'CREDENTIAL_CONFLICT', message })
      }
      const { domains: names = [], connect_all: all = false } = body
      if (!all && names.length === 0) return connectedView('Cloudflare credentials saved', [], new Map())
      const zones = new Map((await zonesAt(platform, host)).map((zone) => [zone.name, zone]))
      const wanted = all ? [...zones.keys()].sort() : [...new Set(names.map(nameOf))]
      const there = wanted.filter((name) => zones.has(name))
      const imported = await transact(platform, caller, async (tx) => {
        const known = await domainsByName(tx, caller.scope, there)
        const isDriven = (name: string): boolean => known.get(name)?.dns_mode === 'driven'
        const fresh = there.filter((name) => !isDriven(name)).slice(0, domainsMax)
        const names = [...there.filter(isDriven), ...fresh]
        return await importZones(platform, tx, caller.scope, host.id, names)
      })
      const missing = wanted
        .filter((name) => !zones.has(name))
        .map((name): ImportedZone => ({ name, outcome: 'failed', problem: 'The account has no such zone.' }))
      const conflicts =
        body.validateDNS === true ? await conflictsOf(platform, host, imported, zones) : new Map()
      return connectedView('Cloudflare domains processed', [...imported, ...missing], conflicts)
    },
  )
}

const nameOf = (text: string): string => parseDomainName(text.trim()) ?? text

/** @throws Refusal invalid_request. */
function requireSense({ auth_type: kind, domains = [], connect_all: all }: Body): void {
  if (kind === 'global_api_key') {
    const detail =
      'Global keys are not taken: make an API token that may read zones and edit their DNS, and give it as api_token.'
    throw new Refusal('invalid_request', detail)
  }
  if (all === true && domains.length > 0) {
    throw new Refusal('invalid_request', 'Give either domains or connect_all.')
  }
}

/**
 * The connection of the token, made if there is none; without a token the newest one.
 * @returns null where the label is that of another token.
 * @throws Refusal invalid_request without a token and a connection, dns_host_credentials_refused, dns_host_failed.
 */
async function hostFor(
  platform: Platform,
  caller: Caller,
  { api_token: secret, label }: Body,
): Promise<DnsHostRow | null> {
  const { scope } = caller
  const kept = await dnsHostsOf(platform.db, scope, 'cloudflare')
  if (secret === undefined) {
    const found = label === undefined ? kept.at(-1) : kept.find(({ name }) => name === label)
    if (!found) throw new Refusal('invalid_request', 'api_token is required: none is kept.')
    return found
  }
  const same = kept.find((row) => hasSecret(platform, row, secret))
  if (same) return same
  if (label !== undefined && kept.some(({ name }) => name === label)) return null
  const kind = 'cloudflare' as const
  const settings = await tryNewDnsHost(platform, scope, { kind, settings: {}, secret })
  const wanted = { name: label ?? usualLabel, kind, settings, secret }
  return await transact(platform, caller, (tx) => createDnsHost(platform, tx, scope, wanted))
}

function connectedView(
  message: string,
  imported: readonly ImportedZone[],
  conflicts: Conflicts,
): Static<typeof ConnectedView> {
  const done = imported.filter((one) => one.outcome === 'connected' || one.outcome === 'reconnected')
  const failed = imported.filter((one) => one.outcome === 'failed')
  const skipped = imported.flatMap(skippedView)
  const conflictOf = (name: string) => {
    const found = conflicts.get(name)
    return found === undefined ? {} : { dns_conflict: found }
  }
  return ok(message, {
    domains: done.map(({ domain, name, outcome }) => ({
      uid: domain.id,
      name,
      status: statusByState[domain.state],
      reconnected: outcome === 'reconnected',
    })),
    results: [
      ...done.map(({ name }) => ({ zone_name: name, success: true, error: null, ...conflictOf(name) })),
      ...failed.map(({ name, problem }) => ({ zone_name: name, success: false, error: problem })),
    ],
    skipped,
    connected_count: done.filter(({ outcome }) => outcome === 'connected').length,
    reconnected_count: done.filter(({ outcome }) => outcome === 'reconnected').length,
    failed_count: failed.length,
    skipped_count: skipped.length,
  })
}

function skippedView(one: ImportedZone): Static<typeof SkippedView>[] {
  if (one.outcome === 'already_exists') return [{ name: one.name, reason: one.outcome, domain_uid: null }]
  if (one.outcome !== 'already_connected') return []
  return [{ name: one.name, reason: one.outcome, domain_uid: one.domain.id }]
}

const zonesReadAtOnce = 5

/** What mail records the zones have that were connected just now; what has none of ours yet. */
async function conflictsOf(
  platform: Platform,
  host: DnsHostRow,
  imported: readonly ImportedZone[],
  zones: ReadonlyMap<string, ListedZone>,
): Promise<Conflicts> {
  const wanted = imported.flatMap(({ name, outcome }) =>
    outcome === 'connected' || outcome === 'reconnected' ? (zones.get(name) ?? []) : [],
  )
  const found = new Map<string, Static<typeof ConflictView>>()
  for (let at = 0; at < wanted.length; at += zonesReadAtOnce) {
    const some = wanted.slice(at, at + zonesReadAtOnce)
    const read = await Promise.all(some.map((zone) => recordsOfZone(platform, host, zone)))
    for (const [index, zone] of some.entries())
      found.set(zone.name, conflictView(zone.name, read[index] ?? []))
  }
  return found
}

function conflictView(apex: string, rrsets: readonly RRset[]): Static<typeof ConflictView> {
  const found = rrsets.flatMap((set) => {
    const label = labelOf(apex, set)
    return label === null ? [] : [{ label, type: set.type, host: hostOf(apex, set.name) }]
  })
  const labels = [...new Set(found.map(({ label }) => label))]
  return {
    has_conflict: found.length > 0,
    records: found.map(({ type, host }) => ({ type, host })),
    labels,
    message: found.length > 0 ? `The zone has records of its own: ${labels.join(', ')}.` : null,
  }
}

function labelOf(apex: string, { name, type, values }: RRset): string | null {
  if (name === apex && type === 'MX') return 'MX'
  if (name === apex && type === 'TXT' && values.some((value) => /^v=spf1(?: |$)/i.test(value))) return 'SPF'
  if (name.endsWith(`._domainkey.${apex}`)) return 'DKIM'
  if (name === `_dmarc.${apex}`) return 'DMARC'
  return name === `autodiscover.${apex}` || name === `_autodiscover._tcp.${apex}` ? 'AUTODISCOVER' : null
}

function hostOf(apex: string, name: string): string {
  return name === apex ? '@' : name.slice(0, -apex.length - 1)
}
