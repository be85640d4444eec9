/** Mailboxes: listed by their domains, and one by its id. */

import { type Static, Type } from 'typebox'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { allocationsOf } from '../../mailboxes/allocations.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { everyDomain, pageDomainOverviews } from '../../mailboxes/domain-overviews.ts'
import { domainsWithText } from '../../mailboxes/mailbox-sets.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import { countScheduled, scheduledById } from '../../mailboxes/scheduled/scheduled-mailboxes.ts'
import type { ScheduledMailbox } from '../../mailboxes/scheduled/tables.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { type Db, onOneConnection } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { livingStates } from './domain-selection.ts'
import { countStatuses, MailboxView, mailboxViews, mailboxViewsOf, scheduledView } from './mailbox-view.ts'
import { type Provider, productOf, productsOf, providerOf } from './providers.ts'
import { DataOf, dataOf, errors, Id, pageFields, pageInput, pageOf, pageOutput } from './schemas.ts'
import { domainStatuses, domainStatusOf } from './statuses.ts'

export const tags = ['mailbox']

/** Part of an address or a name; empty text is no filter. */
export const Contains = Type.String({ maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })

const CountView = Type.Integer({ minimum: 0 })

const counters = {
  purchasedMailboxes: Type.Integer({ description: 'How many the workspace may have of this provider.' }),
  totalAssignedMailboxes: CountView,
  totalActiveMailboxes: CountView,
  availableMailboxes: Type.Integer({ description: 'How many more it may make.' }),
  scheduledMailboxes: CountView,
  totalAssignedPreWarmedUpMailboxes: Type.Literal(0),
  totalActivePreWarmedUpMailboxes: Type.Literal(0),
} as const

const ListView = Type.Object(
  {
    ...pageOutput,
    ...counters,
    domains: Type.Array(
      Type.Object({
        id: Type.String(),
        domain: Type.String(),
        status: OneOf(domainStatuses),
        mailboxes: Type.Array(MailboxView),
      }),
    ),
  },
  { title: 'MailboxList' },
)

export function mailboxRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/mailboxes/list',
    {
      schema: {
        summary: 'List mailboxes by their domains',
        description:
          'Pages are of domains: each comes with all of its mailboxes. `contains` finds domains by their names and by the addresses and names of their mailboxes.',
        tags,
        querystring: Type.Object({ ...pageInput, contains: Type.Optional(Contains) }),
        response: { 200: DataOf(ListView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { contains = '', ...page } = request.query
      const view = await listView(platform, caller, providerOf(request), contains.trim(), page)
      return dataOf('Mailboxes fetched successfully', view)
    },
  )
  app.get(
    '/v2/mailboxes',
    {
      schema: {
        summary: 'Get a mailbox',
        tags,
        querystring: Type.Object({ id: Id }),
        response: { 200: DataOf(Type.Object({ mailbox: MailboxView })), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { id } = request.query
      const { scheduled, found } = await findEither(platform, caller.scope, id)
      const mailbox = found ? await viewOf(platform, caller, found) : scheduledView(scheduled)
      return dataOf('Mailbox fetched successfully', { mailbox })
    },
  )
}

/** One of the two; both are asked for together. @throws Refusal mailbox_not_found. */
async function findEither(
  platform: Platform,
  scope: Scope,
  id: string,
): Promise<{ scheduled: ScheduledMailbox; found: null } | { scheduled: null; found: Mailbox }> {
  const [[scheduled], [found]] = await onOneConnection(platform.db, (db) =>
    Promise.all([
      scope.mailboxId === null ? scheduledById(db, scope, [id]) : [],
      Promise.allSettled([requireMailbox(platform, scope, id, db)]),
    ]),
  )
  if (scheduled) return { scheduled, found: null }
  if (found.status === 'rejected') throw found.reason
  return { scheduled: null, found: found.value }
}

async function viewOf(platform: Platform, caller: Caller, found: Mailbox): Promise<MailboxView> {
  const [mailbox] = await mailboxViews(platform, caller, [found])
  if (!mailbox) throw new Error('a mailbox has no view')
  return mailbox
}

/** @throws Refusal mailbox_not_found, also for one that is deleted and could be restored. */
export async function requireMailbox(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Mailbox> {
  const mailbox = await getMailbox(platform, scope, id, db)
  if (mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_not_found')
  return mailbox
}

/** @param contains empty: all. */
async function listView(
  platform: Platform,
  caller: Caller,
  provider: Provider,
  contains: string,
  query: { page?: string; limit?: string },
): Promise<Static<typeof ListView>> {
  const { scope } = caller
  requireWorkspace(scope)
  const products = productsOf[provider]
  const page = pageOf(query)
  const domainIds = contains === '' ? null : await domainsWithText(platform.db, scope, contains)
  const filter = { ...everyDomain, products, domainIds, states: livingStates }
  const found = await pageDomainOverviews(platform, scope, filter, page)
  const ids = found.rows.map(({ domain }) => domain.id)
  const mailboxes = await mailboxViewsOf(platform, caller, ids)
  return {
    ...pageFields(found, page),
    ...(await countersOf(platform, scope, provider)),
    domains: found.rows.map(({ domain: { id, name, state } }) => ({
      id,
      domain: name,
      status: domainStatusOf[state],
      mailboxes: mailboxes.get(id) ?? [],
    })),
  }
}

async function countersOf(platform: Platform, scope: Scope, provider: Provider) {
  const allocations = await allocationsOf(platform, scope)
  const allocation = allocations.find(({ product }) => product === productOf[provider])
  const counts = await countStatuses(platform.db, scope, productsOf[provider])
  const assigned = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const available = allocation?.remaining ?? 0
  return {
    purchasedMailboxes: assigned + available,
    totalAssignedMailboxes: assigned,
    totalActiveMailboxes: counts.get('ACTIVE') ?? 0,
    availableMailboxes: available,
    scheduledMailboxes: await countScheduled(platform.db, scope, productsOf[provider]),
    totalAssignedPreWarmedUpMailboxes: 0 as const,
    totalActivePreWarmedUpMailboxes: 0 as const,
  }
}
