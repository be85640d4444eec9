import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlots } from './slots.ts'

test('who waits gets the slot that another gives back, in turn', async () => {
  const slots = createSlots({ max: 1, waitingMax: 2, waitMsMax: 60_000 })
  const release = await slots.take()
  const order: string[] = []
  const second = slots.take().then((give) => {
    order.push('second')
    return give
  })
  const third = slots.take().then((give) => {
    order.push('third')
    return give
  })
  assert.equal(await slots.take(), null) // nobody else may wait
  release?.()
  release?.() // once only
  const giveSecond = await second
  assert.deepEqual([order, slots.taken], [['second'], 1])
  giveSecond?.()
  const giveThird = await third
  giveThird?.()
  assert.equal(slots.taken, 0)
})

test('nobody waits for ever', async () => {
  const slots = createSlots({ max: 1, waitingMax: 1, waitMsMax: 1 })
  const release = await slots.take()
  assert.equal(await slots.take(), null)
  release?.()
  assert.notEqual(await slots.take(), null)
})
