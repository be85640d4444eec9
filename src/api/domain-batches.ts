/** POST /v1/domains with many, and GET /v1/domain-batches/{batch}: what became of them. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../accounts/principals.ts'
import {
  type ConnectResult,
  connectBatch,
  domainBatchMax,
  getDomainBatch,
  nameserverGroups,
} from '../domains/batches.ts'
import type { Domain } from '../domains/domains.ts'
import { wantedNameservers } from '../domains/nameservers.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainBody, DomainView, domainView } from './domains.ts'
import type { Outcome } from './mutate.ts'
import type { Preview } from './preview.ts'
import { ProblemRef, problemOf, readProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, OneOf } from './schemas.ts'

const Item = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1000 }),
    dns_mode: Type.Optional(OneOf(['served', 'manual'], 'manual if not given.')),
  },
  closed,
)

const ManyBody = Type.Object(
  {
    domains: Type.Array(Item, { minItems: 1, maxItems: domainBatchMax }),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  { ...closed, title: 'NewDomains' },
)

type Many = Static<typeof ManyBody>

export type NewDomainItems = Many['domains']

type One = Static<typeof DomainBody> & { domains?: never }

/** One domain or many: told apart by `domains` first, so that an error speaks of the form that was meant. */
export const NewDomainsBody = Type.Unsafe<One | Many>({
  type: 'object',
  if: { required: ['domains'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema (2020-12, Core §10.2.2.2)
  then: ManyBody,
  else: DomainBody,
})

/** The same for the reference page. */
export const NewDomainsDocumented = Type.Unsafe({ oneOf: [DomainBody, ManyBody] })

const Result = Type.Object({
  index: Type.Integer(),
  status: OneOf(['created', 'failed']),
  domain: Type.Optional(DomainView),
  nameservers: Type.Optional(
    Type.Array(Type.String(), { description: 'To be set at its registrar; empty: none.' }),
  ),
  problem: Type.Optional(ProblemRef),
})

const Groups = Type.Array(
  Type.Object({ nameservers: Type.Array(Type.String()), domains: Type.Array(Type.String()) }),
  {
    description: 'The domains by the name servers that have to be set at their registrars.',
  },
)

export const DomainBatchResultView = Type.Object(
  {
    batch_id: Id,
    data: Type.Array(Result, { description: 'A result for each item, in their order.' }),
    nameserver_groups: Groups,
  },
  { title: 'DomainBatchResult' },
)

const BatchView = Type.Object(
  {
    id: Id,
    workspace_id: Id,
    requested: Type.Integer(),
    created: Type.Integer(),
    failed: Type.Integer(),
    created_at: Moment,
    domains: Type.Array(Type.Object({ domain: DomainView, nameservers: Type.Array(Type.String()) }), {
      description: 'As they are now.',
    }),
    failures: Type.Array(Type.Object({ index: Type.Integer(), name: Type.String(), problem: ProblemRef })),
    nameserver_groups: Groups,
  },
  { title: 'DomainBatch' },
)

export async function createDomains(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domains: NewDomainItems,
): Promise<Outcome<Static<typeof DomainBatchResultView>>> {
  const { batch, results } = await connect(platform, tx, scope, domains)
  const made = results.flatMap((result) => (result.status === 'created' ? [result.domain] : []))
  const body = {
    batch_id: batch.id,
    data: results.map((result, index) => resultView(platform, result, index)),
    nameserver_groups: nameserverGroups(platform, made),
  }
  return { status: 200, body }
}

export async function previewDomains(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domains: NewDomainItems,
): Promise<Preview> {
  const { results } = await connect(platform, tx, scope, domains)
  return {
    objects: results.flatMap((result) =>
      result.status === 'failed'
        ? []
        : [
            {
              type: 'domain',
              action: 'create',
              id: null,
              name: result.domain.name,
              state: result.domain.state,
            },
          ],
    ),
    problems: results.flatMap((result, index) =>
      result.status === 'failed' ? [{ index, problem: problemOf(result.code, result.detail) }] : [],
    ),
  }
}

async function connect(platform: Platform, tx: Tx, scope: Scope, items: NewDomainItems) {
  return await connectBatch(
    platform,
    tx,
    scope,
    items.map(({ name, dns_mode: dnsMode = 'manual' }) => ({ name, dnsMode })),
  )
}

function resultView(platform: Platform, result: ConnectResult, index: number): Static<typeof Result> {
  if (result.status === 'failed') {
    return { index, status: 'failed', problem: problemOf(result.code, result.detail) }
  }
  return { index, status: 'created', ...withNameservers(platform, result.domain) }
}

function withNameservers(platform: Platform, domain: Domain) {
  return { domain: domainView(platform, domain), nameservers: wantedNameservers(platform, domain) }
}

export function domainBatchRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domain-batches/:batch',
    {
      schema: {
        summary: 'Get a batch of domains',
        tags: ['domains'],
        params: Type.Object({ batch: Type.String({ description: 'Its id.' }) }),
        response: { 200: BatchView, ...readProblems('batch_not_found') },
      },
    },
    async (request) => {
      const { batch, domains } = await getDomainBatch(platform, scopeOf(request), request.params.batch)
      return {
        id: batch.id,
        workspace_id: batch.workspace_id,
        requested: batch.requested,
        created: batch.created,
        failed: batch.failed,
        created_at: batch.created_at.toISOString(),
        domains: domains.map((domain) => withNameservers(platform, domain)),
        failures: batch.failures.map(({ index, name, code, detail }) => ({
          index,
          name,
          problem: problemOf(code, detail),
        })),
        nameserver_groups: nameserverGroups(
          platform,
          domains.filter(({ state }) => state !== 'deleted'),
        ),
      }
    },
  )
}
