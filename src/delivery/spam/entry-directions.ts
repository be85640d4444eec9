/**
 * The entries of one list for one pattern, at most one for each direction: what a new or changed entry takes from the
 * others. Pure; sender-list-changes.ts writes what comes out.
 */
import type { SenderListDirection, SenderListKind } from './tables.ts'

export type DirectedEntry = {
  id: string
  kind: SenderListKind
  pattern: string
  direction: SenderListDirection
  paused: boolean
}

export type EntryWish = Omit<DirectedEntry, 'id'>

/** What is left of a direction when another entry takes some of it; null: nothing. */
export function withoutDirection(
  direction: SenderListDirection,
  taken: SenderListDirection,
): SenderListDirection | null {
  if (taken === 'both' || taken === direction) return null
  if (direction === 'both') return taken === 'inbound' ? 'outbound' : 'inbound'
  return direction
}

/**
 * Puts an entry among those of its pattern. One that is there for the same direction, or a part of it, becomes it and
 * keeps its id; what is there for more keeps the rest.
 * @returns all entries of the pattern after that, the one that was wished for first.
 */
export function placeEntry(
  entries: readonly DirectedEntry[],
  wish: EntryWish,
  newId: () => string,
): DirectedEntry[] {
  const same = entries.find(
    (entry) =>
      withoutDirection(entry.direction, wish.direction) === null ||
      (entry.direction === 'both' && entry.kind === wish.kind && entry.paused === wish.paused),
  )
  const isCovered = same?.direction === 'both' && same.kind === wish.kind && same.paused === wish.paused
  const direction = isCovered ? 'both' : wish.direction
  const own = { ...wish, direction, id: same?.id ?? newId() }
  return [own, ...othersWithout(entries, own)]
}

export type EntryChange = Partial<Omit<EntryWish, 'pattern'>>

/**
 * Changes an entry; what other entries have of its new direction is taken from them.
 * @param keepsRest whether what was of its former direction alone goes on as it was, as an entry of its own.
 * @returns all entries of the pattern after that, the changed one first.
 */
export function changeEntry(
  entries: readonly DirectedEntry[],
  entry: DirectedEntry,
  change: EntryChange,
  keepsRest: boolean,
  newId: () => string,
): DirectedEntry[] {
  const changed = { ...entry, ...change }
  const rest = keepsRest ? withoutDirection(entry.direction, changed.direction) : null
  const others = othersWithout(entries, changed)
  return [changed, ...others, ...(rest === null ? [] : [{ ...entry, direction: rest, id: newId() }])]
}

function othersWithout(entries: readonly DirectedEntry[], own: DirectedEntry): DirectedEntry[] {
  return entries
    .filter(({ id }) => id !== own.id)
    .flatMap((entry) => {
      const direction = withoutDirection(entry.direction, own.direction)
      return direction === null ? [] : [{ ...entry, direction }]
    })
}
