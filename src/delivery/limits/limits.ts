/** Which limits a sender has, and what a refusal by one of them says. */

import type { DeliveryPolicy } from '../policies.ts'
import type { ArrivalRefusal } from '../refusal.ts'
import type { SendingScope } from './tables.ts'
import { type Span, spanMs } from './windows.ts'

export type LimitName =
  | 'mailbox_per_hour'
  | 'mailbox_per_day'
  | 'mailbox_new_per_day'
  | 'mailbox_recipient_per_day'
  | 'ramp_up'
  | 'domain_per_hour'
  | 'domain_per_day'
  | 'workspace_per_hour'
  | 'workspace_per_day'

/** Whose counter: `recipient` is one mailbox's for one address. */
export type LimitScope = SendingScope | 'recipient'

export type Limit = {
  name: LimitName
  scope: LimitScope
  span: Span
  counts: 'recipients' | 'new_recipients'
  max: number
}

const table = [
  { name: 'mailbox_per_hour', scope: 'mailbox', span: 'hour', counts: 'recipients' },
  { name: 'mailbox_per_day', scope: 'mailbox', span: 'day', counts: 'recipients' },
  { name: 'mailbox_new_per_day', scope: 'mailbox', span: 'day', counts: 'new_recipients' },
  { name: 'mailbox_recipient_per_day', scope: 'recipient', span: 'day', counts: 'recipients' },
  { name: 'domain_per_hour', scope: 'domain', span: 'hour', counts: 'recipients' },
  { name: 'domain_per_day', scope: 'domain', span: 'day', counts: 'recipients' },
  { name: 'workspace_per_hour', scope: 'workspace', span: 'hour', counts: 'recipients' },
  { name: 'workspace_per_day', scope: 'workspace', span: 'day', counts: 'recipients' },
] as const satisfies readonly Omit<Limit, 'max'>[]

/**
 * The limits that hold for what a mailbox sends now. While the ramp-up allows less than the limit of a day, it stands in
 * that limit's place.
 * @param firstSentAt of the mailbox; null when it never sent.
 */
export function limitsOf(policy: DeliveryPolicy, firstSentAt: Date | null, now: Date): Limit[] {
  const rampUp = rampUpOf(policy, firstSentAt, now)
  return table.flatMap((row): Limit[] => {
    const max = policy[row.name]
    if (row.name === 'mailbox_per_day' && rampUp !== null)
      return [{ ...row, name: 'ramp_up', max: rampUp.max }]
    return max === null ? [] : [{ ...row, max }]
  })
}

/**
 * The ramp-up: on day n after a mailbox's first sending it may reach `ramp_up_start * (1 + ramp_up_percent / 100)^n`
 * recipients, rounded down.
 * @returns null without one, or when it has reached the limit of a day.
 */
export function rampUpOf(
  policy: DeliveryPolicy,
  firstSentAt: Date | null,
  now: Date,
): { day: number; max: number } | null {
  const { ramp_up_start: start, ramp_up_percent: percent, mailbox_per_day: perDay } = policy
  if (start === null) return null
  const day = firstSentAt === null ? 0 : Math.floor((now.getTime() - firstSentAt.getTime()) / spanMs.day)
  const max = Math.floor(start * (1 + percent / 100) ** Math.max(0, day))
  return max < Math.min(perDay ?? rampUpEnd, rampUpEnd) ? { day: Math.max(0, day), max } : null
}

/** Where nobody set a limit of a day, the ramp-up ends all the same. */
const rampUpEnd = 1e7

const subjects = {
  mailbox_per_hour: 'The mailbox may send to MAX in an hour',
  mailbox_per_day: 'The mailbox may send to MAX in a day',
  mailbox_new_per_day: 'The mailbox may write to MAX that are new to it in a day',
  mailbox_recipient_per_day: 'The mailbox may send MAX to the same recipient in a day',
  ramp_up: 'The mailbox is new and may send to MAX in a day for now',
  domain_per_hour: 'The domain may send to MAX in an hour',
  domain_per_day: 'The domain may send to MAX in a day',
  workspace_per_hour: 'The workspace may send to MAX in an hour',
  workspace_per_day: 'The workspace may send to MAX in a day',
} as const satisfies Record<LimitName, string>

/** @param freeAt when it would be taken; null is not under this limit. */
export function limitRefusal(limit: Limit, freeAt: Date | null): ArrivalRefusal {
  const unit = limit.scope === 'recipient' ? 'message' : 'recipient'
  const what = subjects[limit.name].replace('MAX', `${limit.max} ${unit}${limit.max === 1 ? '' : 's'}`)
  const when =
    freeAt === null ? 'this is more' : `come again at ${freeAt.toISOString().replace(/\.\d+Z$/, 'Z')}`
  return { kind: 'refused', code: 452, enhanced: '4.7.1', text: `${what}; ${when}` }
}

export function pauseRefusal(scope: SendingScope, reason: string): ArrivalRefusal {
  return {
    kind: 'refused',
    code: 450,
    enhanced: '4.7.1',
    text: `Sending is paused for this ${scope}: ${onOneLine(reason)}`,
  }
}

export function suppressionRefusal({ reason, since }: { reason: string; since: Date }): ArrivalRefusal {
  const day = since.toISOString().slice(0, 10)
  return {
    kind: 'refused',
    code: 550,
    enhanced: '5.7.1',
    text: `The address is suppressed since ${day} (${onOneLine(reason)})`,
  }
}

// RFC 5321 §4.2: textstring. What people wrote, and what other servers said, may have anything in it.
const replyTextMax = 300

function onOneLine(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, replyTextMax)
}
