/** Ids with a prefix: the id behind it is ours, so that each survives a round trip. All other ids are bare UUIDs. */
import { isId } from '../../platform/ids.ts'

const prefixes = {
  /** Their organization is our workspace: what one credential reaches. */
  organization: 'org_',
  apiKey: 'ApiKey_',
  domain: 'sending_domain_',
  event: 'evt_',
} as const

export type PrefixedKind = keyof typeof prefixes

export function prefixedId(kind: PrefixedKind, id: string): string {
  return prefixes[kind] + id
}

/** @returns the id behind the prefix, or null for what is no id of that kind. */
export function bareId(kind: PrefixedKind, text: string): string | null {
  const prefix = prefixes[kind]
  const id = text.startsWith(prefix) ? text.slice(prefix.length).toLowerCase() : ''
  return isId(id) ? id : null
}
