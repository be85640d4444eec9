/** Domains as this API names them: by `uid`, by name, or by one of several. Whatever is none of the workspace's is not found. */
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { type Domain, domainsById, domainsByName } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'

/** How this API's bodies say which domains they are about. */
export type NamedDomains = {
  uid?: string
  uids?: readonly string[]
  domain?: string
  domains?: readonly string[]
}

/** The domains of these ids, in their order, each once. @throws Refusal domain_not_found, forbidden. */
export async function requireByUid(db: Db, scope: Scope, uids: readonly string[]): Promise<Domain[]> {
  requireWorkspace(scope)
  const found = await domainsById(db, scope, uids.filter(isId))
  return [...new Set(uids)].map((uid) => there(found.get(uid.toLowerCase())))
}

/** The same by their names. */
export async function requireByName(db: Db, scope: Scope, names: readonly string[]): Promise<Domain[]> {
  const found = await findByName(db, scope, names)
  return [...new Set(names.map(parseDomainName))].map((name) =>
    there(name === null ? undefined : found.get(name)),
  )
}

/** Those of the names that the workspace has, by their one form. @throws Refusal forbidden. */
export async function findByName(
  db: Db,
  scope: Scope,
  names: readonly string[],
): Promise<Map<string, Domain>> {
  requireWorkspace(scope)
  return await domainsByName(
    db,
    scope,
    names.flatMap((name) => parseDomainName(name) ?? []),
  )
}

/**
 * The domains that a body names in whichever way, each once.
 * @param named what it may have named them by, for who named none.
 * @throws Refusal domain_not_found, invalid_request where it names none, forbidden.
 */
export async function requireNamed(
  db: Db,
  scope: Scope,
  { uid, uids = [], domain, domains = [] }: NamedDomains,
  named = 'uids',
): Promise<Domain[]> {
  const ids = [...(uid === undefined ? [] : [uid]), ...uids]
  const names = [...(domain === undefined ? [] : [domain]), ...domains]
  if (ids.length + names.length === 0) throw new Refusal('invalid_request', `${named} is required`)
  const found = [...(await requireByUid(db, scope, ids)), ...(await requireByName(db, scope, names))]
  return [...new Map(found.map((one) => [one.id, one])).values()]
}

/** The same for a call that is about one. */
export async function requireOne(
  db: Db,
  scope: Scope,
  body: { uid?: string; domain?: string },
): Promise<Domain> {
  const [first, second] = await requireNamed(db, scope, body, 'uid or domain')
  if (second) throw new Refusal('invalid_request', 'uid and domain name two domains.')
  if (!first) throw new Refusal('domain_not_found')
  return first
}

function there(domain: Domain | undefined): Domain {
  if (!domain || domain.state === 'deleted') throw new Refusal('domain_not_found')
  return domain
}

/** In one order for all calls, so that two cannot lock each other out. */
export function inLockOrder(domains: readonly Domain[]): Domain[] {
  return domains.toSorted((one, other) => (one.id < other.id ? -1 : 1))
}

/** An id of ours as 24 hexadecimal digits, where this API has such ones: the beginning, and the random end. */
export function objectId(id: string): string {
  const digits = id.replaceAll('-', '')
  return digits.slice(0, 12) + digits.slice(-12)
}
