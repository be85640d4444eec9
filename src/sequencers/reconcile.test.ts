import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { changePassword } from '../mailboxes/credentials.ts'
import { deleteMailbox, suspendMailbox } from '../mailboxes/mailboxes.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { randomNumbers } from '../testing/random-numbers.ts'
import { at } from '../testing/test-api.ts'
import { openSecondNode } from '../testing/test-node.ts'
import type { TestPlatform } from '../testing/test-platform.ts'
import {
  accountLike,
  connectTool,
  createTool,
  exportedOne,
  exportTo,
  lookForChanges,
  makeMailboxes,
  publicPorts,
  rowAt,
  rowsAt,
  startSequencerPlatform,
  type Tool,
  useTool,
  workOff,
} from '../testing/test-sequencers.ts'
import { updateSequencer } from './connections.ts'
import { SequencerError } from './driver.ts'
import { getExport, listExportItems } from './export-pages.ts'
import type { SequencerSettings } from './platforms.ts'
import { deleteSequencer, removeFromSequencer } from './removal.ts'
import type { SequencerMailbox } from './rows.ts'
import { reconcileSequencer } from './runner.ts'

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

const change = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => transaction(house.platform.db, work)

const there = (): string[] => tool.accounts.map(({ account }) => account.address).sort()

const callsOf = (name: string): number => tool.calls.filter((call) => call.name === name).length

async function eventsOf(id: string): Promise<string[]> {
  const events = await house.platform.db.selectFrom('events').select(['type', 'data']).orderBy('id').execute()
  return events.filter(({ data }) => at(data, 'sequencer_id') === id).map(({ type }) => type)
}

const oneThere = (settings?: SequencerSettings) => exportedOne(house, tool, settings)

const rows = (id: string): Promise<SequencerMailbox[]> => rowsAt(house, id)

const row = (id: string): Promise<SequencerMailbox> => rowAt(house, id)

for (const [name, mailboxes, seeds] of [
  ['thirty', 30, [1, 2, 3]],
  ['three hundred', 300, [6]],
] as const) {
  test(`${name} mailboxes are there once each, though calls fail and answers are lost`, async () => {
    for (const seed of seeds) {
      const random = randomNumbers(seed)
      tool = createTool()
      useTool(house.platform, tool)
      tool.faultOf = ({ name: call }) => {
        if (call === 'check' || call === 'list') return null
        const drawn = random(100)
        return drawn < 10 ? 'upstream' : drawn < 15 ? 'lost' : null
      }
      const wanted = await makeMailboxes(house, mailboxes)
      const { id } = await connectTool(house, tool)
      const { id: exportId } = await exportTo(
        house,
        id,
        wanted.map(({ address }) => address),
      )
      await workOff(house.platform, id)
      assert.deepEqual(there(), wanted.map(({ address }) => address).sort(), `seed ${seed}`)
      const { state, done, waiting } = await getExport(house.platform, house.scope, exportId)
      assert.deepEqual({ state, done, waiting }, { state: 'completed', done: mailboxes, waiting: 0 })
      assert.ok((await rows(id)).every((one) => one.state === 'connected' && !one.uncertain))
      const told = await eventsOf(id)
      assert.equal(told.filter((type) => type === 'sequencer.mailbox_connected').length, mailboxes)
      assert.equal(told.filter((type) => type === 'export.completed').length, 1)
    }
  })
}

test('two nodes at the same connection add nothing twice', async () => {
  await using stack = new AsyncDisposableStack()
  const second = await openSecondNode(stack, house, publicPorts)
  useTool(second, tool)
  tool.onCall = () => new Promise((resolve) => setTimeout(resolve, 2))
  const wanted = await makeMailboxes(house, 40)
  const { id } = await connectTool(house, tool)
  await exportTo(
    house,
    id,
    wanted.map(({ id: mailbox }) => mailbox),
  )
  await Promise.all([reconcileSequencer(house.platform, id), reconcileSequencer(second, id)])
  await workOff(house.platform, id)
  assert.deepEqual(there(), wanted.map(({ address }) => address).sort())
  assert.equal(callsOf('add'), 40)
})

test('an end between an addition and its note is found, and adds nothing twice', async () => {
  const wanted = await makeMailboxes(house, 3)
  const { id } = await connectTool(house, tool)
  await exportTo(
    house,
    id,
    wanted.map(({ id: mailbox }) => mailbox),
  )
  const [first] = wanted
  let ended = false
  tool.onCall = ({ name, address }) => {
    if (name !== 'add' || ended) return
    ended = true
    tool.accounts.push({
      id: 'made-by-the-lost-run',
      account: accountLike(address ?? ''),
      status: 'connected',
    })
    throw new Error('the node ends here')
  }
  await reconcileSequencer(house.platform, id)
  assert.ok(first)
  await workOff(house.platform, id)
  assert.deepEqual(there(), wanted.map(({ address }) => address).sort())
  assert.ok((await rows(id)).some(({ remote_id: remote }) => remote === 'made-by-the-lost-run'))
})

