/** What a mailbox is called when the names of its person change. */
import type { Mailbox } from './tables.ts'

type Named = Pick<Mailbox, 'first_name' | 'last_name' | 'display_name'>
type NameChanges = { firstName: string | null; lastName: string | null; displayName?: string | null }

/** What mail says the author is called follows the names, unless somebody has given it another text. A name left out stays. */
export function namesChanged(before: Named, names: { first?: string; last?: string }): NameChanges {
  const first = names.first ?? before.first_name ?? ''
  const last = names.last ?? before.last_name ?? ''
  const followed = fullName(before.first_name ?? '', before.last_name ?? '')
  const follows = before.display_name === null || before.display_name === followed
  return {
    firstName: first || null,
    lastName: last || null,
    ...(follows ? { displayName: fullName(first, last) } : {}),
  }
}

/** Null: there is none. */
export function fullName(first: string, last: string): string | null {
  return `${first} ${last}`.trim() || null
}
