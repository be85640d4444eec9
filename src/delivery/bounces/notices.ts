/** Of what a sender is told, and when (RFC 3461 §4.1, §5.2). */
import type { Selectable } from 'kysely'
import type { OutboundRecipientsTable, StepDetail } from '../outbound/tables.ts'
import type { DsnKind } from './dsn-report.ts'

/** A recipient with what is known of the last attempt. */
export type NotifiedRecipient = Pick<
  Selectable<OutboundRecipientsTable>,
  | 'id'
  | 'rcpt_to'
  | 'state'
  | 'notify'
  | 'orcpt'
  | 'delay_notified'
  | 'notified_outcome'
  | 'last_reply'
  | 'last_class'
  | 'expires_at'
> & {
  last_attempt_at: Date | null
  last_detail: StepDetail | null
}

/** A message that waits so long is worth a word. */
export const delayNoticeMs = 4 * 3600 * 1000

/**
 * @param queueLifetimeMs how long delivery is tried: so long before `expires_at` the message was due for the first time.
 * @returns what the sender is to hear of a recipient now, or null.
 */
export function noticeFor(recipient: NotifiedRecipient, now: Date, queueLifetimeMs: number): DsnKind | null {
  const { state, notified_outcome: told, delay_notified: delayTold } = recipient
  if (state === 'bounced') return told === null && wants(recipient, 'failure') ? 'failed' : null
  if (state === 'delivered') {
    // A server that took over NOTIFY tells the sender by itself.
    const isPassedOn = recipient.last_detail?.dsn === 'passed'
    return told === null && !isPassedOn && wants(recipient, 'success') ? 'relayed' : null
  }
  if (state !== 'queued' && state !== 'sending') return null
  const waitedMs = now.getTime() - (recipient.expires_at.getTime() - queueLifetimeMs)
  const isTried = recipient.last_reply !== null
  return isTried && waitedMs >= delayNoticeMs && !delayTold && wants(recipient, 'delay') ? 'delayed' : null
}

/** Who said nothing hears of failures and of delays. */
function wants({ notify }: NotifiedRecipient, what: 'success' | 'failure' | 'delay'): boolean {
  if (notify === null) return what !== 'success'
  return notify
    .toLowerCase()
    .split(',')
    .some((word) => word.trim() === what)
}
