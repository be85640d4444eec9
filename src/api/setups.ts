/** /v1/setups: domains, the mailboxes in them and their export in one call. */
import { type Static, Type } from 'typebox'
import type { ShownPrice } from '../domains/orders/new-order.ts'
import { products } from '../domains/products.ts'
import { mailboxStates } from '../mailboxes/lifecycle.ts'
import { pictureUrlLengthMax } from '../mailboxes/pictures-from-urls.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { platformNames } from '../sequencers/platforms.ts'
import {
  createSetup,
  type NewSetup,
  type SetupDomain,
  setupDomainsMax,
  setupMailboxesMax,
} from '../sequencers/setups/create.ts'
import { getSetup, listSetups, type Setup } from '../sequencers/setups/read.ts'
import { setupStates } from '../sequencers/setups/schema.ts'
import { setupStages } from '../sequencers/setups/stages.ts'
import { scopeOf } from './caller.ts'
import { Years } from './domain-search.ts'
import { apiLimits } from './limits.ts'
import { MoneyView } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  OneOfOrNull,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const name = (description?: string) =>
  Type.String({
    maxLength: apiLimits.nameLengthMax,
    pattern: '^[^\\u0000-\\u001f\\u007f]*$',
    ...(description === undefined ? {} : { description }),
  })

const MailboxBody = Type.Object(
  {
    local_part: Type.String({ minLength: 1, maxLength: 64, description: 'Left of the @.' }),
    product: OneOf(products, 'What it is asked for as.'),
    first_name: Type.Optional(name()),
    last_name: Type.Optional(name()),
    picture_url: Type.Optional(
      Nullable(
        Type.String({ maxLength: pictureUrlLengthMax }),
        'Where its picture lies; fetched afterwards.',
      ),
    ),
    sequencer_id: Type.Optional(Nullable(name(), 'Where it is brought to once it is there.')),
  },
  closed,
)

const RegisterBody = Type.Object(
  {
    years: Type.Optional(Years),
    quote_id: Type.Optional(Type.String({ format: 'uuid', maxLength: 36 })),
    expected_price: Type.Optional(MoneyView),
    contact_id: Type.Optional(Type.String({ format: 'uuid', maxLength: 36 })),
    auto_renew: Type.Optional(
      Type.Boolean({ description: 'If not given as the workspace’s domain settings say, else true.' }),
    ),
  },
  {
    ...closed,
    description: 'As POST /v1/domains/register takes them. Left out: the workspace has the domain.',
  },
)

const SetupBody = Type.Object(
  {
    domains: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 1000 }),
          register: Type.Optional(RegisterBody),
          redirect_url: Type.Optional(
            Nullable(Type.String({ maxLength: 2000 }), 'Where its browsers are sent.'),
          ),
          mailboxes: Type.Array(MailboxBody, { maxItems: setupMailboxesMax }),
        },
        closed,
      ),
      { minItems: 1, maxItems: setupDomainsMax },
    ),
    file_platform: Type.Optional(
      OneOfOrNull(platformNames, 'All mailboxes are exported as a file in its form, too.'),
    ),
  },
  closed,
)

const SetupView = Type.Object(
  {
    id: Id,
    state: OneOf(setupStates, 'failed: nothing of it came about.'),
    file_platform: OneOfOrNull(platformNames, 'Null: no file.'),
    domains: Type.Array(
      Type.Object({
        domain_id: Id,
        name: Type.String(),
        order_id: Nullable(Id, 'Null: the workspace had it.'),
        stage: OneOf(setupStages),
        problem: Nullable(Type.String(), 'Why its mailboxes could not be exported.'),
        export_ids: Type.Array(Id),
        mailboxes: Type.Array(
          Type.Object({ mailbox_id: Id, address: Type.String(), state: OneOf(mailboxStates) }),
        ),
      }),
    ),
    created_at: Moment,
    completed_at: Nullable(Moment),
  },
  { title: 'Setup' },
)

