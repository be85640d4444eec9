/** Mailboxes in the dialect of Zapmail: made, listed, changed, removed, tried again. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { type PictureServer, startPictureServer } from '../../testing/picture-server.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
/** One that answers each caller once in a minute. */
let slow: TestVendor
let pictures: PictureServer
before(async () => {
  pictures = await startPictureServer()
  const environment = { MAILWRIGHT_MAILBOXES_PER_DOMAIN: '5', MAILWRIGHT_OUTBOUND_NETWORKS: 'any' }
  u = await startTestVendor('zapmail', { environment })
  slow = await startTestVendor('zapmail', { requestsPerMinute: 1 })
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await slow[Symbol.asyncDispose]()
  await pictures[Symbol.asyncDispose]()
})

const unknownId = '00000000-0000-4000-8000-000000000000'
const microsoft = { 'x-service-provider': 'MICROSOFT' }
const google = { 'x-service-provider': 'GOOGLE' }

async function domain(name: string): Promise<string> {
  const { json } = await u.call('POST', '/v1/domains', { body: { name } })
  return textAt(json, 'id')
}

function person(domainName: string, mailboxUsername: string, firstName = 'Dana', lastName = 'Reyes') {
  return { firstName, lastName, mailboxUsername, domainName }
}

function expect(reply: Reply, status: number, message?: RegExp): Reply {
  assert.equal(reply.status, status, reply.text)
  if (message) assert.match(textAt(reply.json, 'message'), message)
  return reply
}

/** Makes mailboxes in a domain. @returns their ids. */
async function make(domainId: string, name: string, ...usernames: string[]): Promise<string[]> {
  const body = { [domainId]: usernames.map((username) => person(name, username)) }
  expect(await u.operate('assignMailboxes', { body }), 200)
  const listed = await u.operate('listMailboxes', { query: { contains: name } })
  const all = listAt(listed.json, 'data', 'domains', 0, 'mailboxes')
  return usernames.map((username) =>
    textAt(
      all.find((one) => at(one, 'username') === username),
      'id',
    ),
  )
}

const native = async (id: string | undefined): Promise<unknown> =>
  (await u.call('GET', `/v1/mailboxes/${id}`)).json

test('mailboxes are made in several domains at once, and listed by them with their secrets', async () => {
  const [one, two] = [await domain('one.test'), await domain('two.test')]
  const body = {
    [one]: [person('one.test', 'dana'), person('ONE.test', 'd.reyes', 'D')],
    [two]: [person('two.test', 'dana')],
  }
  const made = expect(await u.operate('assignMailboxes', { body }), 200)
  assert.equal(at(made.json, 'data'), null)
  const { json } = await u.operate('listMailboxes', { query: { page: '1', limit: '10' } })
  const [newest, oldest] = listAt(json, 'data', 'domains')
  assert.deepEqual(
    [at(newest, 'id'), at(newest, 'domain'), at(newest, 'status'), at(newest, 'mailboxes', 'length')],
    [two, 'two.test', 'ACTIVE', 1],
  )
  const mailbox = listAt(oldest, 'mailboxes').find((one) => at(one, 'username') === 'dana')
  const shown = (await u.call('GET', '/v1/mailboxes/dana@one.test/credentials')).json
  assert.deepEqual(
    ['username', 'email', 'firstName', 'lastName', 'status', 'domain', 'domainId', 'password'].map((name) =>
      at(mailbox, name),
    ),
    ['dana', 'dana@one.test', 'Dana', 'Reyes', 'ACTIVE', 'one.test', one, at(shown, 'password')],
  )
  assert.match(textAt(mailbox, 'secret'), /^([a-z2-7]{4} )*[a-z2-7]{1,4}$/)
  assert.match(textAt(mailbox, 'appPassword'), /^\w{4}(-\w{4})+$/)
  assert.equal(at(mailbox, 'expireOn'), at(await native('dana@one.test'), 'period_ends_at'))
  const got = await u.operate('getMailbox', { query: { id: textAt(mailbox, 'id') } })
  assert.deepEqual(at(got.json, 'data', 'mailbox'), mailbox)
  const counters = [
    'totalAssignedMailboxes',
    'totalActiveMailboxes',
    'scheduledMailboxes',
    'totalSearchedCount',
  ]
  assert.deepEqual(
    counters.map((name) => at(json, 'data', name)),
    [3, 3, 0, 3],
  )
  assert.equal(at(json, 'data', 'purchasedMailboxes'), 3 + Number(at(json, 'data', 'availableMailboxes')))
})

