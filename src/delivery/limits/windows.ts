/**
 * Counting over a sliding hour or day with two fixed windows of UTC: the present one, and of the one before as much as
 * the sliding window still covers, as if it had been spread evenly. So nobody sends twice the limit around midnight.
 */

export type Span = 'hour' | 'day'

export const spanMs = { hour: 3_600_000, day: 86_400_000 } as const satisfies Record<Span, number>

/** Two windows next to each other; `start` is that of the present one. */
export type Windows = { span: Span; start: Date; current: number; before: number }

export function windowStart(span: Span, at: Date): Date {
  return new Date(at.getTime() - (at.getTime() % spanMs[span]))
}

/** The same counts at a later moment: the present window may have become the one before. */
export function windowsAt(windows: Windows, now: Date): Windows {
  const { span, current } = windows
  const start = windowStart(span, now)
  const passed = Math.round((start.getTime() - windows.start.getTime()) / spanMs[span])
  if (passed <= 0) return windows
  return { span, start, current: 0, before: passed === 1 ? current : 0 }
}

/** What the sliding window ending now has; not a whole number. */
export function slidingCount(windows: Windows, now: Date): number {
  const { span, start, current, before } = windowsAt(windows, now)
  const elapsedMs = Math.min(spanMs[span], Math.max(0, now.getTime() - start.getTime()))
  return current + (before * (spanMs[span] - elapsedMs)) / spanMs[span]
}

/**
 * When `need` more fit under `max`, if nothing else is sent meanwhile.
 * @returns a moment not before `now`, to the second above; null when they never fit.
 */
export function fitsAt(windows: Windows, max: number, need: number, now: Date): Date | null {
  const room = max - need
  if (room < 0) return null
  const { span, start, current, before } = windowsAt(windows, now)
  if (current <= room) return later(now, momentOf(start, span, before, room - current))
  // Not before the present window is the one before.
  const next = new Date(start.getTime() + spanMs[span])
  return later(now, momentOf(next, span, current, room))
}

/** When of `before` no more than `room` is left. */
function momentOf(start: Date, span: Span, before: number, room: number): number {
  const share = before <= room ? 0 : 1 - room / before
  return Math.ceil((start.getTime() + share * spanMs[span]) / 1000) * 1000
}

function later(now: Date, momentMs: number): Date {
  return new Date(Math.max(now.getTime(), momentMs))
}
