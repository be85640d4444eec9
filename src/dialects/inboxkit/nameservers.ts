/** Domains that are registered elsewhere: connected, with the name servers that their owner sets, and looked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { connectBatch } from '../../domains/batches.ts'
import type { Domain } from '../../domains/domains.ts'
import { isSandboxName, parseDomainName } from '../../domains/names.ts'
import { usualDnsMode, wantedDnsMode, wantedNameservers } from '../../domains/nameservers.ts'
import { registrationsOf } from '../../domains/registrations.ts'
import { standingsOf } from '../../domains/standings.ts'
import { nameserversOf } from '../../domains/zones/own-names.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { findByName, objectId, requireByName, requireNamed } from './domain-finding.ts'
import { matchStatusOf, statusOf } from './domain-status.ts'
import { StatusView } from './domain-view.ts'
import { DomainName, DomainNames } from './domains.ts'
import { lookAtAll, looksMax } from './looks.ts'
import { closed, errors, Moment, Ok, ok, Uid } from './schemas.ts'

const ConnectBody = Type.Object(
  {
    domains: DomainNames,
    mask_forwarding: Type.Optional(
      Type.Boolean({ description: 'Not offered: browsers are sent on, as `/domains/forwarding` says.' }),
    ),
  },
  closed,
)

const ResultView = Ok({
  result: Type.Array(
    Type.Object({ domain: Type.String(), nameservers: Type.Array(Type.String()), uid: Type.String() }),
  ),
})

const CheckedView = Ok({
  result: Type.Array(
    Type.Object({
      _id: Type.String(),
      uid: Type.String(),
      name: Type.String(),
      status: StatusView,
      propagated: Type.Boolean({ description: 'Whether its name servers are as they should be.' }),
      createdAt: Moment,
      updatedAt: Moment,
    }),
  ),
})

const tags = ['Domains']

export function nameserverRoutes(app: Api, platform: Platform): void {
  connectRoute(app, platform)
  checkRoutes(app, platform)
  regenerateRoutes(app, platform)
}

function connectRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/nameservers',
    {
      schema: {
        summary: 'Connect domains, and say which name servers to set for them',
        description:
          'All or none. Where all of them are connected here already the status is 409, and the reply the same.',
        tags,
        body: ConnectBody,
        response: { 200: ResultView, ...errors(400), 409: ResultView },
      },
      config: { tellsConflicts: false },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { domains: names, mask_forwarding: masks } = request.body
      if (masks === true) {
        throw new Refusal(
          'invalid_request',
          'mask_forwarding is not offered here: leave it out, or set it to false.',
        )
      }
      const { known, made } = await transact(platform, caller, (tx) =>
        connect(platform, tx, caller.scope, names),
      )
      const result = await nameserversOfAll(platform, [...known, ...made])
      if (made.length > 0) {
        const stay = made.some(({ name, dns_mode: mode }) => mode === 'manual' && !isSandboxName(name))
        return ok(stay ? theyStay : 'Nameservers created successfully', { result })
      }
      const list = known.map(({ name }) => name).join(', ')
      return reply.code(409).send(ok(`Domain(s) already connected to your workspace: ${list}`, { result }))
    },
  )
}

/** @throws Refusal domain_not_found for one that was bought here; domain_state_conflict, and those of connecting. */
async function connect(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  names: readonly string[],
): Promise<{ known: Domain[]; made: Domain[] }> {
  requireWrite(scope)
  const found = await findByName(tx, scope, names)
  const bought = await registrationsOf(
    tx,
    [...found.values()].map(({ id }) => id),
  )
  if (bought.size > 0) throw new Refusal('domain_not_found')
  const known = [...found.values()]
  const leaving = known.find(({ state }) => state === 'deletion_scheduled')
  if (leaving) throw new Refusal('domain_state_conflict', `${leaving.name} is scheduled for deletion.`)
  const dnsMode = usualDnsMode(platform, scope.workspaceId)
  const fresh = [...new Set(names.map((text) => parseDomainName(text.trim()) ?? text))].filter(
    (name) => !found.has(name),
  )
  if (fresh.length === 0) return { known, made: [] }
  const { results } = await connectBatch(
    platform,
    tx,
    scope,
    fresh.map((name) => ({ name, dnsMode })),
  )
  const made = results.map((result) => {
    if (result.status === 'failed') throw new Refusal(result.code, result.detail)
    return result.domain
  })
  return { known, made }
}

const theyStay =
  'Domains connected. This server has no name servers: leave theirs as they are, and set the records of /dns/list there.'