test('what is there before is taken for ours, and nothing is added', async () => {
  const [mailbox] = await makeMailboxes(house, 1)
  assert.ok(mailbox)
  tool.accounts.push({ id: 'by-hand', account: accountLike(mailbox.address), status: 'connected' })
  const { id } = await connectTool(house, tool)
  await exportTo(house, id, [mailbox.id])
  await workOff(house.platform, id)
  assert.equal(callsOf('add'), 0)
  assert.equal((await row(id)).remote_id, 'by-hand')
  assert.equal((await row(id)).state, 'connected')
})

test('a duplicate that the list did not show is taken for ours', async () => {
  const [mailbox] = await makeMailboxes(house, 1)
  assert.ok(mailbox)
  const { id } = await connectTool(house, tool)
  await exportTo(house, id, [mailbox.id])
  tool.faultOf = ({ name }) => {
    if (name !== 'add') return null
    tool.accounts.push({ id: 'hidden', account: accountLike(mailbox.address), status: 'connected' })
    return 'duplicate'
  }
  await workOff(house.platform, id)
  assert.equal((await row(id)).remote_id, 'hidden')
})

test('a second export passes over what is there just so', async () => {
  const { id, mailboxId } = await oneThere()
  const again = await exportTo(house, id, [mailboxId])
  assert.equal(again.state, 'completed')
  assert.equal((await getExport(house.platform, house.scope, again.id)).skipped, 1)
  await workOff(house.platform, id)
  assert.equal(callsOf('add'), 1)
})

test('a key that is refused stops the connection, and another one goes on at once', async () => {
  const wanted = await makeMailboxes(house, 12)
  const { id } = await connectTool(house, tool)
  const refs = wanted.map(({ id: mailbox }) => mailbox)
  const { id: exportId } = await exportTo(house, id, refs)
  tool.key = 'another-key'
  await reconcileSequencer(house.platform, id)
  await reconcileSequencer(house.platform, id)
  const stopped = await house.platform.db
    .selectFrom('sequencers')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.deepEqual(
    [stopped.state, stopped.error_kind, stopped.last_error],
    ['failing', 'bad_key', 'Invalid API key'],
  )
  assert.equal(tool.calls.length, 1, 'it is left alone')
  assert.equal((await getExport(house.platform, house.scope, exportId)).waiting, 12)
  assert.ok((await rows(id)).every(({ attempts }) => attempts === 0))
  await change((tx) => updateSequencer(house.platform, tx, house.scope, id, { key: 'another-key' }))
  await workOff(house.platform, id)
  assert.equal((await getExport(house.platform, house.scope, exportId)).done, 12)
  assert.deepEqual(
    (await eventsOf(id)).filter((type) => /^sequencer\.(failed|recovered)/.test(type)),
    ['sequencer.failed', 'sequencer.recovered'],
  )
})

test('a sequencer that is asked too often is left alone for as long as it says', async () => {
  const wanted = await makeMailboxes(house, 5)
  const { id } = await connectTool(house, tool)
  await exportTo(
    house,
    id,
    wanted.map(({ id: mailbox }) => mailbox),
  )
  let refused = 0
  tool.onCall = ({ name }) => {
    if (name === 'add' && ++refused === 3)
      throw new SequencerError('rate_limited', 'Slow down.', { retryAfterMs: 120_000 })
  }
  await reconcileSequencer(house.platform, id)
  const calls = tool.calls.length
  await reconcileSequencer(house.platform, id)
  assert.equal(tool.calls.length, calls)
  const { state, retry_at: retryAt } = await house.platform.db
    .selectFrom('sequencers')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.equal(state, 'working')
  assert.ok((retryAt?.getTime() ?? 0) > house.platform.clock.now().getTime() + 100_000)
  await workOff(house.platform, id)
  assert.deepEqual(there(), wanted.map(({ address }) => address).sort())
})

test('what is refused for good has failed with the sequencer’s words, until it is changed', async () => {
  const [bad, good] = await makeMailboxes(house, 2)
  assert.ok(bad && good)
  const { id } = await connectTool(house, tool)
  const { id: exportId } = await exportTo(house, id, [bad.id, good.id])
  tool.faultOf = ({ name, address }) => (name === 'add' && address === bad.address ? 'connect_failed' : null)
  await workOff(house.platform, id)
  const page = await listExportItems(
    house.platform,
    house.scope,
    exportId,
    { state: 'failed' },
    { limit: 10, after: null },
  )
  assert.deepEqual(
    page.rows.map(({ address, error_kind: kind, error }) => ({ address, kind, error })),
    [{ address: bad.address, kind: 'connect_failed', error: 'It said connect_failed.' }],
  )
  assert.equal((await getExport(house.platform, house.scope, exportId)).state, 'completed')
  await lookForChanges(house.platform, id)
  await lookForChanges(house.platform, id)
  assert.equal(callsOf('add'), 2)
  tool.faultOf = () => null
  await change((tx) => changePassword(house.platform, tx, house.scope, bad.id, 'a password that works now'))
  await lookForChanges(house.platform, id)
  assert.equal(there().length, 2)
})

