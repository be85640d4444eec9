/**
 * Timelines: the prices of one thing, one behind the other, so that at no moment there are two. Pure rules; who keeps
 * prices applies them. Times are in milliseconds since 1970; a span begins at `from` and is over at `until`.
 */

export type Span = { id: string; from: number /** null: it goes on. */; until: number | null }

export type Placement = {
  /** When the new span is over: what was wanted, or when the next one begins. */
  until: number | null
  /** The span that it ends. */
  cut: { id: string; until: number } | null
  /** What goes on, after the new span, of the one that it has interrupted. */
  resume: { id: string; from: number; until: number | null } | null
}

/**
 * Puts a span into a timeline: it ends the one that holds when it begins. One without an end of its own ends when the
 * next one begins; after one that has an end, the interrupted one goes on.
 * @returns null where it would begin with another, or reach into a later one.
 */
export function placeSpan(spans: readonly Span[], wanted: Omit<Span, 'id'>): Placement | null {
  const { from } = wanted
  const later = spans.filter((span) => span.from >= from)
  const nextFrom = later.length === 0 ? null : Math.min(...later.map((span) => span.from))
  if (nextFrom === from) return null
  if (wanted.until !== null && nextFrom !== null && wanted.until > nextFrom) return null
  const until = wanted.until ?? nextFrom
  const before = spanAt(spans, from)
  if (before === null) return { until, cut: null, resume: null }
  const isInterrupted = until !== null && (before.until === null || before.until > until)
  return {
    until,
    cut: { id: before.id, until: from },
    resume: isInterrupted ? { id: before.id, from: until, until: before.until } : null,
  }
}

/** Takes a span away: the one that ended where it began goes on in its place. @returns that one, with its new end. */
export function spanToExtend(
  spans: readonly Span[],
  removed: Span,
): { id: string; until: number | null } | null {
  const before = spans.find((span) => span.until === removed.from)
  return before === undefined ? null : { id: before.id, until: removed.until }
}

export function spanAt(spans: readonly Span[], at: number): Span | null {
  return spans.find(({ from, until }) => from <= at && (until === null || until > at)) ?? null
}
