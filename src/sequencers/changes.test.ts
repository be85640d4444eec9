/** What changes here is told there by itself. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { createAppPassword, revokeAppPassword } from '../mailboxes/app-passwords.ts'
import { changePassword } from '../mailboxes/credentials.ts'
import { resumeMailbox, suspendMailbox } from '../mailboxes/mailboxes.ts'
import { renameMailbox } from '../mailboxes/rename.ts'
import { enrolTotp } from '../mailboxes/totp.ts'
import { type Tx, transaction } from '../platform/database.ts'
import type { TestPlatform } from '../testing/test-platform.ts'
import {
  createTool,
  exportedOne,
  lookForChanges,
  rowAt,
  startSequencerPlatform,
  type Tool,
  useTool,
} from '../testing/test-sequencers.ts'
import { updateSequencer } from './connections.ts'
import type { SequencerSettings } from './platforms.ts'
import type { SequencerMailbox } from './rows.ts'

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

const oneThere = (settings?: SequencerSettings) => exportedOne(house, tool, settings)

const row = (id: string): Promise<SequencerMailbox> => rowAt(house, id)

test('a new password is told there by itself', async () => {
  const { id, mailboxId } = await oneThere()
  await change((tx) =>
    changePassword(house.platform, tx, house.scope, mailboxId, 'another long enough secret'),
  )
  await lookForChanges(house.platform, id)
  assert.deepEqual(
    tool.accounts.map(({ account }) => account.password),
    ['another long enough secret'],
  )
  const calls = tool.calls.length
  await lookForChanges(house.platform, id)
  await lookForChanges(house.platform, id)
  assert.equal(tool.calls.length, calls, 'nothing is told twice')
})

test('a renamed mailbox leaves no account under its old address', async () => {
  const { id, mailboxId } = await oneThere()
  const address = `renamed-${Date.now()}@demo.test`
  await change((tx) =>
    renameMailbox(house.platform, tx, house.scope, mailboxId, { address, aliasDays: null }),
  )
  await lookForChanges(house.platform, id)
  assert.deepEqual(there(), [address])
  assert.equal((await row(id)).address, address)
})

test('a suspended mailbox is left there and marked, and told again when it is resumed', async () => {
  const { id, mailboxId } = await oneThere()
  await change((tx) => suspendMailbox(house.platform, tx, house.scope, mailboxId))
  await lookForChanges(house.platform, id)
  const suspended = await row(id)
  assert.deepEqual([suspended.state, suspended.error_kind, there().length], ['inactive', 'not_active', 1])
  await change((tx) => resumeMailbox(house.platform, tx, house.scope, mailboxId))
  await lookForChanges(house.platform, id)
  assert.equal((await row(id)).state, 'connected')
  assert.equal(callsOf('update'), 1)
})

test('it is taken away where the connection says so, and added when it is resumed', async () => {
  const { id, mailboxId, address } = await oneThere({ remove_inactive: true })
  await change((tx) => suspendMailbox(house.platform, tx, house.scope, mailboxId))
  await lookForChanges(house.platform, id)
  assert.deepEqual([(await row(id)).state, there()], ['inactive', []])
  await change((tx) => resumeMailbox(house.platform, tx, house.scope, mailboxId))
  await lookForChanges(house.platform, id)
  assert.deepEqual([(await row(id)).state, there()], ['connected', [address]])
})

test('other limits of a connection are told of all mailboxes', async () => {
  const { id } = await oneThere()
  await lookForChanges(house.platform, id)
  await change((tx) =>
    updateSequencer(house.platform, tx, house.scope, id, { settings: { daily_limit: 25 } }),
  )
  await lookForChanges(house.platform, id)
  assert.deepEqual(
    tool.accounts.map(({ account }) => account.dailyLimit),
    [25],
  )
})

test('with a second factor an app password is told; the next one when it is revoked, and none when none is left', async () => {
  const { platform, scope } = house
  const { id, mailboxId } = await oneThere()
  const password = (): (string | undefined)[] => tool.accounts.map(({ account }) => account.password)
  const made = await change(async (tx) => {
    const wanted = { name: 'First', scopes: null, networks: null, expiresAt: null }
    const first = await createAppPassword(platform, tx, scope, mailboxId, wanted)
    await enrolTotp(platform, tx, scope, mailboxId, null)
    await tx.updateTable('mailbox_totp').set({ enabled_at: platform.clock.now() }).execute()
    return first
  })
  await lookForChanges(platform, id)
  assert.deepEqual(password(), [made.password])
  const next = await change(async (tx) => {
    const wanted = { name: 'Second', scopes: ['imap', 'smtp'] as const, networks: null, expiresAt: null }
    await createAppPassword(platform, tx, scope, mailboxId, {
      ...wanted,
      name: 'At home',
      networks: ['10.0.0.0/8'],
    })
    const second = await createAppPassword(platform, tx, scope, mailboxId, wanted)
    await revokeAppPassword(platform, tx, scope, mailboxId, made.appPassword.id)
    return second
  })
  await lookForChanges(platform, id)
  assert.deepEqual(password(), [next.password])
  await change((tx) => revokeAppPassword(platform, tx, scope, mailboxId, next.appPassword.id))
  await lookForChanges(platform, id)
  assert.equal((await row(id)).error_kind, 'second_factor')
})
