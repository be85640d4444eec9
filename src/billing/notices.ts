/** When the renewal of a period is announced: some days before its end, each time once. A pure rule. */

const dayMs = 24 * 3600_000

export type Announced = {
  startsAt: Date
  endsAt: Date /** The fewest days that were announced. */
  noticedDays: number | null
}

/**
 * @param noticeDays the operator's, in days before the end. Those that lie before the period's start are left out.
 * @returns `days`: what is to be announced now, the nearest where several were missed; `nextAt`: when it is next.
 */
export function noticeOf(
  noticeDays: readonly number[],
  { startsAt, endsAt, noticedDays }: Announced,
  now: Date,
): { days: number | null; nextAt: Date | null } {
  const open = noticeDays
    .map((days) => ({ days, at: endsAt.getTime() - days * dayMs }))
    .filter(({ days, at }) => at > startsAt.getTime() && (noticedDays === null || days < noticedDays))
  const due = open.filter(({ at }) => at <= now.getTime())
  const later = open.filter(({ at }) => at > now.getTime())
  return {
    days: due.length === 0 ? null : Math.min(...due.map(({ days }) => days)),
    nextAt: later.length === 0 ? null : new Date(Math.min(...later.map(({ at }) => at))),
  }
}
