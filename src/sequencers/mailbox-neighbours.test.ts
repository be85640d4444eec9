/** What stands beside mailboxes, for many at once. */
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
import { neighboursOf } from './mailbox-neighbours.ts'

let house: TestPlatform
before(async () => (house = await startSequencerPlatform()))
after(() => house[Symbol.asyncDispose]())

test('each mailbox has the sequencers that it is to be at, by name, where it forwards and its domain, in one statement', async () => {
  useTool(house.platform, createTool())
  const [one, two, three] = (await makeMailboxes(house, 3)).map(({ id }) => id)
  assert.ok(one && two && three)
  const b = await connectTool(house, createTool(), { name: 'B' })
  const a = await connectTool(house, createTool(), { name: 'A' })
  await exportTo(house, b.id, [one, two])
  await exportTo(house, a.id, [one])
  await workOff(house.platform, b.id)
  const ids = [one, two, three]
  await house.platform.db
    .insertInto('mailbox_forwards')
    .values({ mailbox_id: two, target: 'x@demo.test', keep_copy: true, created_at: new Date() })
    .execute()
  const found = await neighboursOf(house.platform.db, ids)
  assert.deepEqual(
    ids.map((id) =>
      found.get(id)?.sequencers.map(({ name, platform, state }) => `${name} ${platform} ${state}`),
    ),
    [['A smartlead queued', 'B smartlead connected'], ['B smartlead connected'], []],
  )
  assert.deepEqual(
    ids.map((id) => [found.get(id)?.domainState, found.get(id)?.targets]),
    [
      ['active', []],
      ['active', ['x@demo.test']],
      ['active', []],
    ],
  )
  assert.equal(await countStatements(() => neighboursOf(house.platform.db, ids)), 1)
  assert.deepEqual(await neighboursOf(house.platform.db, []), new Map())
})
