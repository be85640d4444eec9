import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startInstantlyStandIn } from '../../testing/sequencers/instantly.ts'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import type { RemoteStatus } from '../driver.ts'

test('what it is told, and nothing else, for it refuses what it does not know', async () => {
  await using standIn = await startInstantlyStandIn()
  const driver = openOn('instantly', standIn)
  const mailbox = testMailbox('ada@ours.example', { dailyLimit: 30 })
  await driver.add([mailbox])
  assert.deepEqual(
    standIn.requests.map(({ path }) => path),
    ['/api/v2/accounts'],
  )
  assert.deepEqual(standIn.requests[0]?.body, {
    email: 'ada@ours.example',
    first_name: 'Ada',
    last_name: 'Byron',
    provider_code: 1,
    imap_username: 'ada@ours.example',
    imap_password: mailbox.password,
    imap_host: 'mail.ours.example',
    imap_port: 993,
    smtp_username: 'ada@ours.example',
    smtp_password: mailbox.password,
    smtp_host: 'mail.ours.example',
    smtp_port: 465,
    daily_limit: 30,
  })
  const nameless = testMailbox('bob@ours.example', { firstName: '', lastName: '', displayName: '' })
  await driver.add([nameless])
  assert.equal(standIn.accounts.get('bob@ours.example')?.name, 'bob ')
  assert.deepEqual(standIn.complaints, [])
})

test('warmup is switched by a job of its own; that it fails does not undo the mailbox', async () => {
  await using standIn = await startInstantlyStandIn()
  const driver = openOn('instantly', standIn)
  await driver.add([testMailbox('a@ours.example', { warmup: true })])
  assert.equal(standIn.accounts.get('a@ours.example')?.warmup, true)
  await driver.add([testMailbox('b@ours.example', { warmup: false })])
  assert.equal(standIn.requests.filter(({ path }) => path.includes('/warmup/')).length, 1)
  const created = { email: 'c@ours.example', status: 1, warmup_status: 0 }
  standIn.answerNext.push(
    { status: 200, body: created },
    { status: 400, body: { message: 'No warmup for you' } },
  )
  const [outcome] = await driver.add([testMailbox('c@ours.example', { warmup: true })])
  assert.ok(outcome?.kind === 'added')
  assert.match(
    outcome.account.words ?? '',
    /^Warmup was not switched: Instantly answered 400: No warmup for you$/,
  )
})

test('a workspace that is not paid for', async () => {
  await using standIn = await startInstantlyStandIn()
  standIn.settings.isPaid = false
  const driver = openOn('instantly', standIn)
  await assert.rejects(driver.check(), { kind: 'no_plan', message: /no paid plan/ })
  await assert.rejects(driver.add([testMailbox('a@ours.example')]), { kind: 'no_plan', maybeDone: false })
})

const statuses: [account: object, status: RemoteStatus, words: string | null][] = [
  [{ status: 1 }, 'connected', null],
  [{ status: 1, setup_pending: true }, 'pending', null],
  [{ status: 2 }, 'paused', null],
  [{ status: 3 }, 'paused', null],
  [{ status: -1, status_message: { responseCode: 535, e_message: 'No' } }, 'auth_error', 'No'],
  [{ status: -1, status_message: { command: 'IMAP', response: 'closed' } }, 'imap_error', 'closed'],
  [{ status: -1, status_message: { e_message: 'refused\r\n' } }, 'smtp_error', 'refused'],
  [{ status: -2 }, 'smtp_error', null],
  [{ status: -3 }, 'smtp_error', null],
  [{ status: 'odd' }, 'unknown', null],
]

test('how it says that it stands with an account', async () => {
  await using standIn = await startInstantlyStandIn()
  const driver = openOn('instantly', standIn)
  for (const [account, status, words] of statuses) {
    standIn.answerNext.push({ status: 200, body: { email: 'A@ours.example', ...account } })
    const found = await driver.find('a@ours.example')
    assert.deepEqual(found, { id: 'a@ours.example', address: 'a@ours.example', status, words })
  }
})

test('a list that is none, or that leads back to itself', async () => {
  await using standIn = await startInstantlyStandIn()
  const driver = openOn('instantly', standIn)
  for (const body of [{}, { items: {} }, [], 'text', { items: [{ odd: 1 }] }]) {
    standIn.answerNext.push({ status: 200, body })
    await assert.rejects(driver.list(null), { kind: 'unreachable' })
  }
  standIn.answerNext.push({ status: 200, body: { items: [], next_starting_after: 'c' } })
  assert.equal((await driver.list('c')).next, null)
})