test('lists are of one provider, paged by domains, and searched in names of domains and mailboxes', async () => {
  const id = await domain('ms.test')
  expect(
    await u.operate('assignMailboxes', {
      body: { [id]: [person('ms.test', 'mia', 'Mia')] },
      headers: microsoft,
    }),
    200,
  )
  const names = async (query: Record<string, string>, headers: Record<string, string> = {}) =>
    listAt((await u.operate('listMailboxes', { query, headers })).json, 'data', 'domains').map((one) =>
      at(one, 'domain'),
    )
  assert.deepEqual(await names({}, microsoft), ['ms.test'])
  assert.deepEqual(await names({ contains: 'ms.test' }), [])
  assert.deepEqual(await names({ contains: 'D.REYES' }), ['one.test'])
  assert.deepEqual(await names({ contains: 'Two.t' }), ['two.test'])
  assert.deepEqual(await names({ limit: '1', page: '2' }), ['one.test'])
  assert.deepEqual(await names({ limit: '1', page: '9' }), [])
  const { json } = await u.operate('listMailboxes', { query: { limit: '1' } })
  assert.deepEqual([at(json, 'data', 'nextPage'), at(json, 'data', 'totalPages')], [2, 3])
  const mia = await u.operate('listMailboxes', { headers: microsoft })
  const box = at(mia.json, 'data', 'domains', 0, 'mailboxes', 0)
  assert.deepEqual([at(box, 'secret'), typeof at(box, 'appPassword')], [null, 'string'])
})

test('a page takes as many statements whatever it has', async () => {
  const list = (limit: string) => countStatements(() => u.operate('listMailboxes', { query: { limit } }))
  await list('1')
  assert.equal(await list('50'), await list('1'))
})

test('one that cannot be had keeps all from being made', async () => {
  const id = await domain('rules.test')
  const refused = async (username: string, message: RegExp, more: object = {}) => {
    const body = { [id]: [person('rules.test', 'fine'), { ...person('rules.test', username), ...more }] }
    expect(await u.operate('assignMailboxes', { body }), 400, message)
  }
  for (const username of ['.ann', 'ann.', '_ann', 'ann-', 'a..nn', 'a._nn', 'a--nn'])
    await refused(username, /begins or ends/)
  await refused('a nn', /need quotes/)
  await refused('fine', /twice/)
  await refused('ann', /not the name/, { domainName: 'one.test' })
  expect(
    await u.operate('assignMailboxes', { body: { [unknownId]: [person('x.test', 'a')] } }),
    400,
    /domain/i,
  )
  expect(await u.operate('assignMailboxes', { body: { none: [person('x.test', 'a')] } }), 400, /domain/i)
  const many = ['a', 'b', 'c', 'd', 'e', 'f'].map((username) => person('rules.test', username))
  expect(await u.operate('assignMailboxes', { body: { [id]: many } }), 400, /may have 5/)
  for (const wrong of [{ lastName: null }, { mailboxUsername: 5 }, { firstName: 'a\nb' }]) {
    const body = { [id]: [{ ...person('rules.test', 'ann'), ...wrong }] }
    const reply = expect(await u.operate('assignMailboxes', { body }), 422)
    assert.equal(at(reply.json, 'status'), 422)
  }
  expect(await u.operate('assignMailboxes', { body: { [id]: [] } }), 422)
  const { json } = await u.call('GET', '/v1/mailboxes?domain=rules.test')
  assert.deepEqual(at(json, 'data'), [])
})

