/** Orders: domains, the mailboxes in them and their way to a sequencer in one call. They are our setups. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { ensureContact } from '../../domains/contacts.ts'
import { domainsByName } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import { priceBasket } from '../../domains/orders/basket.ts'
import { keepQuotes } from '../../domains/orders/quotes.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { pictureUrlLengthMax } from '../../mailboxes/pictures-from-urls.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { createSetup, type SetupDomain, setupDomainsMax } from '../../sequencers/setups/create.ts'
import { getSetup, type Setup, type SetupDomainRow } from '../../sequencers/setups/read.ts'
import type { SetupStage } from '../../sequencers/setups/stages.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { Years } from './domain-search.ts'
import { DomainName } from './domains.ts'
import { productOf, purchasePlatforms, statuses, statusOf as statusOfMailbox } from './mailbox-states.ts'
import { ContactDetails, contactOf, Email } from './registrations.ts'
import { closed, errors, Moment, Uid } from './schemas.ts'

const line = (maxLength: number) => Type.String({ maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })
const Link = Type.String({ maxLength: 2000 })

const MailboxInput = Type.Object(
  {
    first_name: line(100),
    last_name: line(100),
    email: Email,
    platform: OneOf(purchasePlatforms),
    profile_pic_url: Type.Optional(
      Type.String({ maxLength: pictureUrlLengthMax, description: 'It is fetched afterwards.' }),
    ),
    sequencer_uid: Type.Optional(Uid),
  },
  closed,
)

const DomainInput = Type.Object(
  {
    name: DomainName,
    redirect_url: Link,
    registration_years: Type.Optional(Years),
    contact_details: Type.Optional(ContactDetails),
    sequencer: Type.Optional(Type.Unknown({ description: 'Not looked at: each mailbox names its own.' })),
    consent_screen_url: Type.Optional(Link),
    mailboxes: Type.Array(MailboxInput, { maxItems: 100 }),
  },
  closed,
)

const OrderBody = Type.Object(
  {
    contact_details: Type.Optional(ContactDetails),
    domains: Type.Array(DomainInput, { minItems: 1, maxItems: setupDomainsMax }),
  },
  closed,
)

const orderStatuses = ['queued', 'processing', 'done', 'error'] as const
const domainStatuses = [
  'queued',
  'registering',
  'waiting_for_activation',
  'creating_mailboxes',
  'generating_consent_url',
  'completed',
  'error',
  'warning',
] as const

const OrderView = Type.Object(
  {
    order_id: Type.String(),
    status: OneOf(orderStatuses),
    created_at: Moment,
    workspace: Type.String({ description: 'Its uid.' }),
    domains: Type.Array(
      Type.Object({
        name: Type.String(),
        status: OneOf(
          domainStatuses,
          'generating_consent_url: on the way to the sequencer. warning: some mailboxes failed.',
        ),
        mailboxes: Type.Array(Type.Object({ email: Type.String(), status: OneOf(statuses) })),
      }),
    ),
  },
  { title: 'Order' },
)

const tags = ['Orders']

export function orderRoutes(app: Api, platform: Platform): void {
  app.post(
    '/orders',
    {
      schema: {
        summary: 'Order domains with their mailboxes',
        description:
          'All of it, or nothing, out of the wallet. Domains that the workspace has are not registered anew.',
        tags,
        body: OrderBody,
        response: { 201: OrderView, ...errors(400) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const id = await order(platform, caller, request.body)
      return reply.code(201).send(orderView(await getSetup(platform, caller.scope, id)))
    },
  )
  app.get(
    '/orders/:order_id',
    {
      schema: {
        summary: 'Get an order',
        tags,
        params: Type.Object({ order_id: Uid }),
        response: { 200: OrderView, ...errors() },
      },
    },
    async (request) => orderView(await getSetup(platform, callerOf(request).scope, request.params.order_id)),
  )
}

type Body = Static<typeof OrderBody>
type Wanted = Body['domains'][number] & { plainName: string }

async function order(platform: Platform, caller: Caller, body: Body): Promise<string> {
  const wanted = body.domains.map((domain): Wanted => {
    const name = parseDomainName(domain.name)
    if (name === null) throw new Refusal('domain_invalid', `"${domain.name}" is not a domain name.`)
    return { ...domain, plainName: name }
  })
  const names = wanted.map(({ plainName }) => plainName)
  const owned = await domainsByName(platform.db, caller.scope, names)
  const missing = wanted.filter(({ plainName }) => !owned.has(plainName))
  const priced = await priceBasket(
    platform,
    caller.scope,
    missing.map(({ plainName: name, registration_years: years = 1 }) => ({ name, years })),
  )
  const prices = priced.map((one) => ({ ...one, kind: 'register' as const }))
  return await transact(platform, caller, async (tx) => {
    const quotes = await keepQuotes(platform, tx, caller.scope, prices)
    const domains: SetupDomain[] = []
    for (const domain of wanted) {
      const quote = quotes.find(({ name }) => name === domain.plainName)
      domains.push({
        name: domain.plainName,
        redirectUrl: domain.redirect_url,
        register: quote ? await registration(platform, tx, caller, domain, quote, body) : null,
        mailboxes: domain.mailboxes.map((mailbox) => toMailbox(domain.plainName, mailbox)),
      })
    }
    return await createSetup(platform, tx, caller.scope, { domains, filePlatform: null })
  })
}

async function registration(
  platform: Platform,
  tx: Tx,
  { scope }: Caller,
  { plainName, contact_details: own }: Wanted,
  { id: quoteId, years }: { id: string; years: number },
  { contact_details: shared }: Body,
): Promise<SetupDomain['register']> {
  const details = own ?? shared
  if (!details) {
    throw new Refusal('invalid_request', `contact_details is required to register ${plainName}`)
  }
  const contact = await ensureContact(platform, tx, scope, contactOf(details))
  return { years, shown: { quoteId }, contact: contact.id, autoRenew: null }
}

function toMailbox(domain: string, mailbox: Static<typeof MailboxInput>): SetupDomain['mailboxes'][number] {
  const at = mailbox.email.lastIndexOf('@')
  if (parseDomainName(mailbox.email.slice(at + 1)) !== domain) {
    throw new Refusal('address_invalid', `${mailbox.email} is not in ${domain}`)
  }
  return {
    product: productOf[mailbox.platform],
    localPart: mailbox.email.slice(0, at),
    firstName: mailbox.first_name,
    lastName: mailbox.last_name,
    sequencerId: mailbox.sequencer_uid ?? null,
    ...(mailbox.profile_pic_url === undefined ? {} : { pictureUrl: mailbox.profile_pic_url }),
  }
}

const statusByStage: Readonly<Record<SetupStage, (typeof domainStatuses)[number]>> = {
  waiting_for_payment: 'queued',
  registering: 'registering',
  waiting_for_dns: 'waiting_for_activation',
  creating_mailboxes: 'creating_mailboxes',
  exporting: 'generating_consent_url',
  completed: 'completed',
  failed: 'error',
}

function statusOf({ stage, mailboxes }: SetupDomainRow): (typeof domainStatuses)[number] {
  const isPartial = stage === 'completed' && mailboxes.some(({ state }) => state === 'failed')
  return isPartial ? 'warning' : statusByStage[stage]
}

function orderView(setup: Setup): Static<typeof OrderView> {
  const domains = setup.domains.map((domain) => ({
    name: domain.name,
    status: statusOf(domain),
    mailboxes: domain.mailboxes.map(({ address, state }) => ({
      email: address,
      status: statusOfMailbox({ state, cancel_at_period_end: false, payment_suspension: null }),
    })),
  }))
  const isWaiting = domains.every(({ status }) => status === 'queued')
  const status = { running: isWaiting ? 'queued' : 'processing', completed: 'done', failed: 'error' } as const
  return {
    order_id: setup.id,
    status: status[setup.state],
    created_at: setup.created_at.toISOString(),
    workspace: setup.workspace_id,
    domains,
  }
}
