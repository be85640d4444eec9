/** What stands beside mailboxes, for many at once. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../platform/ids.ts'
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
import { neighboursOf, pageMailboxesWithNeighbours } from './mailbox-neighbours.ts'

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
  const { db } = house.platform
  const page = () => pageMailboxesWithNeighbours(db, house.scope, {}, { number: 1, size: 10 })
  const { rows } = await page()
  const found = new Map(rows.map((row) => [row.id, row]))
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
  assert.deepEqual(
    rows.map(({ id }) => id),
    ids.toReversed(),
    'the newest first',
  )
  assert.equal(await countStatements(page), 1)
  for (const { id, domainState, targets, sequencers } of rows)
    assert.deepEqual(await neighboursOf(db, id), { domainState, targets, sequencers })
  assert.equal(await neighboursOf(db, newId()), null)
})