const SetupPath = Type.Object({ setup: Type.String({ description: 'Its id.' }) })
const tags = ['domains']

export function setupRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/setups',
    {
      schema: {
        summary: 'List setups',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(SetupView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listSetups(platform, scopeOf(request), pageRequest(request.query)), setupView),
  )
  app.get(
    '/v1/setups/:setup',
    {
      schema: {
        summary: 'Get a setup',
        tags,
        params: SetupPath,
        response: { 200: SetupView, ...readProblems('setup_not_found') },
      },
    },
    async (request) => setupView(await getSetup(platform, scopeOf(request), request.params.setup)),
  )
  app.post(
    '/v1/setups',
    {
      schema: {
        summary: 'Order domains, their mailboxes and their export',
        description:
          'All of it is ordered, or nothing. Mailboxes wait for their domain; those of a domain are exported once all of them are there or have failed.',
        tags,
        body: SetupBody,
        response: {
          202: SetupView,
          ...postProblems(
            'domain_invalid',
            'domain_taken',
            'domain_not_found',
            'domain_not_usable',
            'domain_product_differs',
            'domain_limit_reached',
            'domain_settings_invalid',
            'name_not_sold',
            'nameservers_unavailable',
            'quote_not_found',
            'quote_expired',
            'contact_not_found',
            'address_invalid',
            'address_taken',
            'address_repeated',
            'mailbox_limit_reached',
            'service_unavailable',
            'sequencer_not_found',
            'sequencer_in_use',
            'picture_invalid',
            'insufficient_funds',
            'wallet_locked',
            'item_not_priced',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const wanted = toSetup(request.body)
      return mutate(platform, request, reply, async (tx) => {
        const id = await createSetup(platform, tx, scope, wanted)
        return { status: 202, body: setupView(await getSetup(platform, scope, id, tx)) }
      })
    },
  )
}

function toSetup({ domains, file_platform: filePlatform = null }: Static<typeof SetupBody>): NewSetup {
  return {
    filePlatform,
    domains: domains.map(
      (domain): SetupDomain => ({
        name: domain.name,
        redirectUrl: domain.redirect_url ?? null,
        register: domain.register ? toRegistration(domain.register) : null,
        mailboxes: domain.mailboxes.map((mailbox) => ({
          product: mailbox.product,
          localPart: mailbox.local_part,
          firstName: mailbox.first_name ?? '',
          lastName: mailbox.last_name ?? '',
          sequencerId: mailbox.sequencer_id ?? null,
          pictureUrl: mailbox.picture_url ?? '',
        })),
      }),
    ),
  }
}

function toRegistration(body: Static<typeof RegisterBody>): NonNullable<SetupDomain['register']> {
  const { years = 1, contact_id: contact = null, auto_renew: autoRenew = null } = body
  return { years, contact, autoRenew, shown: shownOf(body) }
}

function shownOf({ quote_id: quoteId, expected_price: expected }: Static<typeof RegisterBody>): ShownPrice {
  if (quoteId !== undefined && expected === undefined) return { quoteId }
  if (expected !== undefined && quoteId === undefined) return { expected }
  throw new Refusal('invalid_request', 'Give either quote_id or expected_price to register a domain.')
}

function setupView(setup: Setup): Static<typeof SetupView> {
  return {
    id: setup.id,
    state: setup.state,
    file_platform: setup.file_platform,
    domains: setup.domains.map((domain) => ({
      domain_id: domain.domain_id,
      name: domain.name,
      order_id: domain.order_id,
      stage: domain.stage,
      problem: domain.problem,
      export_ids: domain.export_ids,
      mailboxes: domain.mailboxes.map(({ mailbox_id, address, state }) => ({ mailbox_id, address, state })),
    })),
    created_at: setup.created_at.toISOString(),
    completed_at: momentOrNull(setup.completed_at),
  }
}
