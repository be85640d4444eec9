/** Custom sending domains: the domains of the workspace, and which of them new mailboxes get when none is named. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { chosenDomainOf, setDefaultDomain } from '../../domains/default-domain.ts'
import { requestRotation, startRotation } from '../../domains/dkim-rotation.ts'
import { connectDomain, type Domain, getDomain, listDomains } from '../../domains/domains.ts'
import { handleDomain } from '../../domains/handle-domain.ts'
import { standingsOf } from '../../domains/standings.ts'
import { checkDomain, verifyDomain } from '../../domains/verification.ts'
import { lookHooks } from '../../mailboxes/domain-activation.ts'
import { removeDomain, restoreDomainWithMailboxes } from '../../mailboxes/domain-removal.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { administrators } from './callers.ts'
import { DnsRecordView, DomainStatus, DomainView, dnsRecordViews, domainView } from './domain-view.ts'
import { errors } from './schemas.ts'

const tags = ['Domains']
const DomainPath = Type.Object({ domain_name: Type.String({ description: 'The bare name.' }) })
const NewDomainBody = Type.Object({
  domain: Type.String({ minLength: 1, maxLength: 1000, description: 'A bare name.' }),
})
const DefaultView = Type.Object({ default_domain: Type.Union([Type.String(), Type.Null()]) })

type View = Static<typeof DomainView>

export function domainRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  createRoute(app, platform)
  getRoutes(app, platform)
  deleteRoute(app, platform)
  verifyRoute(app, platform)
  rotateRoute(app, platform)
  restoreRoute(app, platform)
  defaultRoute(app, platform)
}

async function viewsOf(db: Db, { workspaceId }: Scope, domains: readonly Domain[]): Promise<View[]> {
  const ids = domains.map(({ id }) => id)
  const standings = await standingsOf(db, ids)
  const chosen = await chosenDomainOf(db, workspaceId)
  return domains.flatMap((domain) => {
    const standing = standings.get(domain.id)
    return standing === undefined ? [] : [domainView(domain, standing, chosen?.id ?? null)]
  })
}

async function viewOf(db: Db, scope: Scope, domain: Domain): Promise<View> {
  const [view] = await viewsOf(db, scope, [domain])
  if (view === undefined) throw new Refusal('domain_not_found')
  return view
}

/** A list without pages has an end all the same. */
const listedMax = 5_000
const pageSize = 500

async function allDomains(platform: Platform, scope: Scope): Promise<Domain[]> {
  const found: Domain[] = []
  const filter = { state: null, search: null }
  for (let after: string | null = null; found.length < listedMax; ) {
    const { rows, nextCursor } = await listDomains(platform, scope, filter, { limit: pageSize, after })
    found.push(...rows)
    after = rows.at(-1)?.id ?? null
    if (nextCursor === null || after === null) break
  }
  return found
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/domains',
    {
      config: { admits: administrators },
      schema: {
        summary: 'List domains',
        tags,
        querystring: Type.Object({ status: Type.Optional(DomainStatus) }),
        response: { 200: Type.Array(DomainView), ...errors(422) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const views = await viewsOf(platform.db, scope, await allDomains(platform, scope))
      const { status } = request.query
      return views.filter((view) => status === undefined || view.status === status)
    },
  )
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Register a domain',
        description: 'Its DNS stays where it is: `dns-records` has what is to be published there.',
        tags,
        body: NewDomainBody,
        response: { 201: DomainView, ...errors(409, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { domain: name } = request.body
      const view = await transact(platform, caller, async (tx) =>
        viewOf(tx, caller.scope, await connectDomain(platform, tx, caller.scope, name)),
      )
      return reply.code(201).send(view)
    },
  )
}

function getRoutes(app: Api, platform: Platform): void {
  app.get(
    '/domains/:domain_name',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Get a domain',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      return await viewOf(platform.db, scope, await getDomain(platform, scope, request.params.domain_name))
    },
  )
  app.get(
    '/domains/:domain_name/dns-records',
    {
      config: { admits: administrators },
      schema: {
        summary: 'List the DNS records that a domain should have',
        tags,
        params: DomainPath,
        response: { 200: Type.Array(DnsRecordView), ...errors(404) },
      },
    },
    async (request) => {
      const options = { isFresh: false, hooks: lookHooks }
      const { scope } = callerOf(request)
      const { records } = await checkDomain(platform, scope, request.params.domain_name, options)
      return dnsRecordViews(records)
    },
  )
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/domains/:domain_name',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Delete a domain',
        description: 'One that was verified can be restored for some days.',
        tags,
        params: DomainPath,
        response: { 204: Type.Null(), ...errors(404, 409) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { domain_name: name } = request.params
      await transact(platform, caller, (tx) => removeDomain(platform, tx, caller.scope, name))
      return reply.code(204).send(null)
    },
  )
}

function verifyRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/:domain_name/verify',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Look at the DNS of a domain now',
        description: 'A domain that does not wait for its records, nor has them, is answered as it is.',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { domain_name: name } = request.params
      try {
        const { domain } = await verifyDomain(platform, scope, name, lookHooks)
        return await viewOf(platform.db, scope, domain)
      } catch (error) {
        if (!(error instanceof Refusal && error.code === 'domain_state_conflict')) throw error
        return await viewOf(platform.db, scope, await getDomain(platform, scope, name))
      }
    },
  )
}

function rotateRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/:domain_name/rotate-dkim',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Change the DKIM keys of a domain',
        description: 'The next keys sign once their records are found.',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...errors(404, 409) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { domain_name: name } = request.params
      await transact(platform, caller, (tx) => requestRotation(platform, tx, scope, name))
      const { id } = await getDomain(platform, scope, name)
      // A job does the same, should this node stop here.
      await startRotation(platform, id)
      return await viewOf(platform.db, scope, await getDomain(platform, scope, id))
    },
  )
}

function restoreRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/:domain_name/restore',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Restore a deleted domain',
        tags,
        params: DomainPath,
        response: { 200: DomainView, ...errors(404, 409) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { domain_name: name } = request.params
      return await transact(platform, caller, async (tx) =>
        viewOf(tx, caller.scope, await restoreDomainWithMailboxes(platform, tx, caller.scope, name)),
      )
    },
  )
}

function defaultRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/:domain_name/set-default',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Make a domain the default for new mailboxes',
        description: 'The platform’s domain as the name clears the default.',
        tags,
        params: DomainPath,
        response: { 200: DefaultView, ...errors(404, 409) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const name = request.params.domain_name.toLowerCase()
      return await transact(platform, caller, async (tx) => {
        const own = await handleDomain(tx, caller.scope.workspaceId)
        const ref = name === own?.name ? null : name
        return { default_domain: (await setDefaultDomain(platform, tx, caller.scope, ref))?.name ?? null }
      })
    },
  )
}
