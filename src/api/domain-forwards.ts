/** /v1/domains/{domain}/forwards and /catch-all: addresses without a mailbox of their own. */
import { type Static, Type } from 'typebox'
import type { ExtraAddress } from '../mailboxes/address-rows.ts'
import {
  addForward,
  type CatchAllGoal,
  getCatchAll,
  listForwards,
  putCatchAll,
  removeCatchAll,
  removeForward,
  targetsMax,
} from '../mailboxes/extra-addresses.ts'
import { Refusal } from '../platform/errors.ts'
import { pageLimitDefault } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, Nullable, PageOf, pageQuery } from './schemas.ts'

const Address = Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax })
const Targets = Type.Array(Address, {
  minItems: 1,
  maxItems: targetsMax,
  description: 'Addresses here or elsewhere; of a sandbox domain, here only.',
})

const ForwardView = Type.Object(
  {
    id: Type.String({ description: 'The address itself.' }),
    address: Type.String(),
    targets: Type.Array(Type.String()),
    created_at: Moment,
  },
  { title: 'Forward' },
)

const CatchAllView = Type.Object(
  {
    mailbox_id: Nullable(Id, 'Null where it goes to other addresses.'),
    targets: Type.Array(Type.String(), { description: 'Empty where it goes to a mailbox.' }),
    created_at: Moment,
  },
  { title: 'CatchAll' },
)

const ForwardBody = Type.Object({ address: Address, targets: Targets }, closed)

const CatchAllBody = Type.Object(
  {
    mailbox: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: apiLimits.addressLengthMax,
        description: 'Its id or its address.',
      }),
    ),
    targets: Type.Optional(Targets),
  },
  { ...closed, description: 'Either a mailbox or targets.' },
)

const DomainPath = Type.Object({ domain: Type.String({ description: 'Its id or its name.' }) })
const ForwardPath = Type.Object({
  domain: Type.String({ description: 'Its id or its name.' }),
  forward: Type.String({ description: 'The address.' }),
})

const tags = ['domains']
const ForwardsQuery = Type.Object(
  {
    ...pageQuery,
    cursor: Type.Optional(Type.String({ maxLength: 400, description: 'next_cursor of the page before.' })),
  },
  closed,
)

export function domainForwardRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/forwards',
    {
      schema: {
        summary: 'List a domain’s forwards',
        tags,
        params: DomainPath,
        querystring: ForwardsQuery,
        response: { 200: PageOf(ForwardView), ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const { limit = pageLimitDefault, cursor } = request.query
      const after =
        cursor === undefined ? null : Buffer.from(cursor, 'base64url').toString().replaceAll('\0', '')
      const page = { limit: limit + 1, after }
      const rows = await listForwards(platform, scopeOf(request), request.params.domain, page)
      const kept = rows.slice(0, limit)
      const last = rows.length > limit ? kept.at(-1) : undefined
      return {
        data: kept.map(forwardView),
        next_cursor: last ? Buffer.from(last.address).toString('base64url') : null,
      }
    },
  )
  app.post(
    '/v1/domains/:domain/forwards',
    {
      schema: {
        summary: 'Make an address that forwards',
        description: 'It has no mailbox: its mail goes on to the targets, with a rewritten sender (SRS).',
        tags,
        params: DomainPath,
        body: ForwardBody,
        response: {
          201: ForwardView,
          ...postProblems(
            'domain_not_found',
            'domain_not_usable',
            'address_invalid',
            'address_taken',
            'address_limit_reached',
            'forward_target_invalid',
          ),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { address, targets } = request.body
        const scope = scopeOf(request)
        const forward = await addForward(platform, tx, scope, request.params.domain, address, targets)
        return { status: 201, body: forwardView(forward) }
      }),
  )
  app.delete(
    '/v1/domains/:domain/forwards/:forward',
    {
      schema: {
        summary: 'Remove an address that forwards',
        tags,
        params: ForwardPath,
        response: {
          204: Type.Null(),
          ...writeProblems('domain_not_found', 'domain_not_usable', 'address_not_found'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { domain, forward } = request.params
        await removeForward(platform, tx, scopeOf(request), domain, forward)
        return { status: 204, body: undefined }
      }),
  )
  catchAllRoutes(app, platform)
}

function catchAllRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/catch-all',
    {
      schema: {
        summary: 'Get a domain’s catch-all',
        tags,
        params: DomainPath,
        response: { 200: CatchAllView, ...readProblems('domain_not_found', 'address_not_found') },
      },
    },
    async (request) => {
      const found = await getCatchAll(platform, scopeOf(request), request.params.domain)
      if (!found) throw new Refusal('address_not_found', 'The domain has no catch-all.')
      return catchAllView(found)
    },
  )
  app.put(
    '/v1/domains/:domain/catch-all',
    {
      schema: {
        summary: 'Set a domain’s catch-all',
        description:
          'It gets the mail for all addresses that the domain does not have, postmaster and abuse included.',
        tags,
        params: DomainPath,
        body: CatchAllBody,
        response: {
          200: CatchAllView,
          ...writeProblems(
            'domain_not_found',
            'domain_not_usable',
            'mailbox_not_found',
            'forward_target_invalid',
            'domain_alias_conflict',
          ),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const goal = goalOf(request.body)
        const found = await putCatchAll(platform, tx, scopeOf(request), request.params.domain, goal)
        return { status: 200, body: catchAllView(found) }
      }),
  )
  app.delete(
    '/v1/domains/:domain/catch-all',
    {
      schema: {
        summary: 'Remove a domain’s catch-all',
        tags,
        params: DomainPath,
        response: {
          204: Type.Null(),
          ...writeProblems('domain_not_found', 'domain_not_usable', 'address_not_found'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await removeCatchAll(platform, tx, scopeOf(request), request.params.domain)
        return { status: 204, body: undefined }
      }),
  )
}

function goalOf({ mailbox, targets }: Static<typeof CatchAllBody>): CatchAllGoal {
  if (mailbox !== undefined && targets === undefined) return { mailbox }
  if (targets !== undefined && mailbox === undefined) return { targets }
  const detail = 'Give either a mailbox or targets.'
  throw new Refusal('invalid_request', detail, { fields: [{ pointer: '/mailbox', detail }] })
}

function forwardView({ address, targets, created_at }: ExtraAddress): Static<typeof ForwardView> {
  return { id: address, address, targets, created_at: created_at.toISOString() }
}

function catchAllView({ mailbox_id, targets, created_at }: ExtraAddress): Static<typeof CatchAllView> {
  return { mailbox_id, targets, created_at: created_at.toISOString() }
}
