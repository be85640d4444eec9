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

/** How it stands with what is not paid. */
export type Dunning = {
  stage: DunningStage
  /** When it is deleted; null: that has not been announced yet. */
  deletionAt: Date | null
  /** When to look again; null: it is deleted. */
  nextLookAt: Date | null
}

/**
 * What was never announced is not deleted: where a look comes late, the days of the notice begin with it.
 * @param unpaidSince the end of the last paid period.
 * @param deletionAt as it was announced; null: it was not.
 */
export function dunningAt(terms: Terms, unpaidSince: Date, deletionAt: Date | null, now: Date): Dunning {
  const { noticeAt, deleteAt } = deletionTimes(terms, unpaidSince)
  const announcedNow =
    now >= noticeAt
      ? new Date(Math.max(deleteAt.getTime(), now.getTime() + terms.delete_notice_days * dayMs))
      : null
  const announced = deletionAt ?? announcedNow
  if (announced !== null && now >= announced)
    return { stage: 'deleted', deletionAt: announced, nextLookAt: null }
  const isGrace = now.getTime() - unpaidSince.getTime() < terms.suspend_after_days * dayMs
  const stage = isGrace ? 'grace' : 'suspended'
  const looks = [nextLook(terms, unpaidSince, now), announced].filter((at) => at !== null && at > now)
  return { stage, deletionAt: announced, nextLookAt: looks.sort((a, b) => Number(a) - Number(b))[0] ?? null }
}

/** When its deletion is announced, and when it is deleted. */
function deletionTimes(terms: Terms, unpaidSince: Date): { noticeAt: Date; deleteAt: Date } {
  const deleteAt = unpaidSince.getTime() + terms.delete_after_days * dayMs
  const noticeAt = Math.max(unpaidSince.getTime(), deleteAt - terms.delete_notice_days * dayMs)
  return { noticeAt: new Date(noticeAt), deleteAt: new Date(deleteAt) }
}

/**
 * The next try, stage or notice, whichever is first; null: none is left. Money that comes before is used at once
 * (`billing.settle`).
 */
function nextLook(terms: Terms, unpaidSince: Date, now: Date): Date | null {
  const { noticeAt, deleteAt } = deletionTimes(terms, unpaidSince)
  const suspendAt = unpaidSince.getTime() + terms.suspend_after_days * dayMs
  const tries = terms.retry_hours.map((hours) => unpaidSince.getTime() + hours * hourMs)
  const times = [...tries, suspendAt, noticeAt.getTime(), deleteAt.getTime()]
  const later = times.filter((time) => time > now.getTime())
  return later.length === 0 ? null : new Date(Math.min(...later))
}
