/** Names that can be registered: suggested for a word, or looked up; and where mailboxes of which product can be had. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { parseDomainName } from '../../domains/names.ts'
import { type Offer, offersFor, suffixOf } from '../../domains/orders/offers.ts'
import { suggestNames } from '../../domains/orders/suggestions.ts'
import { sellersOf } from '../../domains/registrars/registrars.ts'
import { engineOf } from '../../mailboxes/engines.ts'
import { serviceMappingOf } from '../../mailboxes/service-mapping.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { formatMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { tldOf } from './domain-view.ts'
import { DomainName, DomainNames } from './domains.ts'
import { closed, errors, Ok, ok } from './schemas.ts'

const namesPerPageMax = 50
const namesPerPage = 10

export const Years = Type.Integer({ minimum: 1, maximum: 10, description: 'For the price. Default: 1.' })
const Flag = Type.Optional(Type.Boolean())

const SearchBody = Type.Object(
  {
    keyword: Type.Optional(Type.String({ maxLength: 254 })),
    domain: Type.Optional(DomainName),
    page: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    num: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: `Names that are looked up for a page. Default: ${namesPerPage}; above ${namesPerPageMax} it is that.`,
      }),
    ),
    tlds: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 50 })),
    show_unavailable: Flag,
    check_banned: Flag,
    check_google_workspace_availability: Flag,
    check_ms365_workspace_availability: Flag,
    registration_years: Type.Optional(Years),
  },
  closed,
)

const workspaceFlags = {
  google_workspace_available: Type.Optional(Type.Boolean()),
  ms365_workspace_available: Type.Optional(Type.Boolean()),
} as const

const CandidateView = Type.Object(
  {
    name: Type.String(),
    tld: Type.String(),
    available: Type.Boolean(),
    price: Type.Optional(Type.Number({ description: 'For the whole term.' })),
    is_premium: Type.Boolean(),
    banned: Type.Optional(Type.Boolean()),
    ...workspaceFlags,
  },
  { title: 'DomainCandidate' },
)

const AvailabilityView = Ok({
  banned: Type.Boolean(),
  available: Type.Boolean(),
  registration_price: Type.Optional(Type.Number()),
  renewal_price: Type.Optional(Type.Number()),
})

const NameQuery = Type.Object({ domain: DomainName })
const tags = ['Domains']

export function domainSearchRoutes(app: Api, platform: Platform): void {
  searchRoute(app, platform)
  bannedRoutes(app)
  availabilityRoutes(app, platform)
  workspaceAvailabilityRoutes(app, platform)
}

function searchRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/search',
    {
      schema: {
        summary: 'Suggest names for a keyword, or look one name up',
        tags,
        body: SearchBody,
        response: { 200: Ok({ domains: Type.Array(CandidateView) }), ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { body } = request
      const years = body.registration_years ?? 1
      const offers = await offersFor(platform, scope, namesOf(platform, body), years)
      // One name that was asked for is answered in any case.
      const isShown = (offer: Offer): boolean =>
        offer.availability === 'available' || body.show_unavailable === true || body.domain !== undefined
      const flags = await flagsOf(platform, scope)
      const domains = offers.filter(isShown).map(
        (offer): Static<typeof CandidateView> => ({
          name: offer.name,
          tld: tldOf(offer.name),
          available: offer.availability === 'available',
          ...(offer.price === null ? {} : { price: Number(formatMoney(offer.price.price)) }),
          is_premium: offer.premium,
          ...(body.check_banned === true ? { banned: false } : {}),
          ...(body.check_google_workspace_availability === true
            ? { google_workspace_available: flags.google }
            : {}),
          ...(body.check_ms365_workspace_availability === true
            ? { ms365_workspace_available: flags.microsoft }
            : {}),
        }),
      )
      return ok('Domains retrieved successfully', { domains })
    },
  )
}

/** What their vendor sells, and what is looked in where none is named. */
const usualSuffixes = ['com', 'net', 'org', 'shop'] as const

/** @throws Refusal invalid_request, domain_invalid. */
function namesOf(platform: Platform, body: Static<typeof SearchBody>): string[] {
  const { keyword, domain, tlds = [], page = 1, num = namesPerPage } = body
  if ((keyword === undefined) === (domain === undefined)) {
    throw new Refusal('invalid_request', 'Give either keyword or domain.')
  }
  if (domain !== undefined) return [registrableName(domain)]
  const suffixes = tlds.length > 0 ? tlds.map((tld) => soldSuffix(platform, tld)) : suffixesOf(platform)
  const limit = Math.min(num, namesPerPageMax)
  const names = suggestNames(keyword ?? '', [...new Set(suffixes)], { offset: (page - 1) * limit, limit })
  if (names.length === 0 && page === 1) {
    throw new Refusal('invalid_request', 'keyword has nothing that a name could be made of.')
  }
  return names
}

