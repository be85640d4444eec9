/**
 * Who may send how much: asked for every recipient outside, on every way out, before a message is taken. It answers from
 * memory, and the queue's own transaction (count.ts) has the last word: what is admitted here and does not fit there any
 * more is refused with the message. So a limit is passed by nothing; what may differ for at most two seconds is which of
 * the two refuses, where several nodes send for one sender.
 */
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Platform } from '../../platform/platform.ts'
import { findSuppression } from '../bounces/suppressions.ts'
import { deliveryPolicyOf } from '../policies.ts'
import type { ArrivalRefusal } from '../refusal.ts'
import { type LimitScope, limitRefusal, limitsOf, pauseRefusal, suppressionRefusal } from './limits.ts'
import { recipientScopeId } from './recipient-scope.ts'
import { isNewRecipient } from './sent-recipients.ts'
import { countedBy, domainsOf, memoryOf, rememberedUsages, type Usage } from './usage.ts'
import { fitsAt, slidingCount } from './windows.ts'

/**
 * Admits one recipient, and counts it as used for the moments until its message is queued.
 * @param address canonical.
 * @returns why the mailbox may not send to this address now, or null.
 */
export async function admitRecipient(
  platform: Platform,
  sender: MailboxOwner,
  address: string,
): Promise<ArrivalRefusal | null> {
  const { mailboxId, workspaceId } = sender
  const domainId = (await domainsOf(platform, platform.db, [mailboxId])).get(mailboxId)
  if (domainId === undefined) return null // purged in this moment; the queue decides
  const policy = await deliveryPolicyOf(platform, { mailboxId, domainId, workspaceId })
  const suppression = await findSuppression(platform.db, workspaceId, address)
  if (suppression !== null) return suppressionRefusal(suppression)
  const isNew = policy.mailbox_new_per_day !== null && (await isNewRecipient(platform.db, mailboxId, address))
  // Nobody's counter is asked for where there is no limit for one recipient.
  const recipientId =
    policy.mailbox_recipient_per_day === null ? mailboxId : recipientScopeId(mailboxId, address)
  const ids = [mailboxId, domainId, workspaceId, recipientId]
  const [mailbox, domain, workspace, recipient] = await rememberedUsages(platform, ids)
  if (!mailbox || !domain || !workspace || !recipient) throw new Error('usages are missing')
  const scopes = {
    mailbox: { id: mailboxId, usage: mailbox },
    domain: { id: domainId, usage: domain },
    workspace: { id: workspaceId, usage: workspace },
    recipient: { id: recipientId, usage: recipient },
  }
  // From here on nothing is waited for: two that ask at the same moment do not both get the last place.
  const refusal =
    pausedBy(scopes) ??
    overLimit(platform, scopes, limitsOf(policy, mailbox.firstSentAt, platform.clock.now()), isNew)
  if (refusal === null) {
    const { reservations } = memoryOf(platform)
    for (const id of new Set(ids)) reservations.add(id, isNew)
  }
  return refusal
}

type Scopes = Record<LimitScope, { id: string; usage: Usage }>

function pausedBy(scopes: Scopes): ArrivalRefusal | null {
  for (const scope of ['mailbox', 'domain', 'workspace'] as const) {
    const { paused } = scopes[scope].usage
    if (paused !== null) return pauseRefusal(scope, paused.reason)
  }
  return null
}

function overLimit(
  platform: Platform,
  scopes: Scopes,
  limits: ReturnType<typeof limitsOf>,
  isNew: boolean,
): ArrivalRefusal | null {
  const now = platform.clock.now()
  const { reservations } = memoryOf(platform)
  for (const limit of limits) {
    if (limit.counts === 'new_recipients' && !isNew) continue
    const { id, usage } = scopes[limit.scope]
    const { recipients, newRecipients } = reservations.of(id)
    const need = 1 + (limit.counts === 'new_recipients' ? newRecipients : recipients)
    const windows = countedBy(limit, usage)
    if (slidingCount(windows, now) + need > limit.max) {
      return limitRefusal(limit, fitsAt(windows, limit.max, 1, now))
    }
  }
  return null
}
