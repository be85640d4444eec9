/** Quick setup: domains, the mailboxes in them and their export in one call. They are our setups. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { domainsByName } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import { priceBasket } from '../../domains/orders/basket.ts'
import { keepQuotes } from '../../domains/orders/quotes.ts'
import { allocationsOf } from '../../mailboxes/allocations.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { createSetup, type SetupDomain, setupDomainsMax } from '../../sequencers/setups/create.ts'
import { latestSetupOf, type SetupDomainRow } from '../../sequencers/setups/read.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { requireRegistrant } from './domain-purchases.ts'
import { platformOf } from './export-apps.ts'
import { exportTargetOf } from './exports.ts'
import { line } from './fields.ts'
import { type Provider, productOf, providerOf } from './providers.ts'
import { DataOf, dataOf, errors } from './schemas.ts'
import { listAccounts } from './third-party-accounts.ts'

const SetupBody = Type.Object({
  domains: Type.Array(
    Type.Object({
      domainName: line(253),
      years: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
    }),
    { minItems: 1, maxItems: setupDomainsMax },
  ),
  mailboxes: Type.Record(
    Type.String(),
    Type.Array(Type.Object({ username: line(64), firstName: line(100, 0), lastName: line(100, 0) }), {
      maxItems: 100,
    }),
    { maxProperties: setupDomainsMax, description: 'By the name of the domain.' },
  ),
  exportApp: Type.Optional(line(50, 0)),
  enableDnsShield: Type.Optional(Type.Boolean({ description: 'Not offered: not looked at.' })),
})

const StartedView = DataOf(
  Type.Object({
    quickSetupBatchId: Type.String(),
    slotsNeeded: Type.Integer({ description: 'How many mailboxes no slot of the plan is free for.' }),
    invoiceUrl: Nullable(Type.String(), 'Null: the wallet pays.'),
  }),
)

const statuses = [
  'PENDING',
  'DOMAIN_SUCCESS',
  'DOMAIN_FAILED',
  'MAILBOX_IN_PROGRESS',
  'MAILBOX_FAILED',
  'EXPORT_IN_PROGRESS',
  'EXPORT_FAILED',
  'COMPLETED',
] as const

const ProgressView = DataOf(Type.Object({ domain: Type.String(), status: OneOf(statuses) }))

const tags = ['quick setup']

export function quickSetupRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/quick-setup',
    {
      schema: {
        summary: 'Order domains with their mailboxes and their export',
        description:
          'All of it, or nothing, out of the wallet. Domains that the workspace has are not bought anew.',
        tags,
        body: SetupBody,
        response: { 200: StartedView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const started = await start(platform, caller, providerOf(request), request.body)
      return dataOf('Quick setup started', started)
    },
  )
  app.get(
    '/v2/quick-setup',
    {
      schema: {
        summary: 'Get how far a domain of a quick setup is',
        tags,
        querystring: Type.Object({ domain: line(253) }),
        response: { 200: ProgressView, ...errors() },
      },
    },
    async (request) => {
      const { domain } = request.query
      const setup = await latestSetupOf(platform, callerOf(request).scope, domain)
      const found = setup.domains.find(({ name }) => name === parseDomainName(domain))
      if (!found) throw new Refusal('setup_not_found')
      return dataOf('Quick setup status fetched successfully', {
        domain: found.name,
        status: statusOf(found),
      })
    },
  )
}

type Body = Static<typeof SetupBody>
const noTarget = { sequencerId: null, platform: null }

async function start(
  platform: Platform,
  caller: Caller,
  provider: Provider,
  { domains, mailboxes, exportApp }: Body,
): Promise<Static<typeof StartedView>['data']> {
  const { scope } = caller
  const wanted = domains.map(({ domainName, years = 1 }) => {
    const name = parseDomainName(domainName)
    if (name === null) throw new Refusal('domain_invalid', `"${domainName}" is not a domain name.`)
    return { name, years }
  })
  const entries = mailboxesByName(
    mailboxes,
    wanted.map(({ name }) => name),
  )
  const target =
    exportApp === undefined
      ? noTarget
      : exportTargetOf(await listAccounts(platform, scope), platformOf(exportApp), undefined)
  const owned = await domainsByName(
    platform.db,
    scope,
    wanted.map(({ name }) => name),
  )
  const priced = await priceBasket(
    platform,
    scope,
    wanted.filter(({ name }) => !owned.has(name)),
  )
  const contact = priced.length === 0 ? null : await requireRegistrant(platform.db, scope)
  const count = [...entries.values()].reduce((sum, some) => sum + some.length, 0)
  const free = (await allocationsOf(platform, scope)).find(({ product }) => product === productOf[provider])
  const slotsNeeded = Math.max(0, count - (free?.remaining ?? 0))
  const quickSetupBatchId = await transact(platform, caller, async (tx) => {
    const prices = priced.map(({ name, years, price }) => ({ name, kind: 'register' as const, years, price }))
    const quotes = new Map(
      (await keepQuotes(platform, tx, scope, prices)).map((quote) => [quote.name, quote]),
    )
    const setup = wanted.map(({ name, years }): SetupDomain => {
      const quote = quotes.get(name)
      return {
        name,
        redirectUrl: null,
        register: quote
          ? {
              years,
              shown: { quoteId: quote.id },
              contact: contact?.id ?? null,
              autoRenew: null,
              autoRenewUnsaid: false,
            }
          : null,
        mailboxes: (entries.get(name) ?? []).map(({ username: localPart, firstName, lastName }) => ({
          product: productOf[provider],
          localPart,
          firstName,
          lastName,
          sequencerId: target.sequencerId,
        })),
      }
    })
    return await createSetup(platform, tx, scope, {
      domains: setup,
      filePlatform: target.sequencerId === null ? target.platform : null,
    })
  })
  return { quickSetupBatchId, slotsNeeded, invoiceUrl: null }
}

function mailboxesByName(
  mailboxes: Body['mailboxes'],
  names: readonly string[],
): Map<string, Body['mailboxes'][string]> {
  return new Map(
    Object.entries(mailboxes).map(([text, entries]) => {
      const name = parseDomainName(text)
      if (name === null || !names.includes(name)) {
        throw new Refusal('invalid_request', `mailboxes.${text} is not among the domains`)
      }
      return [name, entries]
    }),
  )
}

function statusOf({
  stage,
  mailboxes,
  problem,
  export_ids: exports,
}: SetupDomainRow): (typeof statuses)[number] {
  switch (stage) {
    case 'waiting_for_payment':
    case 'registering':
      return 'PENDING'
    case 'waiting_for_dns':
      return 'DOMAIN_SUCCESS'
    case 'creating_mailboxes':
      return 'MAILBOX_IN_PROGRESS'
    case 'exporting':
      return 'EXPORT_IN_PROGRESS'
    case 'completed':
      return 'COMPLETED'
    case 'failed':
      if (problem !== null || exports.length > 0) return 'EXPORT_FAILED'
      return mailboxes.length > 0 && mailboxes.every(({ state }) => state === 'failed')
        ? 'MAILBOX_FAILED'
        : 'DOMAIN_FAILED'
  }
}