/** Those of the usual ones that are sold here; where none is, that of the sandbox. */
function suffixesOf(platform: Platform): string[] {
  const sold = usualSuffixes.filter((suffix) => sellersOf(platform, suffix).length > 0)
  return sold.length > 0 ? sold : ['test']
}

/** @throws Refusal invalid_request for what no registrar here sells and their vendor does not either. */
function soldSuffix(platform: Platform, text: string): string {
  const suffix = text.toLowerCase().replace(/^\./, '')
  const isUsual = usualSuffixes.some((usual) => usual === suffix)
  if (!isUsual && (suffixOf(`name.${suffix}`) !== suffix || sellersOf(platform, suffix).length === 0)) {
    throw new Refusal('invalid_request', `No registrar here sells names under ${text}.`)
  }
  return suffix
}

/** @throws Refusal domain_invalid. */
function registrableName(text: string): string {
  const name = parseDomainName(text.trim())
  if (name === null) throw new Refusal('domain_invalid', `"${text}" is not a domain name.`)
  return name
}

/** Of whom it can be said that mailboxes of it can be made here: the service that makes them is set up. */
async function flagsOf(
  platform: Platform,
  { workspaceId }: Scope,
): Promise<{ google: boolean; microsoft: boolean }> {
  const mapping = await serviceMappingOf(platform.db, workspaceId)
  return {
    google: engineOf(platform, mapping.google) !== null,
    microsoft: engineOf(platform, mapping.microsoft) !== null,
  }
}

function bannedRoutes(app: Api): void {
  const schema = {
    summary: 'Say whether a name is barred from registration',
    description: 'Nothing is, but for what is no name that anybody could register.',
    tags,
    response: { 200: Ok({ banned: Type.Boolean() }), ...errors(400) },
  }
  const verdict = (text: string) => {
    const banned = suffixOf(registrableName(text)) === null
    return ok(banned ? 'Domain is banned' : 'Domain is not banned', { banned })
  }
  app.get('/domains/banned', { schema: { ...schema, querystring: NameQuery } }, (request) =>
    verdict(request.query.domain),
  )
  app.get('/domains/banned/:domain', { schema: { ...schema, params: NameQuery } }, (request) =>
    verdict(request.params.domain),
  )
}

function availabilityRoutes(app: Api, platform: Platform): void {
  const schema = {
    summary: 'Say whether a name can be registered, and at which price',
    tags,
    response: { 200: AvailabilityView, ...errors(400) },
  }
  const config = { ofTeam: true }
  const verdict = async (scope: Scope, text: string): Promise<Static<typeof AvailabilityView>> => {
    const name = registrableName(text)
    const [offer] = await offersFor(platform, scope, [name], 1)
    const banned = suffixOf(name) === null
    const price = offer?.price ?? null
    if (price === null) {
      return ok('Domain is not available for registration', { banned, available: false })
    }
    return ok('Domain is available for registration', {
      banned,
      available: true,
      registration_price: Number(formatMoney(price.price)),
      ...(price.renewPrice === null ? {} : { renewal_price: Number(formatMoney(price.renewPrice)) }),
    })
  }
  for (const path of ['/domains/available', '/domains/check']) {
    app.get(path, { schema: { ...schema, querystring: NameQuery }, config }, (request) =>
      verdict(callerOf(request).scope, request.query.domain),
    )
  }
  app.get('/domains/availability/:domain', { schema: { ...schema, params: NameQuery }, config }, (request) =>
    verdict(callerOf(request).scope, request.params.domain),
  )
}

function workspaceAvailabilityRoutes(app: Api, platform: Platform): void {
  const ResultView = Type.Object({
    domain: Type.String(),
    google_workspace_available: Type.Boolean(),
    ms365_workspace_available: Type.Boolean(),
  })
  for (const path of ['/domains/check-workspace-availability', '/domains/workspace-availability']) {
    app.post(
      path,
      {
        schema: {
          summary: 'Say of which product mailboxes can be had on names',
          description: 'Whether the service that makes them for the workspace is set up on this server.',
          tags,
          body: Type.Object({ domains: DomainNames }, closed),
          response: { 200: Ok({ result: Type.Array(ResultView) }), ...errors(400) },
        },
        config: { ofTeam: true },
      },
      async (request) => {
        const { google, microsoft } = await flagsOf(platform, callerOf(request).scope)
        const result = request.body.domains.map((text) => ({
          domain: registrableName(text),
          google_workspace_available: google,
          ms365_workspace_available: microsoft,
        }))
        return ok('Workspace availability checked successfully', { result })
      },
    )
  }
}
