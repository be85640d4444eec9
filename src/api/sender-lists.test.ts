/** Sender lists over HTTP: added, changed, paged, removed; bad input; who may; and that RCPT TO knows at once. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { blockedRecipients } from '../delivery/spam/recipient-lists.ts'
import { senderVerdict } from '../delivery/spam/sender-lists.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { recipientOf } from '../testing/test-spam.ts'

let api: TestApi
let ann: TestMailbox
before(async () => {
  api = await startTestApi()
  ann = await api.createMailbox('ann@demo.test')
})
after(() => api[Symbol.asyncDispose]())

const entry = (pattern: string, kind = 'block') => ({ kind, pattern })
const patternsIn = (json: unknown): string[] =>
  Object.values(Object(at(json, 'data'))).map((one) => `${textAt(one, 'kind')} ${textAt(one, 'pattern')}`)

const levels = () => [
  '/v1/mailboxes/ann@demo.test/sender-lists',
  `/v1/mailboxes/${ann.mailboxId}/sender-lists`,
  '/v1/domains/demo.test/sender-lists',
  `/v1/workspaces/${api.scope.workspaceId}/sender-lists`,
]

test('each level has a list: entries are added in canonical form, change their kind, and go', async () => {
  const recipient = await recipientOf(api.platform, ann)
  const senders = { mailFrom: 'eve@evil.example', from: [] }
  const blocks = async () => (await senderVerdict(api.platform, recipient, senders)) === 'blocked'
  for (const path of levels()) {
    assert.deepEqual((await api.call('GET', path)).json, { data: [], next_cursor: null }, path)
    assert.equal(await blocks(), false)
    const entries = [entry('Eve@EVIL.example'), entry('.good.example', 'allow')]
    const added = await api.call('POST', path, { body: { entries } })
    assert.equal(added.status, 200, added.text)
    assert.deepEqual(patternsIn(added.json), ['block eve@evil.example', 'allow .good.example'])
    assert.equal(await blocks(), true, path)
    await api.call('POST', path, { body: { entries: [entry('eve@evil.example', 'allow')] } })
    assert.equal(await blocks(), false)
    const listed = await api.call('GET', `${path}?limit=1`)
    assert.deepEqual(patternsIn(listed.json), ['allow eve@evil.example'])
    const rest = await api.call('GET', `${path}?limit=1&cursor=${textAt(listed.json, 'next_cursor')}`)
    assert.deepEqual(patternsIn(rest.json), ['allow .good.example'])
    for (const page of [listed, rest]) {
      const gone = await api.call('DELETE', `${path}/${textAt(page.json, 'data', 0, 'id')}`)
      assert.equal(gone.status, 204)
    }
    const again = await api.call('DELETE', `${path}/${textAt(rest.json, 'data', 0, 'id')}`)
    assert.equal(refusal(again), '404 sender_list_entry_not_found')
  }
})

test('what is no pattern is pointed at, and nothing is added', async () => {
  const [path = ''] = levels()
  const entries = [entry('good@x.example'), entry('x.example'), entry('@')]
  const reply = await api.call('POST', path, { body: { entries } })
  assert.equal(refusal(reply), '400 invalid_request')
  assert.deepEqual(
    Object.values(Object(at(reply.json, 'errors'))).map((one) => textAt(one, 'pointer')),
    ['/entries/1/pattern', '/entries/2/pattern'],
  )
  assert.deepEqual(patternsIn((await api.call('GET', path)).json), [])
  const bad = [
    { entries: [] },
    { entries: [entry('a@b.example', 'ban')] },
    {},
    { entries: Array(1001).fill(entry('a@b.example')) },
  ]
  for (const body of bad) assert.equal(refusal(await api.call('POST', path, { body })), '400 invalid_request')
})

test('an entry of one list cannot be removed through another', async () => {
  const [path = '', , domain = ''] = levels()
  const added = await api.call('POST', path, { body: { entries: [entry('a@b.example')] } })
  const id = textAt(added.json, 'data', 0, 'id')
  assert.equal(refusal(await api.call('DELETE', `${domain}/${id}`)), '404 sender_list_entry_not_found')
  assert.equal((await api.call('DELETE', `${path}/${id}`)).status, 204)
})

test('an entry has a direction, is changed and paused, and splits where another takes a direction', async () => {
  for (const path of levels()) {
    const one = { ...entry('Eve@evil.example'), direction: 'both' }
    const added = await api.call('POST', path, { body: { entries: [one] } })
    assert.equal(added.status, 200, added.text)
    const id = textAt(added.json, 'data', 0, 'id')
    assert.equal(at(added.json, 'data', 0, 'direction'), 'both')
    const { owner } = ann
    const isBlocked = async () =>
      (await blockedRecipients(api.platform, owner, ['eve@evil.example'])).map(({ entryId }) => entryId)
    assert.deepEqual(await isBlocked(), [id])
    const paused = await api.call('PATCH', `${path}/${id}`, { body: { paused: true } })
    assert.deepEqual([paused.status, at(paused.json, 'paused')], [200, true])
    assert.deepEqual(await isBlocked(), [])
    await api.call('PATCH', `${path}/${id}`, { body: { paused: false } })
    const allowed = { ...entry('eve@evil.example', 'allow'), direction: 'outbound' }
    const split = await api.call('POST', path, { body: { entries: [allowed] } })
    assert.deepEqual(await isBlocked(), [])
    const kinds = async () =>
      listAt((await api.call('GET', path)).json, 'data').map(
        (one) => `${textAt(one, 'kind')} ${textAt(one, 'direction')}`,
      )
    assert.deepEqual(await kinds(), ['block inbound', 'allow outbound'])
    const second = textAt(split.json, 'data', 0, 'id')
    await api.call('PATCH', `${path}/${second}`, { body: { direction: 'both' } })
    assert.deepEqual(await kinds(), ['allow both'], 'what it took is gone')
    assert.equal(refusal(await api.call('PATCH', `${path}/${second}`, { body: {} })), '400 invalid_request')
    const gone = await api.call('PATCH', `${path}/${id}`, { body: { paused: true } })
    assert.equal(refusal(gone), '404 sender_list_entry_not_found')
    assert.equal((await api.call('DELETE', `${path}/${second}`)).status, 204)
  }
})

test('the mode is open, and can be the allow list only', async () => {
  const path = '/v1/mailboxes/ann@demo.test/sender-lists/mode'
  assert.deepEqual((await api.call('GET', path)).json, { mode: 'open', outbound_mode: 'open' })
  const set = await api.call('PUT', path, { body: { mode: 'allow_list' } })
  assert.deepEqual([set.status, set.json], [200, { mode: 'allow_list', outbound_mode: 'open' }])
  const other = await api.call('PUT', path, { body: { outbound_mode: 'allow_list', mode: 'open' } })
  assert.deepEqual(other.json, { mode: 'open', outbound_mode: 'allow_list' })
  assert.deepEqual((await api.call('GET', path)).json, other.json)
  for (const body of [{ mode: 'closed' }, {}]) {
    assert.equal(refusal(await api.call('PUT', path, { body })), '400 invalid_request')
  }
  await api.call('PUT', path, { body: { outbound_mode: 'open' } })
})

test('a key that may only read, or is bound to the mailbox, changes nothing', async () => {
  const bound = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: ann.mailboxId })
  const reading = await api.key({ access: 'read' })
  const [path = ''] = levels()
  for (const key of [bound, reading]) {
    assert.equal((await api.call('GET', path, { key })).status, 200)
    const calls = [
      await api.call('POST', path, { key, body: { entries: [entry('a@b.example')] } }),
      await api.call('PATCH', `${path}/${ann.mailboxId}`, { key, body: { paused: true } }),
      await api.call('PUT', `${path}/mode`, { key, body: { mode: 'open' } }),
      await api.call('DELETE', `${path}/${ann.mailboxId}`, { key }),
    ]
    for (const reply of calls) assert.equal(refusal(reply), '403 forbidden')
  }
  for (const other of levels().slice(2)) {
    const reply = await api.call('POST', other, { key: bound, body: { entries: [entry('a@b.example')] } })
    assert.match(refusal(reply), /^(403 forbidden|404 workspace_not_found)$/)
  }
})
