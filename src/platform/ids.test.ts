import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idFloor, isId, newId, newIdAt } from './ids.ts'

test('an id is a UUIDv7 (RFC 9562 §5.7) of this moment', () => {
  const before = Date.now()
  const id = newId()
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const madeAt = Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
  assert.ok(madeAt >= before && madeAt <= Date.now() + 1)
})

test('ids rise strictly, as text and so as uuid, also many within a millisecond', () => {
  let last = ''
  for (let count = 0; count < 100_000; count++) {
    const id = newId()
    assert.ok(id > last, `${id} came after ${last}`)
    last = id
  }
})

test('an id at a moment has its time, and those of one moment rise', () => {
  const at = new Date('2015-06-07T08:09:10.123Z')
  const [first, second] = [newIdAt(at), newIdAt(at)]
  assert.ok(first >= idFloor(at) && second < idFloor(new Date(at.getTime() + 1)))
  assert.ok(isId(first) && first !== second)
  assert.ok(newIdAt(new Date(-5)).startsWith('00000000-0000-7'))
  assert.ok(isId(newIdAt(new Date(8.64e15)))) // the last moment of a Date has more than 48 bits
})

test('the random part does not repeat', () => {
  const tails = new Set(Array.from({ length: 20_000 }, () => newId().slice(19)))
  assert.equal(tails.size, 20_000)
})

test('idFloor lies below the ids of its millisecond and above those of the one before', () => {
  const floor = idFloor(new Date())
  assert.ok(isId(floor))
  assert.ok(newId() >= floor)
  const id = newId()
  const madeAt = Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
  assert.ok(id >= idFloor(new Date(madeAt)))
  assert.ok(id < idFloor(new Date(madeAt + 1)))
  assert.equal(idFloor(new Date(0)), '00000000-0000-7000-8000-000000000000')
})

const rows: [text: string, want: boolean][] = [
  ['01890a5d-ac96-774b-bcce-b302099a8057', true],
  ['01890A5D-AC96-774B-BCCE-B302099A8057', true],
  ['01890a5dac96774bbcceb302099a8057', false],
  ['{01890a5d-ac96-774b-bcce-b302099a8057}', false],
  ['01890a5d-ac96-774b-bcce-b302099a805g', false],
  ['01890a5d-ac96-774b-bcce-b302099a8057\n', false],
  ['', false],
]
for (const [text, want] of rows) {
  test(`isId(${JSON.stringify(text)}) is ${want}`, () => assert.equal(isId(text), want))
}
