/** Looks at domains as the whole program does them: with what they lead to on the floors above. */
import { type ChecksDone, checkDueDomains } from '../domains/checks/due.ts'
import type { LookHooks } from '../domains/checks/settle.ts'
import { lookHooks } from '../mailboxes/domain-activation.ts'
import type { Platform } from '../platform/platform.ts'

export const allHooks: LookHooks = lookHooks

/** Looks at every domain that is due. */
export function lookAtDueDomains(platform: Platform): Promise<ChecksDone> {
  return checkDueDomains(platform, lookHooks)
}
