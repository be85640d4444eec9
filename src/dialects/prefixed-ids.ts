/** Ids with a prefix that says what they are of: the id behind it is ours, so that each survives a round trip. */
import { isId } from '../platform/ids.ts'

export type PrefixedIds<Kind extends string> = {
  /** Ours in the vendor's form. */
  prefixedId(kind: Kind, id: string): string
  /** @returns the id behind the prefix, or null for what is no id of that kind. */
  bareId(kind: Kind, text: string): string | null
}

/** @param prefixes of each kind. */
export function prefixedIds<Kind extends string>(
  prefixes: Readonly<Record<Kind, string>>,
): PrefixedIds<Kind> {
  return {
    prefixedId: (kind, id) => prefixes[kind] + id,
    bareId(kind, text) {
      const prefix = prefixes[kind]
      const id = text.startsWith(prefix) ? text.slice(prefix.length).toLowerCase() : ''
      return isId(id) ? id : null
    },
  }
}
