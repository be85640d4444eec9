/** Mailboxes created at the next renewal in the dialect of Zapmail: listed as SCHEDULED, made, or taken back. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeDueMailboxes } from '../../mailboxes/scheduled/make-due.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
let domainId = ''
before(async () => {
  u = await startTestVendor('zapmail', { environment: { MAILWRIGHT_TEST_CLOCK: '1' } })
  const { json } = await u.call('POST', '/v1/domains', { body: { name: 'later.test' } })
  domainId = textAt(json, 'id')
})
after(() => u[Symbol.asyncDispose]())

const headers = { 'x-service-provider': 'GOOGLE' }
const person = (mailboxUsername: string, domainName = 'later.test') => {
  return { firstName: 'Dana', lastName: 'Reyes', mailboxUsername, domainName }
}

async function schedule(...usernames: string[]) {
  const body = { [domainId]: usernames.map((username) => person(username)) }
  return await u.operate('scheduleMailboxCreation', { body, headers })
}

async function listed(): Promise<{ count: unknown; mailboxes: unknown[] }> {
  const { json } = await u.operate('listMailboxes', { query: { contains: 'later.test' } })
  const mailboxes = listAt(json, 'data', 'domains', 0, 'mailboxes')
  return { count: at(json, 'data', 'scheduledMailboxes'), mailboxes }
}

const standing = (mailboxes: readonly unknown[]) =>
  mailboxes.map((one) => [at(one, 'username'), at(one, 'status')]).sort()

test('scheduled ones are listed; one is taken back; the others are made when the month is over', async () => {
  const reply = await schedule('dana', 'd.reyes', 'taken')
  assert.deepEqual([reply.status, at(reply.json, 'data')], [200, null], reply.text)
  const { count, mailboxes } = await listed()
  assert.equal(count, 3)
  assert.deepEqual(standing(mailboxes), [
    ['d.reyes', 'SCHEDULED'],
    ['dana', 'SCHEDULED'],
    ['taken', 'SCHEDULED'],
  ])
  const id = textAt(
    mailboxes.find((one) => at(one, 'username') === 'd.reyes'),
    'id',
  )
  const got = await u.operate('getMailbox', { query: { id } })
  assert.deepEqual(
    ['status', 'email', 'password'].map((name) => at(got.json, 'data', 'mailbox', name)),
    ['SCHEDULED', 'd.reyes@later.test', null],
  )
  assert.equal((await schedule('dana')).status, 400)
  const removed = await u.operate('removeMailboxesInstantly', { body: { mailboxIds: [id] } })
  assert.equal(at(removed.json, 'data', 'totalMailboxesQueued'), 1, removed.text)
  assert.equal((await u.operate('getMailbox', { query: { id } })).status, 400)
  await u.call('POST', '/v1/mailboxes', { body: { address: 'taken@later.test' } })
  u.platform.clock.advance?.('P32D')
  await makeDueMailboxes(u.platform)
  const later = await listed()
  assert.deepEqual(
    [later.count, standing(later.mailboxes)],
    [
      0,
      [
        ['dana', 'ACTIVE'],
        ['taken', 'ACTIVE'],
        ['taken', 'FAILED'],
      ],
    ],
  )
  await u.call('DELETE', '/v1/mailboxes/taken@later.test?purge=true')
  const retried = await u.operate('retryFailedMailboxes', { body: { domainIds: [domainId] }, headers })
  assert.match(textAt(retried.json, 'message'), /will be retried/)
  await makeDueMailboxes(u.platform)
  assert.deepEqual(standing((await listed()).mailboxes), [
    ['dana', 'ACTIVE'],
    ['taken', 'ACTIVE'],
  ])
})

test('what is refused', async () => {
  assert.equal((await schedule('-dana')).status, 400)
  assert.equal((await schedule('one', 'one')).status, 400)
  assert.equal((await schedule()).status, 400)
  const body = { [domainId]: [person('new')] }
  const bare = await u.operate('scheduleMailboxCreation', { body })
  assert.match(textAt(bare.json, 'message'), /x-service-provider is required/)
  const other = { key: (await u.tenant()).key, workspace: null }
  assert.equal((await u.operate('scheduleMailboxCreation', { ...other, body, headers })).status, 400)
  const reader = await u.key({ access: 'read' })
  assert.equal((await u.unchecked('scheduleMailboxCreation', { key: reader, body, headers })).status, 403)
  assert.equal((await u.operate('scheduleMailboxCreation', { key: 'wrong', body, headers })).status, 401)
  const foreign = await schedule('mine')
  assert.equal(foreign.status, 200)
  const id = textAt(
    (await listed()).mailboxes.find((one) => at(one, 'username') === 'mine'),
    'id',
  )
  const taken = { ...other, body: { mailboxIds: [id] } }
  assert.equal((await u.operate('removeMailboxesInstantly', taken)).status, 400)
  assert.equal((await u.operate('getMailbox', { ...other, query: { id } })).status, 400)
})

test('every documented status was seen', () => u.requireSeen(/^\/v2\/mailboxes\/schedule$/))
