/** Contact rules by identity, by mailbox and over all: every documented answer, who may, and what the rules do to mail. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'
import { changeFilterModes, filterModesOf } from './filter-modes.ts'

let inkbox: TestInkbox
let desk: TestAgent
let other: TestAgent
let foreign: Tenant
before(async () => {
  inkbox = await startInkbox()
  desk = await inkbox.agent('quote-desk')
  other = await inkbox.agent('other-desk')
  foreign = await inkbox.tenant()
})
after(() => inkbox[Symbol.asyncDispose]())
beforeEach(() => inkbox.platform.pool.query('delete from sender_lists'))

const unknownId = '0c9fdc1e-8f62-4a0d-9a39-4b4f6e0f0b21'

type Family = {
  name: string
  path: Record<string, string>
  otherPath: Record<string, string>
  list: string
  create: string
  get: string
  update: string
  remove: string
}
const families: Family[] = [
  {
    name: 'an identity',
    path: { agent_handle: 'quote-desk' },
    otherPath: { agent_handle: 'other-desk' },
    list: 'listIdentityMailContactRules',
    create: 'createIdentityMailContactRule',
    get: 'getIdentityMailContactRule',
    update: 'updateIdentityMailContactRule',
    remove: 'deleteIdentityMailContactRule',
  },
  {
    name: 'a mailbox',
    path: { email_address: 'quote-desk@demo.test' },
    otherPath: { email_address: 'other-desk@demo.test' },
    list: 'listMailboxContactRules',
    create: 'createMailboxContactRule',
    get: 'getMailboxContactRule',
    update: 'updateMailboxContactRule',
    remove: 'deleteMailboxContactRule',
  },
]
const spam = { action: 'block', match_type: 'exact_email', match_target: 'Spam@example.org' }
const made = async ({ create, path }: Family, body: unknown = spam): Promise<string> =>
  textAt((await inkbox.inkbox(create, { path, body })).json, 'id')

for (const family of families) {
  const { path, list, create, get, update, remove } = family
  test(`the rules of ${family.name}: documented bodies in, rules out`, async () => {
    for (const operation of [create]) {
      for (const body of inkbox.contract.operation(operation).bodies) {
        const reply = await inkbox.inkbox(operation, { path, body })
        assert.equal(reply.status, 201)
        assert.equal(at(reply.json, 'direction'), 'both')
        assert.equal(at(reply.json, 'mailbox_id'), desk.identity.mailbox_id)
        const same = await inkbox.inkbox(get, { path: { ...path, rule_id: textAt(reply.json, 'id') } })
        assert.deepEqual(same.json, reply.json)
      }
    }
    const id = await made(family, { ...spam, match_target: 'one@example.net' })
    for (const body of inkbox.contract.operation(update).bodies) {
      const changed = await inkbox.inkbox(update, { path: { ...path, rule_id: id }, body })
      assert.equal(changed.status, 200)
      for (const [name, value] of Object.entries(Object(body))) assert.equal(at(changed.json, name), value)
    }
    const all = await inkbox.inkbox(list, { path })
    assert.deepEqual(
      listAt(all.json).map((rule) => textAt(rule, 'match_target'))[0],
      'one@example.net',
      'newest first',
    )
    assert.equal((await inkbox.inkbox(remove, { path: { ...path, rule_id: id } })).status, 204)
    assert.equal((await inkbox.inkbox(get, { path: { ...path, rule_id: id } })).status, 404)
  })

  test(`the rules of ${family.name} are filtered and paged`, async () => {
    await made(family, { ...spam, match_target: 'a@example.org', direction: 'inbound' })
    await made(family, { action: 'allow', match_type: 'domain', match_target: 'example.org' })
    await made(family, { ...spam, match_target: 'b@example.org', direction: 'outbound' })
    const targets = async (query: Record<string, string | number>): Promise<string[]> =>
      listAt((await inkbox.inkbox(list, { path, query })).json).map((rule) => textAt(rule, 'match_target'))
    assert.deepEqual(await targets({}), ['b@example.org', 'example.org', 'a@example.org'])
    assert.deepEqual(await targets({ action: 'allow' }), ['example.org'])
    assert.deepEqual(await targets({ match_type: 'exact_email' }), ['b@example.org', 'a@example.org'])
    assert.deepEqual(await targets({ match_type: 'domain' }), ['example.org'])
    assert.deepEqual(await targets({ direction: 'inbound' }), ['a@example.org'])
    assert.deepEqual(await targets({ limit: 1, offset: 1 }), ['example.org'])
    assert.deepEqual(await targets({ offset: 3 }), [])
  })

  test(`a duplicate of ${family.name} is named, whatever its case, action and direction`, async () => {
    const id = await made(family)
    const body = { ...spam, action: 'allow', match_target: 'spam@EXAMPLE.org', direction: 'inbound' }
    const again = await inkbox.inkbox(create, { path, body })
    assert.equal(again.status, 409)
    assert.equal(textAt(again.json, 'detail', 'existing_rule_id'), id)
  })

  test(`apply_to parts a rule of ${family.name}, direction moves it`, async () => {
    const id = await made(family)
    const one = { ...path, rule_id: id }
    const outbound = { action: 'allow', apply_to: 'outbound' }
    const parted = await inkbox.inkbox(update, { path: one, body: outbound })
    assert.deepEqual(
      [at(parted.json, 'id'), at(parted.json, 'action'), at(parted.json, 'direction')],
      [id, 'allow', 'outbound'],
    )
    const all = listAt((await inkbox.inkbox(list, { path })).json)
    assert.deepEqual(all.map((rule) => `${textAt(rule, 'action')} ${textAt(rule, 'direction')}`).sort(), [
      'allow outbound',
      'block inbound',
    ])
    await inkbox.inkbox(update, { path: one, body: { direction: 'both' } })
    assert.equal(listAt((await inkbox.inkbox(list, { path })).json).length, 1)
  })

  const invalid: [operation: 'create' | 'update', body: unknown][] = [
    ['create', {}],
    ['create', { ...spam, action: 'ban' }],
    ['create', { ...spam, match_type: 'domain' }],
    ['create', { ...spam, match_target: 'example.org' }],
    ['create', { ...spam, match_type: 'domain', match_target: '@example.org' }],
    ['create', { ...spam, match_type: 'domain', match_target: '.example.org' }],
    ['create', { ...spam, match_target: '@example.org' }],
    ['create', { ...spam, direction: 'up' }],
    ['update', { apply_to: 'inbound' }],
    ['update', { action: 'allow', apply_to: 'inbound', direction: 'both' }],
    ['update', { action: 'allow', apply_to: 'both' }],
    ['update', { action: 'ban' }],
  ]
  test(`what is no rule of ${family.name} is 422`, async () => {
    const id = await made(family)
    for (const [operation, body] of invalid) {
      const place = operation === 'create' ? path : { ...path, rule_id: id }
      const reply = await inkbox.inkbox(family[operation], { path: place, body })
      assert.equal(reply.status, 422, JSON.stringify(body))
    }
  })

  test(`who may see and change the rules of ${family.name}`, async () => {
    const id = await made(family)
    const one = { ...path, rule_id: id }
    const unknown = { ...path, rule_id: unknownId }
    const foreignRule = { ...family.otherPath, rule_id: id }
    const calls: [operation: string, path: Record<string, string>, body?: unknown][] = [
      [list, path],
      [create, path, spam],
      [get, one],
      [update, one, { action: 'allow' }],
      [remove, one],
    ]
    for (const [operation, place, body] of calls) {
      const status = async (key: string | null, at: Record<string, string> = place): Promise<number> =>
        (await inkbox.inkbox(operation, { path: at, body, key })).status
      assert.equal(await status(null), 401, operation)
      assert.equal(await status(foreign.key), 404, `${operation} of another workspace`)
      const isRead = operation === list || operation === get
      assert.equal(await status(desk.key), isRead ? 200 : 403, `${operation} by the agent`)
      assert.equal(await status(other.key), isRead ? 404 : 403, `${operation} by another agent`)
      if (place === one) {
        assert.equal(await status(inkbox.adminKey, unknown), 404)
        assert.equal(await status(inkbox.adminKey, { ...path, rule_id: 'x' }), 404)
        assert.equal(await status(inkbox.adminKey, foreignRule), 404, 'a rule of another mailbox')
      }
    }
    assert.equal((await inkbox.inkbox(list, { path, key: inkbox.session })).status, 200)
    assert.equal((await inkbox.inkbox(remove, { path: one, key: inkbox.session })).status, 204)
    const limited = await inkbox.key({ access: 'read' })
    assert.equal((await inkbox.inkbox(list, { path, key: limited })).status, 200)
    assert.equal((await inkbox.inkbox(create, { path, body: spam, key: limited })).status, 403)
  })
}

test('the mailbox’s routes say until when, the identity’s do not; raw, encoded and short addresses are one', async () => {
  for (const path of [
    '/mail/mailboxes/quote-desk@demo.test/contact-rules',
    '/mail/mailboxes/quote-desk%40demo.test/contact-rules/',
    '/mail/mailboxes/quote-desk/contact-rules',
  ]) {
    const reply = await inkbox.raw('GET', path)
    assert.deepEqual([reply.status, reply.headers.get('sunset')], [200, 'Mon, 31 Aug 2026 00:00:00 GMT'])
  }
  for (const path of [
    '/identities/quote-desk/mail-contact-rules/',
    '/identities/quote-desk/mail-contact-rules',
  ]) {
    const reply = await inkbox.raw('GET', path)
    assert.deepEqual([reply.status, reply.headers.get('sunset')], [200, null])
  }
})

test('older clients pause a rule through the mailbox; the identity’s route ignores it', async () => {
  const [identity, mailbox] = families
  if (identity === undefined || mailbox === undefined) throw new Error('both are there')
  const id = await made(mailbox, { ...spam, match_target: 'other-desk@demo.test' })
  const paused = { status: 'paused' }
  assert.equal((await send('other-desk@demo.test')).status, 403)
  const ignored = await inkbox.inkbox(identity.update, {
    path: { ...identity.path, rule_id: id },
    body: paused,
  })
  assert.equal(at(ignored.json, 'status'), 'active')
  const reply = await inkbox.inkbox(mailbox.update, { path: { ...mailbox.path, rule_id: id }, body: paused })
  assert.equal(at(reply.json, 'status'), 'paused')
  assert.equal((await send('other-desk@demo.test')).status, 202)
})

test('all rules of the organization, by identity and by mailbox', async () => {
  const [family] = families
  if (family === undefined) throw new Error('it is there')
  const operation = 'listOrganizationMailContactRules'
  const first = await made(family)
  const second = await made({ ...family, path: family.otherPath })
  const ids = async (query: Record<string, string> = {}): Promise<string[]> =>
    listAt((await inkbox.inkbox(operation, { query })).json).map((rule) => textAt(rule, 'id'))
  assert.deepEqual(await ids(), [second, first])
  assert.deepEqual(await ids({ agent_identity_id: desk.identity.id }), [first])
  assert.deepEqual(await ids({ mailbox_id: other.identity.mailbox_id ?? '' }), [second])
  assert.deepEqual(await ids({ agent_identity_id: unknownId }), [])
  assert.equal((await inkbox.inkbox(operation, { key: null })).status, 401)
  assert.equal((await inkbox.inkbox(operation, { key: desk.key })).status, 403)
  assert.deepEqual((await inkbox.inkbox(operation, { key: foreign.key })).json, [])
  assert.equal((await inkbox.raw('GET', '/mail/contact-rules/?agent_identity_id=x')).status, 422)
})

/** By the native API, from the desk's mailbox. */
async function send(to: string): Promise<Reply> {
  const body = { to: [to], subject: 'A quote', text: 'It is 7.' }
  return await inkbox.call('POST', '/v1/mailboxes/quote-desk@demo.test/messages', { body })
}