test('names, usernames and pictures are changed, and what cannot be is told of each', async () => {
  const id = await domain('edit.test')
  const [ann, bob] = await make(id, 'edit.test', 'ann', 'bob')
  const update = async (...mailboxData: object[]) =>
    await u.operate('updateMailboxes', { body: { mailboxData } })
  const picture = `${pictures.url}/red.png`
  const changed = await update(
    { mailboxId: ann, firstName: 'Anna', username: 'anna', profilePicture: picture },
    { mailboxId: bob, username: 'anna' },
  )
  const [first, second] = listAt(expect(changed, 200).json, 'data')
  assert.match(textAt(first, 'profileUrl'), new RegExp(`/v1/mailboxes/${ann}/picture$`))
  assert.deepEqual([at(first, 'failureDetails'), at(second, 'profileUrl')], [[], ''])
  assert.match(textAt(second, 'failureDetails', 0), /in use/)
  assert.equal((await u.call('GET', `/v1/mailboxes/${ann}/picture`)).status, 404)
  await runJobs(u.platform)
  assert.equal((await u.call('GET', `/v1/mailboxes/${ann}/picture`)).status, 200)
  const [anna, same] = [await native(ann), await native(bob)]
  assert.deepEqual(
    ['address', 'first_name', 'last_name', 'display_name'].map((name) => at(anna, name)),
    ['anna@edit.test', 'Anna', 'Reyes', 'Anna Reyes'],
  )
  assert.equal(at(same, 'address'), 'bob@edit.test')
  expect(await update({ domainId: id, lastName: 'Roe' }), 200)
  assert.deepEqual(
    [at(await native(ann), 'last_name'), at(await native(bob), 'display_name')],
    ['Roe', 'Dana Roe'],
  )
  const bad = await update({ mailboxId: ann, profilePicture: 'file:///etc/passwd', lastName: 'No' })
  assert.match(textAt(expect(bad, 200).json, 'data', 0, 'failureDetails', 0), /http/)
  assert.equal(at(await native(ann), 'last_name'), 'Roe')
  const png = await u.call('PUT', `/v1/mailboxes/${bob}/picture`, {
    body: {
      content_base64:
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    },
  })
  assert.equal(png.status, 200, png.text)
  const shown = await u.operate('getMailbox', { query: { id: bob ?? '' } })
  assert.match(textAt(shown.json, 'data', 'mailbox', 'profilePicture'), /picture$/)
  expect(await update({ mailboxId: bob, removeProfilePicture: true }), 200)
  const bare = await u.operate('getMailbox', { query: { id: bob ?? '' } })
  assert.equal(at(bare.json, 'data', 'mailbox', 'profilePicture'), null)
  for (const wrong of [
    { firstName: 'x' },
    { userId: unknownId, firstName: 'x' },
    { domainId: id, username: 'x' },
    { mailboxId: unknownId, firstName: 'x' },
    { mailboxId: ann, username: '-x' },
    { mailboxId: ann, firstName: 'a\u0000' },
    { mailboxId: ann, profilePicture: 'https://a.example/\u0000' },
    { mailboxId: 'a\u0000', firstName: 'x' },
  ])
    expect(await update(wrong), 400)
  expect(await update(), 400)
})

test('removal at the end of the period is marked and unmarked; removal at once leaves the list', async () => {
  const id = await domain('gone.test')
  const [ann, bob, cay] = await make(id, 'gone.test', 'ann', 'bob', 'cay')
  const mark = async (body: object) => await u.operate('scheduleMailboxRemoval', { body })
  const marked = async () =>
    await Promise.all([ann, bob, cay].map(async (one) => at(await native(one), 'cancel_at_period_end')))
  const reply = expect(await mark({ mailboxIds: [ann], remove: true }), 200)
  assert.deepEqual(Object.keys(Object(reply.json)), ['message', 'data'])
  assert.deepEqual(await marked(), [true, false, false])
  expect(await mark({ domainIds: [id], contains: 'BOB', status: 'ACTIVE', remove: true }), 200)
  assert.deepEqual(await marked(), [true, true, false])
  expect(await mark({ mailboxIds: [ann], domainIds: [id], remove: false }), 200)
  assert.deepEqual(await marked(), [false, false, false])
  expect(await mark({ domainIds: [id], status: 'FAILED', remove: true }), 400, /No mailboxes found/)
  expect(await mark({ remove: true }), 400, /No mailboxes found/)
  expect(await mark({ mailboxIds: [ann, unknownId], remove: true }), 400)
  assert.deepEqual(await marked(), [false, false, false])
  const removed = await u.operate('removeMailboxesInstantly', {
    body: { mailboxIds: [ann, bob], remove: true },
  })
  assert.equal(at(expect(removed, 200).json, 'data', 'totalMailboxesQueued'), 2)
  assert.equal(at(await native(ann), 'state'), 'deletion_scheduled')
  expect(await u.operate('getMailbox', { query: { id: ann ?? '' } }), 400)
  const listed = await u.operate('listMailboxes', { query: { contains: 'gone.test' } })
  const left = listAt(listed.json, 'data', 'domains', 0, 'mailboxes')
  assert.deepEqual(
    left.map((one) => at(one, 'username')),
    ['cay'],
  )
  expect(await u.operate('removeMailboxesInstantly', { body: { mailboxIds: [ann] } }), 400)
  expect(await u.operate('removeMailboxesInstantly', { body: { mailboxIds: [] } }), 400)
})

