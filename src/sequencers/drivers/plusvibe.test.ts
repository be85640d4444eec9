import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import { startPlusVibeStandIn } from '../../testing/sequencers/plusvibe.ts'

test('many go in one call; they are pending, and only the good ones come to be seen', async () => {
  await using standIn = await startPlusVibeStandIn()
  const driver = openOn('plusvibe', standIn)
  const good = testMailbox('good@ours.example', { dailyLimit: 30, warmup: true })
  const bad = testMailbox('bad@ours.example', { password: 'wrong', warmup: false })
  assert.deepEqual(await driver.add([good, bad]), [
    { kind: 'pending', ref: null },
    { kind: 'pending', ref: null },
  ])
  assert.equal(standIn.requests.length, 1)
  assert.deepEqual(standIn.requests[0]?.body, {
    workspace_id: standIn.workspaceId,
    accounts: [good, bad].map(({ address, password }) => ({
      first_name: 'Ada',
      last_name: 'Byron',
      email: address,
      username: address,
      password,
      imap_host: 'mail.ours.example',
      imap_port: 993,
      smtp_host: 'mail.ours.example',
      smtp_username: address,
      smtp_password: password,
      smtp_port: 465,
      ...(address === good.address ? { daily_limit: 30, enable_warmup: 'yes' } : { enable_warmup: 'no' }),
    })),
  })
  assert.equal(await driver.find('good@ours.example'), null, 'not yet')
  assert.equal((await driver.find('good@ours.example'))?.status, 'connected')
  assert.equal(await driver.find('bad@ours.example'), null)
  assert.deepEqual(standIn.complaints, [])
})

test('the key must have the workspace', async () => {
  await using standIn = await startPlusVibeStandIn()
  assert.equal(await openOn('plusvibe', standIn).check(), 'The stand-in')
  const other = openOn('plusvibe', standIn, { settings: { workspace_id: 'another' } })
  await assert.rejects(other.check(), { kind: 'validation', message: /no workspace another/ })
  await assert.rejects(other.list(null), { kind: 'validation', message: /Unknown workspace/ })
})

test('one that is refused does not cost the others', async () => {
  await using standIn = await startPlusVibeStandIn()
  const driver = openOn('plusvibe', standIn)
  const names = ['a', 'b', 'c', 'd', 'e']
  const wanted = names.map((name) =>
    testMailbox(`${name}@ours.example`, name === 'd' ? { password: '' } : {}),
  )
  const outcomes = await driver.add(wanted)
  assert.deepEqual(
    outcomes.map((one) => (one.kind === 'failed' ? one.error.kind : one.kind)),
    ['pending', 'pending', 'pending', 'validation', 'pending'],
  )
})

test('how it says that it stands with an account', async () => {
  await using standIn = await startPlusVibeStandIn()
  const driver = openOn('plusvibe', standIn)
  const words = ['ACTIVE', 'INACTIVE', 'PAUSED', 'ERROR', 'ODD', 7]
  const accounts = words.map((status, at) => ({ id: `id${at}`, email: `u${at}@ours.example`, status }))
  standIn.answerNext.push({ status: 200, body: { accounts } })
  assert.deepEqual(
    (await driver.list(null)).accounts.map(({ status }) => status),
    ['connected', 'auth_error', 'paused', 'auth_error', 'unknown', 'unknown'],
  )
})
