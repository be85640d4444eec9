/** The sequencers that mailboxes are to be at, for many at once. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../testing/count-statements.ts'
import type { TestPlatform } from '../testing/test-platform.ts'
import {
  connectTool,
  createTool,
  exportTo,
  makeMailboxes,
  startSequencerPlatform,
  useTool,
  workOff,
} from '../testing/test-sequencers.ts'
import { sequencersOf } from './sequencers-of-mailboxes.ts'

let house: TestPlatform
before(async () => (house = await startSequencerPlatform()))
after(() => house[Symbol.asyncDispose]())

test('each mailbox has those that it is to be at, by name, in one statement', async () => {
  useTool(house.platform, createTool())
  const [one, two, three] = (await makeMailboxes(house, 3)).map(({ id }) => id)
  assert.ok(one && two && three)
  const b = await connectTool(house, createTool(), { name: 'B' })
  const a = await connectTool(house, createTool(), { name: 'A' })
  await exportTo(house, b.id, [one, two])
  await exportTo(house, a.id, [one])
  await workOff(house.platform, b.id)
  const ids = [one, two, three]
  const found = await sequencersOf(house.platform.db, ids)
  assert.deepEqual(
    ids.map((id) => found.get(id)?.map(({ name, platform, state }) => `${name} ${platform} ${state}`)),
    [['A smartlead queued', 'B smartlead connected'], ['B smartlead connected'], undefined],
  )
  assert.equal(await countStatements(() => sequencersOf(house.platform.db, ids)), 1)
  assert.deepEqual(await sequencersOf(house.platform.db, []), new Map())
})
