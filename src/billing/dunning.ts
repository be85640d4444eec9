/**
 * Dunning: what becomes of a mailbox or a plan whose next period is not paid. It is tried again by the operator's
 * schedule, works on for some days, is then suspended, and in the end deleted, as was announced. Pure rules; who has a
 * period applies them.
 */
import type { BillingSettings } from './settings.ts'

type Terms = Pick<
  BillingSettings,
  'retry_hours' | 'suspend_after_days' | 'delete_after_days' | 'delete_notice_days'
>

export type DunningStage = 'grace' | 'suspended' | 'deleted'

const hourMs = 3600_000
const dayMs = 24 * hourMs

/** @param unpaidSince the end of the last paid period. */
export function dunningStage(terms: Terms, unpaidSince: Date, now: Date): DunningStage {
  const agoMs = now.getTime() - unpaidSince.getTime()
  if (agoMs >= terms.delete_after_days * dayMs) return 'deleted'
  return agoMs >= terms.suspend_after_days * dayMs ? 'suspended' : 'grace'
}

/** When its deletion is announced, and when it is deleted. */
export function deletionTimes(terms: Terms, unpaidSince: Date): { noticeAt: Date; deleteAt: Date } {
  const deleteAt = unpaidSince.getTime() + terms.delete_after_days * dayMs
  const noticeAt = Math.max(unpaidSince.getTime(), deleteAt - terms.delete_notice_days * dayMs)
  return { noticeAt: new Date(noticeAt), deleteAt: new Date(deleteAt) }
}

/**
 * When to look at it again: the next try, or the next stage or notice, whichever is first. Money that comes before is
 * used at once (`billing.settle`).
 * @returns null when it is past its deletion.
 */
export function nextLook(terms: Terms, unpaidSince: Date, now: Date): Date | null {
  const { noticeAt, deleteAt } = deletionTimes(terms, unpaidSince)
  const suspendAt = unpaidSince.getTime() + terms.suspend_after_days * dayMs
  const tries = terms.retry_hours.map((hours) => unpaidSince.getTime() + hours * hourMs)
  const times = [...tries, suspendAt, noticeAt.getTime(), deleteAt.getTime()]
  const later = times.filter((time) => time > now.getTime())
  return later.length === 0 ? null : new Date(Math.min(...later))
}