type Row = Static<typeof ResultView>['result'][number]

async function nameserversOfAll(platform: Platform, domains: readonly Domain[]): Promise<Row[]> {
  const standings = await standingsOf(
    platform.db,
    domains.map(({ id }) => id),
  )
  const seenOf = ({ id }: Domain): string[] =>
    standings.get(id)?.check?.delegation?.nameservers.map(({ name }) => name) ?? []
  const present = await presentNameservers(
    platform,
    domains.filter((domain) => wantedDnsMode(domain) !== 'served' && seenOf(domain).length === 0),
  )
  return domains.map((domain) => {
    const seen = seenOf(domain)
    const names = seen.length > 0 ? seen : (present.get(domain.id) ?? [])
    return { domain: domain.name, nameservers: pairOf(platform, domain, names), uid: domain.id }
  })
}

const askedMax = 100
const askMsMax = 3000

/** What domains that were not looked at yet are delegated to, as far as a resolver says so in a moment. */
async function presentNameservers(
  { dns }: Platform,
  domains: readonly Domain[],
): Promise<ReadonlyMap<string, string[]>> {
  const found = new Map<string, string[]>()
  const asked = domains.filter(({ name }) => !isSandboxName(name)).slice(0, askedMax)
  if (asked.length === 0) return found
  const asking = asked.map(async ({ id, name }) => {
    const names = await dns.lookup(name, 'NS').catch(() => []) // no answer is no knowledge
    found.set(id, names)
  })
  await Promise.race([Promise.all(asking), sleep(askMsMax, undefined, { ref: false })])
  return new Map(found)
}

/**
 * Two at least, as this API has it: what is to be set; for a domain whose DNS stays elsewhere, what it has. Where nothing is
 * known, as of a sandbox, which is in no DNS, the server itself stands for them.
 */
function pairOf(platform: Platform, domain: Domain, seen: readonly string[]): string[] {
  const { config } = platform
  const candidates = [wantedNameservers(platform, domain), seen, nameserversOf(config, domain.workspace_id)]
  const names = candidates.find(({ length }) => length > 0) ?? [config.hostname]
  return names.length > 1 ? [...names] : [...names, ...names]
}

function checkRoutes(app: Api, platform: Platform): void {
  for (const path of ['/domains/nameservers/check-propagation', '/domains/nameservers/check']) {
    app.post(
      path,
      {
        schema: {
          summary: 'Look now whether the name servers of domains took effect',
          tags,
          body: Type.Object({ domains: Type.Array(DomainName, { minItems: 1, maxItems: looksMax }) }, closed),
          response: { 200: CheckedView, ...errors(400) },
        },
      },
      async (request) => {
        const { scope } = callerOf(request)
        const named = await requireByName(platform.db, scope, request.body.domains)
        const looks = await lookAtAll(platform, scope, named)
        const result = looks.map(({ domain, stored }) => {
          const known = { domain, check: stored }
          return {
            _id: objectId(domain.id),
            uid: domain.id,
            name: domain.name,
            status: statusOf(known),
            propagated: matchStatusOf(known) === 'matched',
            createdAt: domain.created_at.toISOString(),
            updatedAt: domain.updated_at.toISOString(),
          }
        })
        return ok('Nameservers propagation checked successfully', { result })
      },
    )
  }
}

function regenerateRoutes(app: Api, platform: Platform): void {
  const Body = Type.Object(
    {
      domain_ids: Type.Optional(Type.Array(Uid, { maxItems: looksMax })),
      uids: Type.Optional(Type.Array(Uid, { maxItems: looksMax })),
      domains: Type.Optional(Type.Array(DomainName, { maxItems: looksMax })),
    },
    closed,
  )
  for (const path of ['/domains/regenerate-nameservers', '/domains/nameservers/regenerate']) {
    app.post(
      path,
      {
        schema: {
          summary: 'Say the name servers of domains anew, and look for them again',
          description: 'They are the same as before: the name servers of a workspace do not change.',
          tags,
          body: Body,
          response: { 200: ResultView, ...errors(400) },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const { scope } = caller
        const { domain_ids: ids = [], uids = [], domains = [] } = request.body
        const named = { uids: [...ids, ...uids], domains }
        const found = await requireNamed(platform.db, scope, named, 'domain_ids')
        await lookAtAll(platform, scope, found)
        return ok('Nameservers regenerated successfully', {
          result: await nameserversOfAll(platform, found),
        })
      },
    )
  }
}
