/** What may have been done: it is looked for, and told again only where it was not, or may be as before. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { changePassword } from '../mailboxes/credentials.ts'
import { transaction } from '../platform/database.ts'
import type { TestPlatform } from '../testing/test-platform.ts'
import {
  connectTool,
  createTool,
  exportedOne,
  exportTo,
  lookForChanges,
  makeMailboxes,
  rowAt,
  startSequencerPlatform,
  type Tool,
  type ToolCall,
  useTool,
  workOff,
} from '../testing/test-sequencers.ts'
import { SequencerError } from './driver.ts'
import { sequencerPolicy } from './policy.ts'

let house: TestPlatform
let tool: Tool

before(async () => {
  house = await startSequencerPlatform()
})
after(() => house[Symbol.asyncDispose]())
beforeEach(() => {
  tool = createTool()
  useTool(house.platform, tool)
})

const timesOf = (seen: readonly { name: ToolCall['name']; at: number }[], name: ToolCall['name']): number[] =>
  seen.filter((call) => call.name === name).map(({ at }) => at)

/** Notes when each call came, and has the first of a name not done, its answer lost. */
function losing(name: ToolCall['name'] | null): { name: ToolCall['name']; at: number }[] {
  const seen: { name: ToolCall['name']; at: number }[] = []
  tool.onCall = (call) => {
    seen.push({ name: call.name, at: house.platform.clock.now().getTime() })
    if (call.name === name && timesOf(seen, name).length === 1)
      throw new SequencerError('unreachable', 'No answer.', { maybeDone: true })
  }
  return seen
}

async function exportOne(): Promise<{ id: string; address: string }> {
  const [mailbox] = await makeMailboxes(house, 1)
  assert.ok(mailbox)
  const { id } = await connectTool(house, tool)
  await exportTo(house, id, [mailbox.id])
  return { id, address: mailbox.address }
}

const there = (): string[] => tool.accounts.map(({ account }) => account.address)

async function assertConnected(id: string): Promise<void> {
  const { state, uncertain, error_kind: error } = await rowAt(house, id)
  assert.deepEqual([state, uncertain, error], ['connected', false, null])
}

test('an addition that was not done is made again when it would have shown itself', async () => {
  const { id, address } = await exportOne()
  const seen = losing('add')
  await workOff(house.platform, id)
  assert.deepEqual(there(), [address])
  const [first = 0, second = 0, ...more] = timesOf(seen, 'add')
  assert.deepEqual(more, [])
  assert.ok(second - first >= sequencerPolicy.appearsMsMax, `${second - first} ms`)
  await assertConnected(id)
})

test('a look that fails is made again after a pause, and what is found is not added again', async () => {
  const { id, address } = await exportOne()
  const seen = losing(null)
  tool.faultOf = ({ name }) => {
    if (name === 'add') return 'lost'
    return name === 'find' && timesOf(seen, 'find').length < 3 ? 'upstream' : null
  }
  await workOff(house.platform, id)
  assert.deepEqual(there(), [address])
  assert.equal(timesOf(seen, 'add').length, 1)
  const finds = timesOf(seen, 'find')
  assert.equal(finds.length, 3)
  for (const [at, time] of finds.slice(1).entries()) {
    assert.ok(time - (finds[at] ?? 0) >= sequencerPolicy.uncertainPauseMs)
  }
  await assertConnected(id)
})

for (const isDone of [true, false]) {
  test(`a change whose answer is lost is told again, ${isDone ? 'done' : 'not done'} as it was`, async () => {
    const { id, mailboxId } = await exportedOne(house, tool)
    const seen = losing(isDone ? null : 'update')
    if (isDone) {
      tool.faultOf = ({ name }) => (name === 'update' && timesOf(seen, 'update').length === 1 ? 'lost' : null)
    }
    const password = 'another long enough secret'
    await transaction(house.platform.db, (tx) =>
      changePassword(house.platform, tx, house.scope, mailboxId, password),
    )
    await lookForChanges(house.platform, id)
    assert.deepEqual(
      tool.accounts.map(({ account }) => account.password),
      [password],
    )
    assert.equal(timesOf(seen, 'update').length, 2)
    await assertConnected(id)
  })
}