test('one-time codes are shown where the workspace lets them be', async () => {
  const id = await domain('codes.test')
  const [ann] = await make(id, 'codes.test', 'ann')
  const code = async (query: Record<string, string>) => await u.operate('getAuthenticatorCode', { query })
  expect(await code({ mailboxId: ann ?? '' }), 400, /totp_codes_shown/)
  const path = `/v1/workspaces/${u.scope.workspaceId}/mailbox-settings`
  const settings = (await u.call('GET', path)).json
  const put = await u.call('PUT', path, { body: { ...Object(settings), totp_codes_shown: true } })
  assert.equal(put.status, 200, put.text)
  const shown = textAt(expect(await code({ mailboxId: ann ?? '' }), 200).json, 'data', 'code')
  const checked = await u.call('POST', `/v1/mailboxes/${ann}/totp/check`, { body: { code: shown } })
  assert.equal(at(checked.json, 'valid'), true, checked.text)
  expect(await code({ domainId: id }), 200)
  await u.call('POST', '/v1/mailboxes', { body: { address: 'plain@codes.test' } })
  const plain = textAt(await native('plain@codes.test'), 'id')
  expect(await code({ mailboxId: plain }), 400, /no second factor/)
  for (const query of [{}, { mailboxId: unknownId }, { domainId: unknownId }])
    expect(await code({ ...query }), 400)
  const reader = await u.key({ access: 'read' })
  const refused = await u.unchecked('getAuthenticatorCode', { query: { mailboxId: ann ?? '' }, key: reader })
  expect(refused, 403)
})

test('mailboxes that somebody fulfils: in progress, failed, tried again; meanwhile Microsoft’s have no others', async () => {
  const path = `/v1/workspaces/${u.scope.workspaceId}/service-mapping`
  await u.call('PUT', path, { body: { google: 'google', microsoft: 'microsoft' } })
  const id = await domain('asked.test')
  const [ann] = await make(id, 'asked.test', 'ann')
  const status = async () =>
    at((await u.operate('getMailbox', { query: { id: ann ?? '' } })).json, 'data', 'mailbox', 'status')
  assert.equal(await status(), 'IN_PROGRESS')
  const { json } = await u.call('GET', '/v1/mailbox-requests?domain=asked.test')
  const request = `/v1/mailbox-requests/${textAt(json, 'data', 0, 'id')}`
  await u.call('PATCH', request, { body: { state: 'failed', note: 'No.' } })
  assert.equal(await status(), 'FAILED')
  expect(
    await u.operate('scheduleMailboxRemoval', { body: { mailboxIds: [ann], remove: true } }),
    400,
    /not begun/,
  )
  const retry = async (...domainIds: string[]) =>
    await u.operate('retryFailedMailboxes', { body: { domainIds }, headers: google })
  expect(await retry(id), 200, /will be retried/)
  assert.equal(await status(), 'IN_PROGRESS')
  assert.equal(at((await u.call('GET', request)).json, 'state'), 'pending')
  expect(await retry(id), 200, /No mailboxes/)
  expect(await retry(unknownId), 400)
  expect(await retry(), 400)
  const ms = await domain('asked-ms.test')
  const ask = async (username: string) =>
    await u.operate('assignMailboxes', {
      body: { [ms]: [person('asked-ms.test', username)] },
      headers: microsoft,
    })
  expect(await ask('ann'), 200)
  expect(await ask('bob'), 400, /not active yet/)
  await u.call('PUT', path, { body: {} })
})

