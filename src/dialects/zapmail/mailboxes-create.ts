/** Mailboxes bought in domains of the workspace, all of a call or none. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import { firstUnmade, requireDomains } from '../../mailboxes/mailbox-sets.ts'
import { buyMailboxes, type WantedMailbox } from '../../mailboxes/purchases.ts'
import { scheduleMailboxes } from '../../mailboxes/scheduled/scheduled-mailboxes.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { line } from './fields.ts'
import { tags } from './mailboxes.ts'
import { type Provider, productOf, productsOf, providerOf } from './providers.ts'
import { DoneView, done, errors, idsMax } from './schemas.ts'

export const NameInput = line(100, 0)
export const UsernameInput = Type.String({ minLength: 1, maxLength: 64, description: 'Left of the @.' })

const Assignment = Type.Object({
  firstName: NameInput,
  lastName: NameInput,
  mailboxUsername: UsernameInput,
  domainName: Type.String({ maxLength: 253 }),
})

const perDomainMax = 1000
/** Of one call, over all of its domains. */
const createdMax = 1000

/** Ids of domains, each with what is wanted there. How many a domain may have is said by its limits. */
export const AssignmentsBody = Type.Record(
  Type.String({ maxLength: 100 }),
  Type.Array(Assignment, { minItems: 1, maxItems: perDomainMax }),
  { minProperties: 1, maxProperties: idsMax },
)

export function mailboxCreateRoutes(app: Api, platform: Platform): void {
  scheduleRoute(app, platform)
  app.post(
    '/v2/mailboxes',
    {
      config: { tellsForms: true },
      schema: {
        summary: 'Create mailboxes',
        description:
          'All of them, or none. They are bought as the provider’s product; those of the service `local` are there when this answers.',
        tags,
        body: AssignmentsBody,
        response: { 200: DoneView, ...errors(422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const provider = providerOf(request)
      await transact(platform, caller, async (tx) => {
        const { domains, items } = await readAssignments(tx, scope, provider, request.body)
        if (provider === 'MICROSOFT') await requireNoneWaiting(tx, domains)
        await buyMailboxes(platform, tx, scope, items, { waitsForDomain: false, bindsDomain: true })
      })
      return done('Mailboxes will be assigned shortly')
    },
  )
}

function scheduleRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/mailboxes/schedule',
    {
      config: { providerRequired: true },
      schema: {
        summary: 'Create mailboxes at the next renewal',
        description:
          'All of them are asked for, or none. They are bought one by one when the period of the workspace’s plan ends, without a plan on the first of the next month.',
        tags,
        body: AssignmentsBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      await transact(platform, caller, async (tx) => {
        const { items } = await readAssignments(tx, scope, providerOf(request), request.body)
        await scheduleMailboxes(platform, tx, scope, items)
      })
      return done('Mailboxes scheduled successfully')
    },
  )
}

/** @throws Refusal domain_not_found, address_invalid, invalid_request. */
export async function readAssignments(
  db: Db,
  scope: Scope,
  provider: Provider,
  body: Static<typeof AssignmentsBody>,
): Promise<{ domains: Domain[]; items: WantedMailbox[] }> {
  const entries = Object.entries(body)
  const domains = await requireDomains(
    db,
    scope,
    entries.map(([id]) => id),
  )
  const byId = new Map(domains.map((domain) => [domain.id, domain]))
  const items = entries.flatMap(([id, wanted]) => {
    const domain = byId.get(id.toLowerCase())
    if (!domain) throw new Refusal('domain_not_found')
    return wanted.map((one) => wantedIn(domain, provider, one))
  })
  if (items.length > createdMax)
    throw new Refusal('invalid_request', `More than ${createdMax} mailboxes in one call.`)
  return { domains, items }
}

function wantedIn(
  domain: Domain,
  provider: Provider,
  { firstName, lastName, mailboxUsername, domainName }: Static<typeof Assignment>,
): WantedMailbox {
  if (parseDomainName(domainName) !== domain.name) {
    throw new Refusal('invalid_request', `${domainName} is not the name of the domain ${domain.id}.`)
  }
  requireUsername(mailboxUsername)
  return {
    product: productOf[provider],
    domain: domain.name,
    localPart: mailboxUsername,
    firstName,
    lastName,
  }
}

/** What an address may be the core says; the vendor refuses these, too. @throws Refusal address_invalid. */
export function requireUsername(username: string): void {
  if (!/^[._-]|[._-]$|[._-]{2}/.test(username)) return
  throw new Refusal(
    'address_invalid',
    `"${username}" begins or ends with one of . _ -, or has two of them in a row.`,
  )
}

/** The vendor makes mailboxes of this provider in a domain one call after another. */
async function requireNoneWaiting(db: Db, domains: readonly Domain[]): Promise<void> {
  const ids = domains.map(({ id }) => id)
  const first = await firstUnmade(db, ids, productsOf.MICROSOFT)
  if (!first) return
  throw new Refusal('mailbox_state_conflict', `${first.address} is not active yet: wait for it.`)
}
