/** Copies of a message, of all its recipients together. */
import type { Placement } from '../commit-lane.ts'
import type { RecipientDecision } from '../inbound/arrival.ts'

/** Each folder once: two recipients may forward to the same mailbox. The first decision has the flags. */
export function uniquePlacements(decisions: readonly RecipientDecision[]): Placement[] {
  const byFolder = new Map<string, Placement>()
  for (const { placements } of decisions) {
    for (const placement of placements) {
      if (!byFolder.has(placement.folderId)) byFolder.set(placement.folderId, placement)
    }
  }
  return [...byFolder.values()]
}

/** Decisions as one. */
export function mergeDecisions(...decisions: readonly RecipientDecision[]): RecipientDecision {
  return {
    placements: uniquePlacements(decisions),
    forwards: decisions.flatMap(({ forwards }) => forwards),
    jobs: decisions.flatMap(({ jobs }) => jobs),
    events: decisions.flatMap(({ events = [] }) => events),
  }
}

export const nothing: RecipientDecision = { placements: [], forwards: [], jobs: [] }
