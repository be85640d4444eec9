/** Domains that are registered elsewhere: connected, polled, listed as requests, dropped. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import { connectBatch } from '../../domains/batches.ts'
import {
  type Connection,
  connectionStages,
  connectionsNamed,
  pageConnections,
} from '../../domains/connections.ts'
import { lockDomain } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import { requireNameservers, usualDnsMode } from '../../domains/nameservers.ts'
import { findRegistration } from '../../domains/registrations.ts'
import { verifyDomain } from '../../domains/verification.ts'
import { nameserversOf } from '../../domains/zones/own-names.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { lookHooks } from '../../mailboxes/domain-activation.ts'
import { hasNoMailboxes, removeDomain, restoreDomainWithMailboxes } from '../../mailboxes/domain-removal.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import {
  ConnectionRequestView,
  type ConnectionStatus,
  connectionRequestView,
  connectionStatus,
  connectionStatuses,
  isInProgress,
  refusedStatus,
  stagesOf,
} from './connection-view.ts'
import { Contains } from './domain-selection.ts'
import { type Provider, productOf, productsOf, providerOf } from './providers.ts'
import {
  DataOf,
  DoneView,
  dataOf,
  done,
  errors,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
} from './schemas.ts'

const namesMax = 200
/** Looks that one call asks for; the others come by themselves. */
const looksPerCallMax = 10
/** A domain that was seen just now is not looked at again for who polls. */
const lookAgainMs = 10_000

const Name = Type.String({ minLength: 1, maxLength: 253 })
const Names = Type.Array(Name, { maxItems: namesMax })
const ConnectBody = Type.Object({ domainNames: Type.Array(Name, { minItems: 1, maxItems: namesMax }) })

const ConnectedView = Type.Object(
  {
    status: Type.Integer(),
    message: Type.String(),
    data: Type.Object({ domains: Type.Record(Type.String(), OneOf(connectionStatuses)) }),
  },
  { title: 'Connected' },
)

const RequestsQuery = Type.Object({
  ...pageInput,
  status: Type.Optional(OneOf(connectionStatuses)),
  contains: Type.Optional(Contains),
  cloudflareCredentialsId: Type.Optional(
    Type.String({ maxLength: 100, description: 'Of a DNS host that is driven here.' }),
  ),
})

const RequestsView = Type.Object({
  ...pageOutput,
  totalCount: Type.Integer(),
  data: Type.Array(ConnectionRequestView),
})

const DropBody = Type.Object({
  domainNames: Names,
  status: Type.Optional(Type.Array(OneOf(connectionStatuses), { maxItems: 20 })),
  contains: Type.Optional(Contains),
  cloudflareCredentialsId: Type.Optional(Type.String({ maxLength: 100 })),
})

const tags = ['domains']

export function connectionRoutes(app: Api, platform: Platform): void {
  connectRoute(app, platform)
  requestRoutes(app, platform)
  nameserverRoutes(app, platform)
}

function connectRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/connect-domain',
    {
      config: { tellsForms: true },
      schema: {
        summary: 'Connect domains that are registered elsewhere',
        description:
          'Call it again with the same names to see how far they are: 207 while some are in progress, 200 when all are settled. What could not be connected does not keep the others from it.',
        tags,
        body: ConnectBody,
        response: { 200: ConnectedView, 207: ConnectedView, ...errors(422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const names = [...new Set(request.body.domainNames.map((name) => name.trim()))]
      const refused = await connectNew(platform, caller, providerOf(request), names)
      await lookAtSome(platform, caller.scope, names)
      const found = await connectionsNamed(platform.db, caller.scope, names)
      const domains = names.map((name): [string, ConnectionStatus] => {
        const connection = found.get(parseDomainName(name) ?? '')
        if (connection) return [name, connectionStatus(connection)]
        return [name, refusedStatus(refused.get(name)?.code ?? 'domain_invalid')]
      })
      const status = domains.some(([, one]) => isInProgress(one)) ? 207 : 200
      const message = messageOf(
        domains.map(([, one]) => one),
        [...refused.values()],
      )
      return reply.code(status).send({ status, message, data: { domains: Object.fromEntries(domains) } })
    },
  )
}

/**
 * Connects those that are not connected yet; one whose removal is scheduled comes back.
 * @returns what kept which names from it.
 * @throws Refusal forbidden.
 */
async function connectNew(
  platform: Platform,
  caller: Caller,
  provider: Provider,
  names: readonly string[],
): Promise<Map<string, Refusal>> {
  const { scope } = caller
  const dnsMode = usualDnsMode(platform, scope.workspaceId)
  return await transact(platform, caller, async (tx) => {
    const refused = new Map<string, Refusal>()
    const known = await connectionsNamed(tx, scope, names)
    for (const name of names) {
      const connection = known.get(parseDomainName(name) ?? '')
      if (connection?.state !== 'deletion_scheduled') continue
      if (await hasNoMailboxes(tx, connection.id)) {
        await restoreDomainWithMailboxes(platform, tx, scope, connection.id)
      } else {
        const detail = `${connection.name} is deleted with its mailboxes, which can be restored.`
        refused.set(name, new Refusal('domain_state_conflict', detail))
      }
    }
    const items = names.flatMap((text) => {
      const name = parseDomainName(text)
      if (name === null) refused.set(text, new Refusal('domain_invalid', `"${text}" is not a domain name.`))
      return name === null || known.has(name) ? [] : [{ name, dnsMode, product: productOf[provider] }]
    })
    if (items.length === 0) return refused
    const { results } = await connectBatch(platform, tx, scope, items)
    for (const result of results) {
      if (result.status === 'failed') refused.set(result.name, new Refusal(result.code, result.detail))
    }
    return refused
  })
}

/** Those that wait and were not seen just now. A look that goes wrong is made good by the next one. */
async function lookAtSome(platform: Platform, scope: Scope, names: readonly string[]): Promise<void> {
  const before = platform.clock.now().getTime() - lookAgainMs
  const due = [...(await connectionsNamed(platform.db, scope, names)).values()].filter(
    ({ state, checked_at: at }) =>
      (state === 'pending_nameservers' || state === 'pending_records') && (at?.getTime() ?? 0) < before,
  )
  await Promise.all(due.slice(0, looksPerCallMax).map(({ id }) => lookAt(platform, scope, id)))
}

/** What was seen is written down. One that is looked at too often, or does not wait any more, stays as it is. */
async function lookAt(platform: Platform, scope: Scope, id: string): Promise<void> {
  try {
    await verifyDomain(platform, scope, id, lookHooks)
  } catch (error) {
    const isHarmless =
      error instanceof Refusal &&
      ['domain_state_conflict', 'rate_limited', 'domain_not_found'].includes(error.code)
    if (!isHarmless) throw error
  }
}

function messageOf(statuses: readonly ConnectionStatus[], refusals: readonly Refusal[]): string {
  const reasons = [...new Set(refusals.map(({ detail }) => detail))].slice(0, 10)
  if (reasons.length > 0) return reasons.join(' ')
  if (statuses.every((status) => status === 'SUCCESS')) return 'Domain connected successfully'
  return statuses.some(isInProgress)
    ? 'Domain connection in progress'
    : 'Domain connection waits for its name servers or records'
}

function requestRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/domains/connection-requests',
    {
      schema: {
        summary: 'List domains that are registered elsewhere, with how far they are',
        tags,
        querystring: RequestsQuery,
        response: { 200: DataOf(RequestsView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { status, contains = '', cloudflareCredentialsId: host = '' } = request.query
      const page = pageOf(request.query)
      const everything = {
        search: null,
        products: productsOf[providerOf(request)],
        stages: null,
        dnsHostId: null,
      }
      const wanted = {
        ...everything,
        search: contains.trim() || null,
        stages: status === undefined ? null : stagesOf([status]),
        dnsHostId: host || null,
      }
      const [found, all] = await Promise.all([
        pageConnections(platform.db, caller.scope, wanted, page),
        pageConnections(platform.db, caller.scope, everything, { number: 1, size: 1 }),
      ])
      return dataOf('Domain connection requests fetched successfully', {
        ...pageFields(found, page),
        totalCount: all.total,
        data: found.rows.map((connection) => connectionRequestView(caller, connection)),
      })
    },
  )
  app.delete(
    '/v2/domains/connection-requests',
    {
      schema: {
        summary: 'Drop domains that are not connected yet',
        description: 'Those that are named, or that the filters find; all of them, or none.',
        tags,
        body: DropBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const dropped = await droppable(platform, caller.scope, providerOf(request), request.body)
      await transact(platform, caller, async (tx) => {
        for (const { id } of dropped) await drop(platform, tx, caller.scope, id)
      })
      return done('Domain connection requests removed successfully')
    },
  )
}

/** @throws Refusal domain_not_found, domain_state_conflict, invalid_request where nothing is named. */
async function droppable(
  platform: Platform,
  scope: Scope,
  provider: Provider,
  { domainNames, status = [], contains = '', cloudflareCredentialsId: host = '' }: Static<typeof DropBody>,
): Promise<Connection[]> {
  if (domainNames.length > 0) {
    const found = await connectionsNamed(platform.db, scope, domainNames)
    return domainNames.map((name) => {
      const connection = found.get(parseDomainName(name) ?? '')
      if (!connection || connection.state === 'deletion_scheduled') throw new Refusal('domain_not_found')
      return connection
    })
  }
  const search = contains.trim() || null
  if (status.length === 0 && search === null && host === '') {
    throw new Refusal('invalid_request', 'domainNames must have a name, or a filter must be given.')
  }
  const droppedStages = connectionStages.filter((stage) => stage !== 'connected' && stage !== 'ended')
  const filter = {
    search,
    products: productsOf[provider],
    stages: status.length === 0 ? droppedStages : stagesOf(status),
    dnsHostId: host || null,
  }
  const { rows, total } = await pageConnections(platform.db, scope, filter, { number: 1, size: namesMax })
  if (total > namesMax) {
    throw new Refusal('invalid_request', `The filters find ${total} names; a call takes ${namesMax} at most.`)
  }
  return rows
}

/** Its name is free afterwards. @throws Refusal domain_state_conflict, domain_not_empty, domain_not_found, forbidden. */
async function drop(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  const domain = await lockDomain(platform, tx, scope, id)
  const isWaiting = ['pending_nameservers', 'pending_records', 'failed'].includes(domain.state)
  if (!isWaiting) {
    const detail = `${domain.name} is ${domain.state}, and no request any more.`
    throw new Refusal('domain_state_conflict', detail)
  }
  if (await findRegistration(tx, id)) {
    throw new Refusal('domain_state_conflict', `${domain.name} was bought here, and is no request.`)
  }
  await removeDomain(platform, tx, scope, id, { now: true })
}

function nameserverRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/name-servers',
    {
      schema: {
        summary: 'Get the name servers to set before a domain is connected',
        tags,
        body: Type.Object({ domainName: Name, maskForwarding: Type.Boolean() }),
        response: { 200: DataOf(Type.Object({ nameServers: Type.String() })), ...errors() },
      },
    },
    async (request) => {
      const { workspaceId } = callerOf(request).scope
      const { domainName } = request.body
      if (parseDomainName(domainName) === null) {
        throw new Refusal('domain_invalid', `"${domainName}" is not a domain name.`)
      }
      requireNameservers(platform, 'served', workspaceId)
      const nameServers = nameserversOf(platform.config, workspaceId).join(',')
      return dataOf('Name servers fetched successfully', { nameServers })
    },
  )
  app.post(
    '/v2/domains/name-servers/verify',
    {
      schema: {
        summary: 'Look now whether a domain leads here',
        tags,
        body: Type.Object({ domainName: Name }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const name = request.body.domainName.trim()
      requireWrite(scope)
      await lookAtSome(platform, scope, [name])
      const connection = (await connectionsNamed(platform.db, scope, [name])).get(parseDomainName(name) ?? '')
      if (!connection || connection.state === 'deletion_scheduled') {
        throw new Refusal(
          'domain_not_found',
          `Connect ${name} first: what is not connected is not looked at.`,
        )
      }
      const { stage, seen_nameservers: seen } = connection
      if (stage === 'connected' || stage === 'found') return done('Name servers verified successfully')
      const present = seen.length === 0 ? 'none that could be seen' : seen.join(', ')
      throw new Refusal(
        'domain_state_conflict',
        `${name} does not lead here yet; its name servers are ${present}.`,
      )
    },
  )
}