test('a sequencer that is out of order is tried less and less, and given up in the end', async () => {
  const [mailbox] = await makeMailboxes(house, 1)
  assert.ok(mailbox)
  const { id } = await connectTool(house, tool)
  const { id: exportId } = await exportTo(house, id, [mailbox.id])
  tool.faultOf = ({ name }) => (name === 'add' ? 'upstream' : null)
  await workOff(house.platform, id)
  assert.equal((await row(id)).state, 'failed')
  assert.equal((await getExport(house.platform, house.scope, exportId)).failed, 1)
  assert.equal(callsOf('add'), 8)
})

test('what is pending is awaited, and not confirmed when it does not show itself', async () => {
  const wanted = await makeMailboxes(house, 8)
  const refs = wanted.map(({ id: mailbox }) => mailbox)
  tool.answer = 'pending'
  const { id } = await connectTool(house, tool)
  const first = await exportTo(house, id, refs)
  await workOff(house.platform, id)
  assert.equal((await getExport(house.platform, house.scope, first.id)).done, 8)
  assert.equal(callsOf('add'), 8)

  const { id: other } = await connectTool(house, tool)
  tool.accounts = []
  tool.shows = false
  const second = await exportTo(house, other, refs)
  await workOff(house.platform, other)
  assert.equal((await getExport(house.platform, house.scope, second.id)).failed, 8)
  assert.ok((await rows(other)).every(({ error_kind: kind }) => kind === 'not_confirmed'))
})

test('what is taken away there is told of, and added again only where the connection says so', async () => {
  for (const reconnects of [false, true]) {
    tool = createTool()
    useTool(house.platform, tool)
    const { id, address } = await oneThere(reconnects ? { auto_reconnect: true } : {})
    tool.accounts = []
    house.platform.clock.advance?.('PT61M')
    await lookForChanges(house.platform, id)
    assert.equal((await row(id)).state, reconnects ? 'connected' : 'missing')
    assert.deepEqual(there(), reconnects ? [address] : [])
  }
})

test('mailboxes are taken away, also while they are in doubt, and a connection with the last of them', async () => {
  const { id, mailboxId } = await oneThere()
  const remove = (abandon: boolean) =>
    change((tx) => removeFromSequencer(house.platform, tx, house.scope, id, { refs: [mailboxId] }, abandon))
  assert.deepEqual(
    (await remove(false)).map(({ outcome }) => outcome),
    ['removing'],
  )
  await workOff(house.platform, id)
  assert.deepEqual([there(), await rows(id)], [[], []])
  assert.ok((await eventsOf(id)).includes('sequencer.mailbox_removed'))

  tool.faultOf = ({ name }) => (name === 'add' ? 'lost' : null)
  await exportTo(house, id, [mailboxId])
  await reconcileSequencer(house.platform, id)
  await remove(false)
  tool.faultOf = () => null
  await workOff(house.platform, id)
  assert.deepEqual([there(), await rows(id)], [[], []])

  await exportTo(house, id, [mailboxId])
  await workOff(house.platform, id)
  const options = { abandon: false, removeAccounts: false }
  await assert.rejects(
    change((tx) => deleteSequencer(house.platform, tx, house.scope, id, options)),
    { code: 'sequencer_in_use' },
  )
  await change((tx) =>
    deleteSequencer(house.platform, tx, house.scope, id, { ...options, removeAccounts: true }),
  )
  await workOff(house.platform, id)
  assert.deepEqual(there(), [])
  assert.equal((await eventsOf(id)).at(-1), 'sequencer.deleted')
})

test('what cannot be exported is a failed item with its reason', async () => {
  const [suspended, deleted, good] = await makeMailboxes(house, 3)
  assert.ok(suspended && deleted && good)
  await change((tx) => suspendMailbox(house.platform, tx, house.scope, suspended.id))
  await change((tx) => deleteMailbox(house.platform, tx, house.scope, deleted.id, { purge: false }))
  await house.platform.db.deleteFrom('mailbox_passwords').where('mailbox_id', '=', good.id).execute()
  const { id } = await connectTool(house, tool)
  const { id: exportId } = await exportTo(house, id, [suspended.id, deleted.id, good.id])
  const page = { limit: 10, after: null }
  const items = await listExportItems(house.platform, house.scope, exportId, { state: null }, page)
  assert.deepEqual(
    items.rows.map(({ state, error_kind: kind }) => `${state} ${kind}`),
    ['failed not_active', 'failed not_active', 'failed no_password'],
  )
  assert.deepEqual(await rows(id), [])
})
