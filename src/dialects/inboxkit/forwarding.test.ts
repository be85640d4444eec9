/** Forwarding of mailboxes in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
const ids: string[] = []
const paths = /^\/mailboxes\/forwarding\//
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  u = await startTestVendor('inboxkit')
  for (const name of ['ada', 'ben', 'cay', 'team']) {
    const made = await u.call('POST', '/v1/mailboxes', { body: { address: `${name}@demo.test` } })
    ids.push(textAt(made.json, 'id'))
  }
})
after(() => u[Symbol.asyncDispose]())

async function targetsOf(uid: string): Promise<unknown> {
  return at((await u.call('GET', `/v1/mailboxes/${uid}/forwarding`)).json, 'targets')
}

test('forwarding is set up, changed and removed, and is done when that is answered', async () => {
  const [ada = '', ben = '', cay = ''] = ids
  const body = { uids: [ben, ada], forwarding_email: 'team@demo.test' }
  const set = await u.operate('setupMailboxForwarding', { body })
  const job = { status: 'completed', forwarding_email: 'team@demo.test' }
  assert.deepEqual(
    at(set.json, 'jobs'),
    [ada, ben].sort().map((uid) => ({ uid, ...job })),
    set.text,
  )
  assert.deepEqual([await targetsOf(ada), await targetsOf(ben)], [['team@demo.test'], ['team@demo.test']])
  const native = await u.call('GET', `/v1/mailboxes/${ada}/forwarding`)
  assert.equal(at(native.json, 'keep_copy'), true)
  const changed = { uids: [ada], forwarding_email: 'Cay@demo.test' }
  await u.operate('updateMailboxForwarding', { body: changed })
  assert.deepEqual(await targetsOf(ada), ['cay@demo.test'])
  const details = await u.operate('getMailboxDetails', { query: { uid: ada } })
  assert.equal(at(details.json, 'mailbox', 'forwarding_email'), 'cay@demo.test')
  const all = await u.operate('listMailboxForwardingJobs')
  assert.deepEqual(
    listAt(all.json, 'jobs').map((one) => [at(one, 'uid'), at(one, 'forwarding_email')]),
    [
      [ben, 'team@demo.test'],
      [ada, 'cay@demo.test'],
    ],
  )
  const removed = await u.operate('removeMailboxForwarding', { body: { uids: [ada] } })
  assert.deepEqual(at(removed.json, 'jobs'), [{ uid: ada, status: 'completed', forwarding_email: null }])
  assert.deepEqual(await targetsOf(ada), [])
  const some = await u.operate('listMailboxForwardingJobs', { body: { uids: [ada, cay, unknownId, 'none'] } })
  assert.deepEqual(
    listAt(some.json, 'jobs').map((one) => [at(one, 'uid'), at(one, 'forwarding_email')]),
    [
      [cay, null],
      [ada, null],
    ],
  )
})

test('what is refused changes none of the mailboxes', async () => {
  const [ada = '', ben = ''] = ids
  const before = await targetsOf(ben)
  for (const target of [
    'ben@demo.test',
    'nobody@demo.test',
    'somebody@elsewhere.example',
    'no address',
    '',
  ]) {
    const body = { uids: [ada, ben], forwarding_email: target }
    const reply = await u.operate('setupMailboxForwarding', { body })
    assert.deepEqual([reply.status, at(reply.json, 'error')], [400, true], `${target}: ${reply.text}`)
  }
  for (const uid of [unknownId, 'none', 'ada@demo.test']) {
    const body = { uids: [ada, uid], forwarding_email: 'team@demo.test' }
    const { json } = await u.operate('updateMailboxForwarding', { body })
    assert.deepEqual(json, { error: true, message: 'Mailbox not found' })
  }
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  assert.equal((await u.operate('removeMailboxForwarding', { ...theirs, body: { uids: [ben] } })).status, 404)
  const foreign = await u.operate('listMailboxForwardingJobs', { ...theirs, body: { uids: [ben] } })
  assert.deepEqual(at(foreign.json, 'jobs'), [])
  const key = await u.key({ access: 'read' })
  assert.equal((await u.unchecked('removeMailboxForwarding', { key, body: { uids: [ben] } })).status, 403)
  assert.deepEqual([await targetsOf(ada), await targetsOf(ben)], [[], before])
})

test('a key of one mailbox sees and changes its own', async () => {
  const [ada = '', ben = ''] = ids
  const key = await u.key({ mailboxId: ada, workspaceId: u.scope.workspaceId })
  const body = { uids: [ada], forwarding_email: 'team@demo.test' }
  assert.equal((await u.operate('setupMailboxForwarding', { key, body })).status, 200)
  const listed = await u.operate('listMailboxForwardingJobs', { key })
  assert.deepEqual(
    listAt(listed.json, 'jobs').map((one) => at(one, 'uid')),
    [ada],
  )
  assert.equal((await u.operate('removeMailboxForwarding', { key, body: { uids: [ben] } })).status, 404)
})

test('every documented status was seen', async () => {
  await provokeUsual(u, paths)
  u.requireSeen(paths)
})
