/** Domains: submitted in batches, listed, shown, verified, removed. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { type ConnectResult, connectBatch, domainBatchMax, getDomainBatch } from '../../domains/batches.ts'
import { type Domain, getDomain, listDomains } from '../../domains/domains.ts'
import { usualDnsMode } from '../../domains/nameservers.ts'
import { verifyDomain } from '../../domains/verification.ts'
import { lookHooks } from '../../mailboxes/domain-activation.ts'
import { removeDomain } from '../../mailboxes/domain-removal.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import {
  BatchDomainView,
  BatchView,
  batchDomainView,
  batchView,
  DomainView,
  domainView,
  StatusView,
  standingsIn,
} from './domain-view.ts'
import { prefixedId, requireId } from './ids.ts'
import { DataOf, dataOf, errors, idPath, success } from './schemas.ts'

/** The contract knows no pages. */
const listedMax = 10_000

const SubmitBody = Type.Object({
  domains: Type.Array(Type.String({ minLength: 1, maxLength: 1000 }), {
    minItems: 1,
    maxItems: domainBatchMax,
  }),
})

const SubmittedView = Type.Object({
  ...success,
  batchId: Type.String(),
  status: Type.String(),
  total: Type.Integer(),
  message: Type.String(),
  domains: Type.Array(BatchDomainView, { description: 'Those that were taken.' }),
})

const VerifiedView = Type.Object({
  id: Type.String(),
  domain: Type.String(),
  status: StatusView,
  verified: Type.Boolean(),
})

const DomainPath = idPath('dom_')
const tags = ['Domains']

export function domainRoutes(app: Api, platform: Platform): void {
  submitRoute(app, platform)
  readRoutes(app, platform)
  changeRoutes(app, platform)
}

function submitRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains',
    {
      schema: {
        summary: 'Submit domains as one batch',
        description:
          'What cannot be connected does not keep the others from it, and counts as failed. Where nothing can be, the first reason is the answer.',
        tags,
        body: SubmitBody,
        response: { 201: SubmittedView, ...errors(400, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const dnsMode = usualDnsMode(platform, caller.scope.workspaceId)
      const items = request.body.domains.map((name) => ({ name: name.trim(), dnsMode }))
      const { batch, results } = await transact(platform, caller, async (tx) => {
        const connected = await connectBatch(platform, tx, caller.scope, items)
        requireSome(connected.results)
        return connected
      })
      const made = results.flatMap((result) => (result.status === 'created' ? [result.domain] : []))
      const standings = await standingsIn(platform, made)
      const { batchId, status, total } = batchView(batch.id, standings, batch.failed)
      const domains = standings.map(batchDomainView)
      return reply
        .code(201)
        .send({ success: true, batchId, status, total, message: messageOf(results), domains })
    },
  )
}

/** @throws Refusal of the first, where none could be connected. */
function requireSome(results: readonly ConnectResult[]): void {
  const [first] = results
  if (first?.status === 'failed' && results.every(({ status }) => status === 'failed')) {
    throw new Refusal(first.code, first.detail)
  }
}

function messageOf(results: readonly ConnectResult[]): string {
  const reasons = results.flatMap((result) => (result.status === 'failed' ? [result.detail] : []))
  if (reasons.length === 0) return 'Domains are queued.'
  return `${results.length - reasons.length} of ${results.length} domains are queued. ${reasons.join(' ')}`
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/domains',
    {
      schema: {
        summary: 'List domains',
        tags,
        response: { 200: DataOf(Type.Array(DomainView)), ...errors() },
      },
    },
    async (request) => {
      const everything = { state: null, search: null }
      const { scope } = callerOf(request)
      const { rows } = await listDomains(platform, scope, everything, { after: null, limit: listedMax })
      const standings = await standingsIn(platform, rows.filter(isThere))
      return dataOf(standings.map(domainView))
    },
  )
  app.get(
    '/domains/:id',
    {
      schema: {
        summary: 'Get a domain',
        tags,
        params: DomainPath,
        response: { 200: DataOf(DomainView), ...errors(404) },
      },
    },
    async (request) => {
      const domain = await requireDomain(platform, callerOf(request).scope, request.params.id)
      return dataOf(domainView(await standingOf(platform, domain)))
    },
  )
  app.get(
    '/domains/batch/:id',
    {
      schema: {
        summary: 'Get a batch of domains, by their name servers',
        tags,
        params: idPath('batch_'),
        response: { 200: DataOf(BatchView), ...errors(404) },
      },
    },
    async (request) => {
      const id = requireId('batch', request.params.id)
      const { batch, domains } = await getDomainBatch(platform, callerOf(request).scope, id)
      return dataOf(batchView(batch.id, await standingsIn(platform, domains), batch.failed))
    },
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.delete(
    '/domains/:id',
    {
      schema: {
        summary: 'Remove a domain',
        description:
          'With its mailboxes. The native API restores both, for the days that the server keeps them.',
        tags,
        params: DomainPath,
        response: { 200: Type.Object({ ...success, message: Type.String() }), ...errors(404, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { id } = await requireDomain(platform, caller.scope, request.params.id)
      await transact(platform, caller, (tx) =>
        removeDomain(platform, tx, caller.scope, id, { withMailboxes: true }),
      )
      return { success: true as const, message: 'The domain is removed.' }
    },
  )
  app.post(
    '/domains/:id/verify',
    {
      schema: {
        summary: 'Look now for the name servers of a domain',
        tags,
        params: DomainPath,
        response: { 200: DataOf(VerifiedView), ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { id } = await requireDomain(platform, scope, request.params.id)
      const domain = await lookAt(platform, scope, id)
      return dataOf(verifiedView(await standingOf(platform, domain)))
    },
  )
}

/** The domain after a look. One that waits for something else than DNS, or has failed, is as it was. */
async function lookAt(platform: Platform, scope: Scope, id: string): Promise<Domain> {
  try {
    return (await verifyDomain(platform, scope, id, lookHooks)).domain
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'domain_state_conflict')) throw error
    return await getDomain(platform, scope, id)
  }
}

function verifiedView({
  domain,
  status,
}: Awaited<ReturnType<typeof standingOf>>): Static<typeof VerifiedView> {
  const id = prefixedId('domain', domain.id)
  return { id, domain: domain.name, status, verified: status === 'ACTIVE' }
}

/** One whose removal can only be taken back is gone here. */
function isThere({ state }: Domain): boolean {
  return state !== 'deletion_scheduled'
}

/** @throws Refusal domain_not_found, forbidden. */
async function requireDomain(platform: Platform, scope: Scope, text: string): Promise<Domain> {
  const domain = await getDomain(platform, scope, requireId('domain', text))
  if (!isThere(domain)) throw new Refusal('domain_not_found')
  return domain
}

async function standingOf(platform: Platform, domain: Domain) {
  const [standing] = await standingsIn(platform, [domain])
  if (!standing) throw new Error('a domain has no standing')
  return standing
}
