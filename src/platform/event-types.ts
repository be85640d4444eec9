/** Which events callers get, and how they say which of them they want. Every type is described in docs/events.md. */
import { Refusal } from './errors.ts'

/** What is told inside the program alone, and why. */
export const internalEventTypes: Readonly<Record<string, string>> = {
  'certificate.challenge_changed':
    'wakes the name servers; the certificate itself is told as issued or failed',
  'domain.zone_changed': 'wakes the name servers; what changed in the zone is told by the change itself',
  'mailbox.logins_ended': 'ends sessions; why is told by domain.state_changed',
  'spam.learned': 'drops caches of the filter, for each message that is moved to Junk or out of it',
}

/** Whether callers are told of it. */
export function isPublicType(type: string): boolean {
  return !Object.hasOwn(internalEventTypes, type)
}

/** Which types are wanted: none, all of them. */
export type TypeFilter = { readonly types: ReadonlySet<string>; readonly prefixes: readonly string[] } | null

export const typePatternsMax = 100

const pattern = /^[a-z0-9_]{1,64}\.(?:\*|[a-z0-9_]{1,64})$/

/**
 * Reads a filter: types such as `domain.created`, and all of a kind as `message.*`. `*` is everything.
 * @param pointer where the patterns stand in the request.
 * @throws Refusal invalid_request.
 */
export function parseTypeFilter(patterns: readonly string[], pointer: string): TypeFilter {
  if (patterns.length > typePatternsMax) {
    const detail = `has more than ${typePatternsMax} types`
    throw new Refusal('invalid_request', undefined, { fields: [{ pointer, detail }] })
  }
  const wrong = patterns.find((one) => one !== '*' && !pattern.test(one))
  if (wrong !== undefined) {
    const detail = `${JSON.stringify(wrong.slice(0, 100))} is no type of event, such as message.received or message.*`
    throw new Refusal('invalid_request', undefined, { fields: [{ pointer, detail }] })
  }
  if (patterns.length === 0 || patterns.includes('*')) return null
  return {
    types: new Set(patterns.filter((one) => !one.endsWith('*'))),
    prefixes: patterns.filter((one) => one.endsWith('*')).map((one) => one.slice(0, -1)),
  }
}

/** Whether a filter lets a type through. */
export function wantsType(filter: TypeFilter, type: string): boolean {
  return (
    filter === null || filter.types.has(type) || filter.prefixes.some((prefix) => type.startsWith(prefix))
  )
}
