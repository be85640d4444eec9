/** The domains that a call is about: those that it names by their ids, or those that its filters find. */
import { type Static, Type } from 'typebox'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { type Domain, domainsById } from '../../domains/domains.ts'
import { type DomainState, domainStates } from '../../domains/lifecycle.ts'
import { pageDomainOverviews } from '../../mailboxes/domain-overviews.ts'
import { Refusal } from '../../platform/errors.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { isId } from '../../platform/ids.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Provider, productsOf } from './providers.ts'
import { Ids, idsMax } from './schemas.ts'
import { type DomainStatus, domainStatuses, domainStatusOf } from './statuses.ts'

/** Part of a name; empty text is no filter. */
export const Contains = Type.String({ maxLength: 253, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })

/** Empty filters are none. */
export const domainFilters = {
  contains: Type.Optional(Contains),
  status: Type.Optional(Type.Array(OneOf(domainStatuses), { maxItems: 10 })),
  tagIds: Type.Optional(Ids),
} as const

/** In the bodies of calls for many domains. */
export const domainSelection = { domainIds: Type.Optional(Ids), ...domainFilters } as const

const Selection = Type.Object(domainSelection)
export type DomainSelection = Static<typeof Selection>
type Filters = Pick<DomainSelection, 'contains' | 'status' | 'tagIds'>

/** One whose removal can only be taken back is gone here. */
export const livingStates: readonly DomainState[] = domainStates.filter(
  (state) => state !== 'deletion_scheduled' && state !== 'deleted',
)

/** One page of the domains of a provider. @throws Refusal forbidden. */
export async function pageDomainsOf(
  platform: Platform,
  scope: Scope,
  provider: Provider,
  { contains = '', status = [], tagIds = [] }: Filters,
  page: NumberedPage,
  { assignable = false, oldestFirst = false } = {},
) {
  const ids = tagIds.filter(isId)
  return await pageDomainOverviews(
    platform,
    scope,
    {
      search: contains.trim() || null,
      products: productsOf[provider],
      domainIds: null,
      tagIds: tagIds.length === 0 ? null : ids,
      assignable,
      states: statesOf(status),
    },
    page,
    { oldestFirst },
  )
}

function statesOf(statuses: readonly DomainStatus[]) {
  if (statuses.length === 0) return livingStates
  return livingStates.filter((state) => statuses.includes(domainStatusOf[state]))
}

/**
 * Those that are named, whatever their provider is; where none are named, those of the provider that the filters find.
 * In the order of their ids, in which calls that change many lock them.
 * @throws Refusal domain_not_found, invalid_request for too many, forbidden.
 */
export async function selectDomains(
  platform: Platform,
  scope: Scope,
  provider: Provider,
  { domainIds = [], ...filters }: DomainSelection,
): Promise<Domain[]> {
  requireWorkspace(scope)
  if (domainIds.length > 0) return await domainsNamed(platform, scope, domainIds)
  const { rows, total } = await pageDomainsOf(platform, scope, provider, filters, { number: 1, size: idsMax })
  if (total > idsMax) {
    throw new Refusal('invalid_request', `The filters find ${total} domains; a call takes ${idsMax} at most.`)
  }
  return rows.map(({ domain }) => domain).sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The same for who changes them. @throws Refusal invalid_request also where the filters find none. */
export async function selectSome(
  platform: Platform,
  scope: Scope,
  provider: Provider,
  selection: DomainSelection,
): Promise<Domain[]> {
  const domains = await selectDomains(platform, scope, provider, selection)
  if (domains.length === 0) throw new Refusal('invalid_request', 'The filters find no domain.')
  return domains
}

/** One that is named by its id. @throws Refusal domain_not_found, forbidden. */
export async function requireDomain(platform: Platform, scope: Scope, id: string): Promise<Domain> {
  const [domain] = await domainsNamed(platform, scope, [id])
  if (!domain) throw new Refusal('domain_not_found')
  return domain
}

async function domainsNamed(platform: Platform, scope: Scope, texts: readonly string[]): Promise<Domain[]> {
  requireWorkspace(scope)
  const ids = [...new Set(texts.map((text) => text.toLowerCase()))].sort()
  if (!ids.every(isId)) throw new Refusal('domain_not_found')
  const found = await domainsById(platform.db, scope, ids)
  return ids.map((id) => {
    const domain = found.get(id)
    if (!domain || !livingStates.includes(domain.state)) throw new Refusal('domain_not_found')
    return domain
  })
}