test('consents are not accepted', async () => {
  expect(await u.operate('customOAuth', { body: u.exampleOf('customOAuth') }), 400, /Consents/)
})

test('other tenants, keys that may only read, and keys of one mailbox', async () => {
  const id = await domain('own.test')
  const [ann] = await make(id, 'own.test', 'ann')
  const other = { key: (await u.tenant()).key, workspace: null }
  const body = { [id]: [person('own.test', 'bob')] }
  const mailboxData = [{ mailboxId: ann, firstName: 'Eve' }]
  const query = { id: ann ?? '' }
  expect(await u.operate('getMailbox', { ...other, query }), 400)
  expect(await u.operate('assignMailboxes', { ...other, body }), 400)
  expect(await u.operate('updateMailboxes', { ...other, body: { mailboxData } }), 400)
  expect(await u.operate('removeMailboxesInstantly', { ...other, body: { mailboxIds: [ann] } }), 400)
  expect(
    await u.operate('scheduleMailboxRemoval', { ...other, body: { domainIds: [id], remove: true } }),
    400,
  )
  expect(await u.operate('getAuthenticatorCode', { ...other, query: { mailboxId: ann ?? '' } }), 400)
  const retried = { body: { domainIds: [id] }, headers: google }
  expect(await u.operate('retryFailedMailboxes', { ...other, ...retried }), 400)
  assert.deepEqual(at((await u.operate('listMailboxes', other)).json, 'data', 'domains'), [])

  const reader = { key: await u.key({ access: 'read' }) }
  const seen = expect(await u.operate('getMailbox', { ...reader, query }), 200)
  const box = at(seen.json, 'data', 'mailbox')
  assert.deepEqual(
    ['password', 'appPassword', 'secret'].map((name) => at(box, name)),
    [null, null, null],
  )
  expect(await u.operate('listMailboxes', reader), 200)
  expect(await u.unchecked('assignMailboxes', { ...reader, body }), 403)
  expect(await u.unchecked('updateMailboxes', { ...reader, body: { mailboxData } }), 403)
  expect(await u.unchecked('removeMailboxesInstantly', { ...reader, body: { mailboxIds: [ann] } }), 403)
  expect(await u.unchecked('retryFailedMailboxes', { ...reader, ...retried }), 403)

  const bound = {
    key: await u.key({ workspaceId: u.scope.workspaceId, mailboxId: ann ?? '' }),
    workspace: null,
  }
  const own = expect(await u.operate('getMailbox', { ...bound, query }), 200)
  assert.equal(typeof at(own.json, 'data', 'mailbox', 'password'), 'string')
  expect(await u.operate('updateMailboxes', { ...bound, body: { mailboxData } }), 200)
  assert.equal(at(await native(ann), 'first_name'), 'Eve')
  const renamed = { mailboxData: [{ mailboxId: ann, username: 'eve' }] }
  const failed = await u.operate('updateMailboxes', { ...bound, body: renamed })
  assert.equal(at(failed.json, 'data', 0, 'failureDetails', 'length'), 1)
  expect(await u.unchecked('listMailboxes', bound), 403)
  expect(await u.unchecked('removeMailboxesInstantly', { ...bound, body: { mailboxIds: [ann] } }), 403)
  assert.equal(at(await native(ann), 'state'), 'active')
})

test('without a key, or too often', async () => {
  for (const { id, path } of u.contract.operations) {
    if (!path.startsWith('/v2/mailboxes') || id === 'scheduleMailboxCreation') continue
    expect(await u.operate(id, { key: 'wrong', body: {} }), 401)
  }
  expect(await slow.operate('listMailboxes'), 200)
  const busy = [
    'listMailboxes',
    'getMailbox',
    'assignMailboxes',
    'updateMailboxes',
    'scheduleMailboxRemoval',
    'customOAuth',
  ]
  for (const id of busy) {
    const reply = expect(await slow.operate(id, { body: {} }), 429)
    u.contract.check(id, reply)
  }
})

test('every documented status was seen, but those that cannot come about', () => {
  u.requireSeen(/^\/v2\/mailboxes(?!\/schedule$)/, {
    'assignMailboxes 202': 'the call answers 200',
    'customOAuth 200': 'not offered',
    'customOAuth 404': 'not offered',
  })
})
