/** The driver against a stand-in that refuses what Microsoft Graph refuses. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { type MicrosoftStandIn, startMicrosoft } from '../../../testing/microsoft-stand-in.ts'
import { openStandIn, remoteFailureOf, skuPartNumber, wantedUser } from '../../../testing/test-microsoft.ts'

const ann = wantedUser('ann')
const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex')
const dayMs = 24 * 3_600_000

function theUser({ state }: MicrosoftStandIn) {
  const [user, ...more] = state.users.values()
  assert.ok(user)
  assert.equal(more.length, 0)
  return user
}

test('the whole life of a user', async () => {
  await using microsoft = await startMicrosoft()
  const { state } = microsoft
  state.provisioningMs = 20 * 60_000
  const driver = openStandIn(microsoft)
  await driver.check()
  assert.equal(await driver.findByAddress(ann.address), null)

  const made = await driver.create(ann)
  const { id } = made
  const expected = {
    id,
    address: 'ann@demo.example',
    state: 'active',
    isReady: false,
    aliases: [],
    firstName: 'Ann',
    lastName: 'Lee',
    mark: ann.mark,
    problem: null,
  }
  assert.deepEqual(made, expected)
  assert.deepEqual(await driver.get(id), expected)
  assert.equal((await remoteFailureOf(driver.setPicture(id, jpeg))).kind, 'not_ready')
  microsoft.advanceMs(20 * 60_000)
  assert.deepEqual(await driver.get(id), { ...expected, isReady: true })
  assert.deepEqual(await driver.findByAddress('Ann@demo.example'), { ...expected, isReady: true })
  const user = theUser(microsoft)
  assert.equal(user.usageLocation, 'DE')
  assert.equal(user.passwordPolicies, 'DisablePasswordExpiration')
  assert.equal(user.password, ann.password)

  await driver.update(id, { firstName: 'Anna', lastName: '', displayName: 'Anna' })
  assert.deepEqual([user.givenName, user.surname, user.displayName], ['Anna', null, 'Anna'])
  await driver.update(id, {})
  await driver.update(id, { suspended: true })
  assert.equal((await driver.get(id))?.state, 'suspended')
  assert.equal(user.sessionsRevoked, 1)
  await driver.update(id, { suspended: false })
  assert.equal((await driver.get(id))?.state, 'active')
  assert.equal(user.sessionsRevoked, 1)
  await driver.setPassword(id, 'Another password, 2')
  assert.equal(user.password, 'Another password, 2')

  await driver.setPicture(id, jpeg)
  assert.deepEqual(user.photo, jpeg)
  await driver.setPicture(id, null)
  await driver.setPicture(id, null)
  assert.equal(user.photo, null)

  await driver.update(id, { address: 'anna.l@demo.example' })
  const renamed = { ...expected, isReady: true, firstName: 'Anna', lastName: '' }
  const withAlias = { ...renamed, address: 'anna.l@demo.example', aliases: ['ann@demo.example'] }
  assert.deepEqual(await driver.get(id), withAlias)
  assert.deepEqual(await driver.findByAddress('anna.l@demo.example'), withAlias)
  assert.deepEqual(await driver.findByAddress('ann@demo.example'), withAlias, 'by its alias')
  assert.equal(user.mail, 'anna.l@demo.example')
  assert.equal(user.mailNickname, 'anna.l')

  await driver.delete(id)
  assert.equal(await driver.findByAddress('anna.l@demo.example'), null)
  assert.deepEqual(await driver.get(id), { ...withAlias, isReady: false, state: 'deleted' })
  microsoft.advanceMs(29 * dayMs)
  await driver.restore(id)
  assert.deepEqual(await driver.get(id), withAlias, 'with a licence again')
  await driver.delete(id)
  microsoft.advanceMs(30 * dayMs)
  assert.equal(await driver.get(id), null)
  assert.equal((await remoteFailureOf(driver.restore(id))).kind, 'not_found')
  assert.equal((await remoteFailureOf(driver.delete(id))).kind, 'not_found')
  assert.deepEqual(state.complaints, [])
})

test('users of all sorts are made', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const nameless = { ...wantedUser("o'neil"), firstName: '', lastName: '', displayName: '', suspended: true }
  const made = await driver.create(nameless)
  assert.equal(made.state, 'suspended')
  assert.deepEqual(await driver.get(made.id), { ...made, isReady: true })
  const [user] = microsoft.state.users.values()
  assert.deepEqual([user?.displayName, user?.givenName], ["o'neil@demo.example", null])
  assert.equal(user?.mailNickname, 'o_neil')
  assert.equal((await driver.findByAddress("o'neil@demo.example"))?.id, made.id)
  await driver.update(made.id, { address: 'neil@demo.example' })
  assert.equal((await driver.findByAddress("o'neil@demo.example"))?.id, made.id, 'quoted in the filter')
  assert.deepEqual(microsoft.state.complaints, [])
})

test('what an attempt left half done is found and finished by the next', async (t) => {
  const cases = [
    {
      name: 'the answer to the user is lost',
      reply: { status: 0, only: /^POST \S+\/users$/, isDone: true },
      kind: 'unreachable',
    },
    { name: 'no licence', reply: { status: 503, only: /assignLicense$/ }, kind: 'busy' },
    {
      name: 'the answer to the licence is lost',
      reply: { status: 0, only: /assignLicense$/, isDone: true },
      kind: 'unreachable',
    },
    {
      name: 'the user is not everywhere',
      reply: {
        status: 404,
        only: /assignLicense$/,
        body: '{"error":{"code":"Request_ResourceNotFound","message":"Resource does not exist."}}',
      },
      kind: 'not_ready',
    },
  ]
  for (const { name, reply, kind } of cases) {
    await t.test(name, async () => {
      await using microsoft = await startMicrosoft()
      const driver = openStandIn(microsoft)
      microsoft.answerNext(reply)
      assert.equal((await remoteFailureOf(driver.create(ann))).kind, kind)
      const found = await driver.findByAddress(ann.address)
      assert.equal(found?.mark, ann.mark)
      const made = await driver.create(ann)
      assert.equal(theUser(microsoft).id, made.id)
      assert.equal((await driver.get(made.id))?.isReady, true)
    })
  }
})

test('a user without a licence says so, and gets it', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  const user = theUser(microsoft)
  user.assignedLicenses = []
  user.usageLocation = null
  const bare = await driver.get(id)
  assert.deepEqual([bare?.isReady, bare?.problem], [false, 'The user has no licence.'])
  await driver.complete?.(id)
  const whole = await driver.get(id)
  assert.deepEqual([whole?.isReady, whole?.problem], [true, null])
  assert.equal(user.usageLocation, 'DE')
  user.licenseAssignmentStates = [{ state: 'Error', error: 'CountViolation' }]
  assert.equal((await driver.get(id))?.problem, 'The licence does not work: CountViolation.')
  user.licenseAssignmentStates = []
  user.mail = 'ann@tenant.onmicrosoft.com'
  const words = 'The mailbox has the address ann@tenant.onmicrosoft.com, its user ann@demo.example.'
  assert.equal((await driver.get(id))?.problem, words)
  assert.deepEqual(microsoft.state.complaints, [])
})

test('without a seat no user is made; one that is there waits for it', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const sku = microsoft.state.skus.find((one) => one.skuPartNumber === skuPartNumber)
  assert.ok(sku)
  sku.seats = 1
  const { id } = await driver.create(ann)
  const failure = await remoteFailureOf(driver.create(wantedUser('bob')))
  assert.deepEqual(
    [failure.kind, failure.message],
    ['no_seats', 'All 1 seats of EXCHANGESTANDARD are taken.'],
  )
  assert.equal(microsoft.state.users.size, 1)
  await driver.delete(id)
  const bob = await driver.create(wantedUser('bob'))
  const refused = await remoteFailureOf(driver.restore(id))
  assert.equal(refused.kind, 'no_seats')
  assert.match(refused.message, /does not have any available licenses/)
  await driver.delete(bob.id)
  await driver.complete?.(id)
  assert.equal((await driver.get(id))?.isReady, true)
})

test('a user that is not ours is left alone', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create({ ...ann, mark: 'mailwright:somebody-else' })
  const other = await driver.create(wantedUser('bob'))
  assert.equal((await remoteFailureOf(driver.create(ann))).kind, 'conflict')
  assert.equal((await remoteFailureOf(driver.update(other.id, { address: ann.address }))).kind, 'conflict')
  await driver.delete(id)
  await driver.create(ann)
  assert.equal((await remoteFailureOf(driver.restore(id))).kind, 'conflict', 'its address is taken')
})

test('a new user is not seen by every reader', async () => {
  await using microsoft = await startMicrosoft()
  microsoft.state.lagMs = 60_000
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  assert.equal(await driver.get(id), null)
  assert.equal((await driver.get(id))?.id, id)
  assert.equal(await driver.get(id), null)
  microsoft.advanceMs(60_000)
  assert.equal((await driver.get(id))?.id, id)
  assert.equal((await driver.get(id))?.id, id)
})

test('users are listed page by page', async () => {
  await using microsoft = await startMicrosoft()
  microsoft.state.usersPerPage = 2
  const driver = openStandIn(microsoft)
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await driver.create(wantedUser(name))
  const seen: string[] = []
  let pages = 0
  for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
    const page: Awaited<ReturnType<typeof driver.listUsers>> = await driver.listUsers(cursor)
    seen.push(...page.users.map(({ address }) => address))
    assert.ok(page.users.every(({ isReady }) => isReady))
    cursor = page.next
    pages++
  }
  assert.deepEqual([seen, pages], [names.map((name) => `${name}@demo.example`), 3])
  assert.deepEqual(microsoft.state.complaints, [])
  microsoft.answerNext({
    status: 200,
    body: '{"value":[],"@odata.nextLink":"https://elsewhere.example/v1.0/users"}',
    only: /\/users$/,
  })
  assert.equal((await remoteFailureOf(driver.listUsers(null))).kind, 'unreachable')
})

test('a check tells what is missing', async (t) => {
  const tenants = [
    {
      name: 'no consent',
      change: (m: MicrosoftStandIn) => m.state.permissions.clear(),
      kind: 'unauthorized',
    },
    {
      name: 'no right to look for mailboxes',
      change: (m: MicrosoftStandIn) => m.state.permissions.delete('MailboxSettings.Read'),
      kind: 'unauthorized',
    },
    {
      name: 'another plan',
      change: (m: MicrosoftStandIn) => void m.state.skus.splice(1, 1),
      kind: 'rejected',
      words: 'The tenant has no subscription EXCHANGESTANDARD; it has FLOW_FREE.',
    },
    {
      name: 'a plan without seats',
      change: (m: MicrosoftStandIn) =>
        void m.state.skus.splice(1, 1, { skuId: randomUUID(), skuPartNumber, seats: 0 }),
      kind: 'no_seats',
    },
  ]
  for (const { name, change, kind, words } of tenants) {
    await t.test(name, async () => {
      await using microsoft = await startMicrosoft()
      const driver = openStandIn(microsoft)
      await driver.create(ann)
      await driver.check()
      change(microsoft)
      const failure = await remoteFailureOf(driver.check())
      assert.equal(failure.kind, kind)
      if (words !== undefined) assert.equal(failure.message, words)
    })
  }
})

test('what Graph cannot do is a step for a person', async () => {
  await using microsoft = await startMicrosoft()
  const driver = openStandIn(microsoft)
  const { id } = await driver.create(ann)
  for (const [verb, action] of [
    ['Add', driver.addAlias(id, "o'neil@demo.example")],
    ['Remove', driver.removeAlias(id, "o'neil@demo.example")],
  ] as const) {
    const failure = await remoteFailureOf(action)
    assert.equal(failure.kind, 'unsupported')
    const command = `Set-Mailbox -Identity ${id} -EmailAddresses @{${verb}='smtp:o''neil@demo.example'}`
    assert.ok(failure.message.endsWith(command), failure.message)
  }
  assert.equal(driver.capabilities.aliases, false)
  const steps = driver.operatorSteps('demo.example').join('\n')
  for (const command of ['New-DkimSigningConfig', 'Set-CASMailbox', 'Set-Mailbox']) {
    assert.ok(steps.includes(command))
  }
  assert.ok(
    driver.operatorSteps('demo.example').every((step) => step.includes('demo.example') || /OLD/.test(step)),
  )
})