test('a blocked recipient is refused, by the mode or by a rule, and the facts say which', async () => {
  const [family] = families
  if (family === undefined) throw new Error('it is there')
  const id = await made(family, { ...spam, match_target: 'other-desk@demo.test' })
  const blocked = await send('other-desk@demo.test')
  assert.deepEqual(
    [
      blocked.status,
      at(blocked.json, 'code'),
      at(blocked.json, 'matched_rule_id'),
      at(blocked.json, 'address'),
    ],
    [403, 'recipient_blocked', id, 'other-desk@demo.test'],
  )
  await modes({ outbound: 'whitelist' })
  const unnamed = await send('ann@demo.test')
  assert.deepEqual([unnamed.status, at(unnamed.json, 'matched_rule_id')], [403, null])
  await inkbox.inkbox(family.update, { path: { ...family.path, rule_id: id }, body: { action: 'allow' } })
  assert.equal((await send('other-desk@demo.test')).status, 202)
  await modes({ outbound: 'blacklist' })
})

test('mail of a blocked sender comes to the folder Blocked, and its event says so', async () => {
  const [family] = families
  if (family === undefined) throw new Error('it is there')
  const { otherPath: path } = family
  await inkbox.inkbox(family.create, {
    path,
    body: { ...spam, match_target: 'quote-desk@demo.test', direction: 'inbound' },
  })
  assert.equal((await send('other-desk@demo.test')).status, 202)
  const { rows } = await inkbox.platform.pool.query(
    `select data->>'folder' as folder from events where mailbox_id = $1 and type = 'message.received'
     order by id desc limit 1`,
    [other.identity.mailbox_id],
  )
  assert.deepEqual(rows, [{ folder: 'Blocked' }])
})

