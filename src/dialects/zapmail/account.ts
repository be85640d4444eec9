/** The person whose account this API means: who is logged in, or for a key the owner of the organization. */
import { findOwner } from '../../accounts/members.ts'
import { findUser } from '../../accounts/users.ts'
import { billingDetailsOf } from '../../billing/billing-details.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import type { Platform } from '../../platform/platform.ts'
import { shownEmail } from '../shown-email.ts'

export type Account = { id: string; email: string; firstName: string; lastName: string }

/** Who is bound to a workspace does not see the organization's people: a key is its own account then. */
export async function accountOf(platform: Platform, { principal, scope }: Caller): Promise<Account> {
  const person =
    principal.userId !== null
      ? await findUser(platform.db, principal.userId)
      : principal.workspaceId === null && principal.mailboxId === null
        ? await findOwner(platform, principal)
        : null
  const details = await billingDetailsOf(platform.db, scope.workspaceId)
  return {
    id: person?.id ?? principal.id,
    email: shownEmail([person?.email, details.email]),
    ...namesOf(person?.name ?? details.name ?? ''),
  }
}

/** A name in two: what is behind the last space is the last name. */
export function namesOf(name: string): { firstName: string; lastName: string } {
  const [, firstName = '', lastName = ''] = /^(.*?)(?:\s+(\S+))?$/su.exec(name.trim()) ?? []
  return { firstName, lastName }
}
