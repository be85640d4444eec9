/** Places among arriving messages, as callers send them back: whatever comes is one of ours or refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../../platform/errors.ts'
import { idFloor, newId, newIdAt } from '../../platform/ids.ts'
import {
  decodePlace,
  encodePlace,
  momentOfId,
  placeAt,
  placeBehind,
  placeCharsMax,
} from './arrival-cursor.ts'

test('properties: a place reads back as it was, is bounded, and never goes back', () => {
  const step = fc.record({ afterMs: fc.nat(60_000), isFound: fc.boolean(), lateMs: fc.nat(20_000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let nowMs = Date.UTC(2026, 2, 1)
      let place = placeAt(new Date(nowMs))
      for (const { afterMs, isFound, lateMs } of steps) {
        nowMs += afterMs
        const told = isFound ? { bodyId: newId(), id: newIdAt(new Date(nowMs - lateMs)) } : null
        const next = placeBehind(place, new Date(nowMs), told)
        assert.ok(next.fromId >= place.fromId)
        // What was told of is behind the place or named in it.
        for (const one of [...place.told, ...(told === null ? [] : [told])]) {
          assert.ok(next.told.includes(one) || one.id < next.fromId)
        }
        assert.ok(encodePlace(next).length <= placeCharsMax)
        assert.deepEqual(decodePlace(encodePlace(next)), next)
        place = next
      }
    }),
  )
})

test('many messages of one moment: each is told of once, one after the other', () => {
  const at = new Date(Date.UTC(2026, 2, 1))
  const messages = Array.from({ length: 200 }, () => ({ id: newIdAt(at), bodyId: newId() }))
  const inOrder = messages.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const bodies: string[] = []
  for (let place = placeAt(at); ; ) {
    const { fromId, told } = place
    const had = told.map(({ bodyId }) => bodyId)
    const next = inOrder.find(({ id, bodyId }) => id >= fromId && !had.includes(bodyId))
    if (next === undefined) break
    bodies.push(next.bodyId)
    place = decodePlace(encodePlace(placeBehind(place, new Date(), next)))
  }
  assert.deepEqual(
    bodies,
    inOrder.map(({ bodyId }) => bodyId),
  )
})

test('properties: what is no place is refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uuid()), (text) => {
      assert.throws(() => decodePlace(text), Refusal)
    }),
  )
})

test('the moment in an id', () => {
  const at = new Date('2026-03-01T12:00:00.123Z')
  assert.equal(momentOfId(idFloor(at)), at.getTime())
})
