/** Entries of one pattern: whatever is added or changed, each direction has at most one, and what was wished for holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changeEntry, type DirectedEntry, placeEntry, withoutDirection } from './entry-directions.ts'
import type { SenderListDirection } from './tables.ts'

const directions = ['inbound', 'outbound', 'both'] as const

const left: [of: SenderListDirection, taken: SenderListDirection, rest: SenderListDirection | null][] = [
  ['both', 'inbound', 'outbound'],
  ['both', 'outbound', 'inbound'],
  ['both', 'both', null],
  ['inbound', 'inbound', null],
  ['inbound', 'outbound', 'inbound'],
  ['outbound', 'both', null],
]
for (const [of, taken, rest] of left) {
  test(`${of} without ${taken} is ${rest ?? 'nothing'}`, () =>
    assert.equal(withoutDirection(of, taken), rest))
}

/** What holds for a direction: `allow`, `block`, with a sign for a paused one. */
function holding(entries: readonly DirectedEntry[], direction: 'inbound' | 'outbound'): string[] {
  return entries
    .filter((entry) => entry.direction === 'both' || entry.direction === direction)
    .map(({ kind, paused }) => `${paused ? '-' : ''}${kind}`)
}

const wish = fc.record({
  kind: fc.constantFrom('allow' as const, 'block' as const),
  direction: fc.constantFrom(...directions),
  paused: fc.boolean(),
})
const step = fc.record({ wish, place: fc.boolean(), keepsRest: fc.boolean(), at: fc.nat(1) })

test('each direction has one entry at most, and the last word holds for its own direction alone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      let entries: DirectedEntry[] = []
      let ids = 0
      const newId = (): string => String(ids++)
      for (const { wish: wanted, place, keepsRest, at } of steps) {
        const entry = entries[at % Math.max(1, entries.length)]
        const before = entries
        if (place || entry === undefined) {
          entries = placeEntry(entries, { ...wanted, pattern: 'a@b.example' }, newId)
        } else entries = changeEntry(entries, entry, wanted, keepsRest, newId)
        assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length)
        for (const direction of ['inbound', 'outbound'] as const) {
          const found = holding(entries, direction)
          assert.ok(found.length <= 1)
          if (withoutDirection(direction, wanted.direction) === null)
            assert.deepEqual(found, [`${wanted.paused ? '-' : ''}${wanted.kind}`])
          else if (place || keepsRest) assert.deepEqual(found, holding(before, direction))
        }
      }
    }),
  )
})
