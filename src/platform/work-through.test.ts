import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Platform } from './platform.ts'
import { type DueSet, workThrough } from './work-through.ts'

function rowsOf(count: number, broken: readonly string[]) {
  const open = new Set(Array.from({ length: count }, (_, index) => `row ${index}`))
  const logged: unknown[] = []
  const platform = {
    log: { error: (record: { id: unknown }) => logged.push(record.id) },
  } as unknown as Platform
  const work = async ({ limit, except, taken }: DueSet): Promise<number> => {
    const some = [...open].filter((row) => !except.includes(row)).slice(0, limit)
    taken(some)
    const bad = some.find((row) => broken.includes(row))
    if (bad !== undefined) throw new Error(`${bad} is broken`)
    for (const row of some) open.delete(row)
    return some.length
  }
  return { open, logged, platform, work }
}

test('a row that is broken does not keep the others from their turn', async () => {
  const bad = ['row 3', 'row 500', 'row 2500']
  const { open, logged, platform, work } = rowsOf(3000, bad)
  await assert.rejects(workThrough(platform, 'rows.failed', 1000, work), /row 3 is broken/)
  assert.deepEqual([...open], bad)
  assert.deepEqual(logged, bad)
})

test('what is no row’s fault ends the run', async () => {
  const { platform } = rowsOf(0, [])
  let calls = 0
  const work = async (): Promise<number> => {
    calls++
    throw new Error('the database is gone')
  }
  await assert.rejects(workThrough(platform, 'rows.failed', 1000, work), /the database is gone/)
  assert.equal(calls, 1)
})

test('without a broken row every set is whole', async () => {
  const { open, platform, work } = rowsOf(2500, [])
  const sizes: number[] = []
  await workThrough(platform, 'rows.failed', 1000, async (set) => {
    const done = await work(set)
    sizes.push(done)
    return done
  })
  assert.equal(open.size, 0)
  assert.deepEqual(sizes, [1000, 1000, 500, 0])
})