async function modes(wanted: Parameters<typeof changeFilterModes>[4]) {
  const { platform, scope } = inkbox
  return await transaction(platform.db, (tx) =>
    changeFilterModes(platform, tx, scope, desk.identity.mailbox_id ?? '', wanted),
  )
}

test('a change of modes tells how many rules it leaves without effect, and is read back in sets', async () => {
  const [family] = families
  if (family === undefined) throw new Error('it is there')
  await made(family)
  await made(family, { ...spam, match_target: 'b@example.org', direction: 'outbound' })
  await made(family, { action: 'allow', match_type: 'domain', match_target: 'example.net' })
  const notice = (mode: string, action: string, count: number) => ({
    new_filter_mode: mode,
    redundant_rule_action: action,
    redundant_rule_count: count,
  })
  assert.deepEqual(await modes({ inbound: 'whitelist' }), notice('whitelist', 'block', 1))
  assert.equal(await modes({ inbound: 'whitelist' }), null)
  assert.equal(await modes({}), null)
  const whitelist = { inbound: 'whitelist', outbound: 'whitelist' } as const
  assert.deepEqual(await modes(whitelist), notice('whitelist', 'block', 2))
  const ids = [desk, other].map(({ identity }) => identity.mailbox_id ?? '')
  const blacklist = { inbound: 'blacklist', outbound: 'blacklist' } as const
  assert.deepEqual([...(await filterModesOf(inkbox.platform.db, ids)).values()], [whitelist, blacklist])
  assert.deepEqual(await modes(blacklist), notice('blacklist', 'allow', 1))
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'contact-rules'), [])
})
