/** Undo over the API: every change of a mailbox’s life that has an opposite is taken back, and nothing newer is lost. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { transaction } from '../platform/database.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi

before(async () => {
  api = await startTestApi()
  for (const name of ['b', 'c', 'x', 'all']) await make(`${name}@demo.test`)
})
after(() => api[Symbol.asyncDispose]())

const call = (method: string, path: string, body?: unknown): Promise<Reply> =>
  api.call(method, path, { body })

async function make(address: string, more: object = {}): Promise<string> {
  const made = await call('POST', '/v1/mailboxes', { address, ...more })
  assert.equal(made.status, 201, made.text)
  return textAt(made.json, 'id')
}

/** The newest entry of that action. */
async function entryOf(mailboxId: string, action: string): Promise<string> {
  const { json } = await call('GET', `/v1/audit-log?mailbox_id=${mailboxId}&action=${action}`)
  return textAt(json, 'data', 0, 'id')
}

async function undo(mailboxId: string, action: string, body: object = {}): Promise<Reply> {
  return await call('POST', `/v1/audit-log/${await entryOf(mailboxId, action)}/undo`, body)
}

/** What a mailbox is, without what rises with every change. */
async function picture(id: string): Promise<unknown> {
  const mailbox = Object((await call('GET', `/v1/mailboxes/${id}`)).json)
  const { version, updated_at, state_changed_at, ...rest } = mailbox
  const aliases = listAt((await call('GET', `/v1/mailboxes/${id}/aliases`)).json, 'data').map((alias) => {
    const { created_at, ...row } = Object(alias)
    return row
  })
  return { rest, aliases, forwarding: (await call('GET', `/v1/mailboxes/${id}/forwarding`)).json }
}

const changes: [name: string, action: string, change: (id: string) => Promise<Reply>][] = [
  [
    'an edit',
    'mailbox.updated',
    (id) =>
      call('PATCH', `/v1/mailboxes/${id}`, {
        display_name: 'Changed',
        first_name: null,
        tags: ['x'],
        notes: 'new',
        signature: { text: null },
        custom_fields: { plan: 'gold', added: '1', constructor: '2', city: null },
        recovery: { email: 'other@example.org' },
        period: 'yearly',
      }),
  ],
  ['a suspension', 'mailbox.state_changed', (id) => call('POST', `/v1/mailboxes/${id}/suspend`)],
  ['a deletion', 'mailbox.state_changed', (id) => call('DELETE', `/v1/mailboxes/${id}`)],
  ['a cancellation', 'mailbox.cancellation_scheduled', (id) => call('POST', `/v1/mailboxes/${id}/cancel`)],
  [
    'a new alias',
    'address.created',
    (id) => call('POST', `/v1/mailboxes/${id}/aliases`, { address: `new-${id}@demo.test` }),
  ],
  [
    'an alias that went',
    'address.deleted',
    (id) => call('DELETE', `/v1/mailboxes/${id}/aliases/off-${id}@demo.test`),
  ],
  [
    'a forwarding',
    'mailbox.forwarding_changed',
    (id) => call('PUT', `/v1/mailboxes/${id}/forwarding`, { targets: ['c@demo.test'], keep_copy: false }),
  ],
]
for (const [index, [name, action, change]] of changes.entries()) {
  test(`${name} is taken back`, async () => {
    const id = await make(`undo${index}@demo.test`, {
      display_name: 'Ann',
      first_name: 'Ann',
      tags: ['a', 'b'],
      notes: 'old',
      signature: { text: 'Yours, Ann' },
      custom_fields: { plan: 'silver', city: 'Berlin' },
      recovery: { email: 'ann@example.org' },
    })
    await call('POST', `/v1/mailboxes/${id}/aliases`, {
      address: `off-${id}@demo.test`,
      description: 'of old',
    })
    await call('PATCH', `/v1/mailboxes/${id}/aliases/off-${id}@demo.test`, { enabled: false })
    await call('PUT', `/v1/mailboxes/${id}/forwarding`, { targets: ['b@demo.test'], keep_copy: true })
    const was = await picture(id)
    const changed = await change(id)
    assert.ok(changed.status < 300, changed.text)
    const became = await picture(id)
    assert.notDeepEqual(became, was)

    const tried = await undo(id, action, { preview: true })
    assert.deepEqual(
      [tried.status, at(tried.json, 'preview'), at(tried.json, 'objects', 0, 'id')],
      [200, true, action.startsWith('mailbox.') ? id : null],
    )
    if (!action.startsWith('mailbox.'))
      assert.match(textAt(tried.json, 'objects', 0, 'name'), new RegExp(`-${id}@`))
    assert.deepEqual(await picture(id), became)

    const undone = await undo(id, action)
    assert.equal(undone.status, 200, undone.text)
    assert.deepEqual(await picture(id), was)
    const trail = await call('GET', `/v1/audit-log?mailbox_id=${id}&action=audit.undone`)
    assert.equal(at(trail.json, 'data', 0, 'data', 'action'), action)
  })
}

test('a rename is taken back, also when the old address stayed', async () => {
  const id = await make('renamed-from@demo.test')
  await call('POST', `/v1/mailboxes/${id}/rename`, { address: 'renamed-to@demo.test' })
  assert.equal((await undo(id, 'mailbox.renamed')).status, 200)
  const { json } = await call('GET', `/v1/mailboxes/${id}`)
  assert.equal(textAt(json, 'address'), 'renamed-from@demo.test')
  assert.deepEqual(listAt((await call('GET', `/v1/mailboxes/${id}/aliases`)).json, 'data'), [])
  assert.equal((await call('GET', '/v1/mailboxes/renamed-to@demo.test')).status, 404)
})

test('a mailbox that was made is deleted, and can be restored', async () => {
  const id = await make('made-by-mistake@demo.test')
  assert.equal((await undo(id, 'mailbox.created')).status, 200)
  assert.equal(textAt((await call('GET', `/v1/mailboxes/${id}`)).json, 'state'), 'deletion_scheduled')
  assert.equal((await undo(id, 'mailbox.state_changed')).status, 200)
  assert.equal(textAt((await call('GET', `/v1/mailboxes/${id}`)).json, 'state'), 'active')
})

test('forwards and the catch-all of a domain come back', async () => {
  await call('POST', '/v1/domains/demo.test/forwards', {
    address: 'team@demo.test',
    targets: ['x@demo.test'],
  })
  await call('PUT', '/v1/domains/demo.test/catch-all', { targets: ['all@demo.test'] })
  await call('DELETE', '/v1/domains/demo.test/forwards/team@demo.test')
  await call('DELETE', '/v1/domains/demo.test/catch-all')
  const { json } = await call('GET', '/v1/audit-log?action=address.deleted&limit=2')
  for (const entry of listAt(json, 'data')) {
    const undone = await call('POST', `/v1/audit-log/${textAt(entry, 'id')}/undo`)
    assert.equal(undone.status, 200, undone.text)
  }
  const forwards = await call('GET', '/v1/domains/demo.test/forwards')
  assert.match(forwards.text, /team@demo\.test.*x@demo\.test/)
  assert.match((await call('GET', '/v1/domains/demo.test/catch-all')).text, /all@demo\.test/)
})

test('what was changed since is not overwritten', async () => {
  const id = await make('since@demo.test', { display_name: 'One' })
  await call('PATCH', `/v1/mailboxes/${id}`, { display_name: 'Two' })
  const edit = await entryOf(id, 'mailbox.updated')
  await call('PATCH', `/v1/mailboxes/${id}`, { display_name: 'Three' })
  assert.equal(refusal(await call('POST', `/v1/audit-log/${edit}/undo`)), '409 undo_conflict')
  await call('PATCH', `/v1/mailboxes/${id}`, { display_name: 'Two', first_name: 'other' })
  assert.equal((await call('POST', `/v1/audit-log/${edit}/undo`)).status, 200)
  const { json } = await call('GET', `/v1/mailboxes/${id}`)
  assert.deepEqual([at(json, 'display_name'), at(json, 'first_name')], ['One', 'other'])

  await call('POST', `/v1/mailboxes/${id}/suspend`)
  const suspension = await entryOf(id, 'mailbox.state_changed')
  await call('POST', `/v1/mailboxes/${id}/resume`)
  assert.equal(refusal(await call('POST', `/v1/audit-log/${suspension}/undo`)), '409 undo_conflict')
  await call('POST', `/v1/mailboxes/${id}/rename`, { address: 'since2@demo.test' })
  const first = await entryOf(id, 'mailbox.renamed')
  await call('POST', `/v1/mailboxes/${id}/rename`, { address: 'since3@demo.test' })
  assert.equal(refusal(await call('POST', `/v1/audit-log/${first}/undo`)), '409 undo_conflict')
})

test('a restore to suspended is taken back by deleting it again', async () => {
  const id = await make('suspended@demo.test')
  await call('POST', `/v1/mailboxes/${id}/suspend`)
  await call('DELETE', `/v1/mailboxes/${id}`)
  await call('POST', `/v1/mailboxes/${id}/restore`)
  assert.equal((await undo(id, 'mailbox.state_changed')).status, 200)
  assert.equal(textAt((await call('GET', `/v1/mailboxes/${id}`)).json, 'state'), 'deletion_scheduled')
})

test('another period is taken back, also before the first has begun', async () => {
  await call('POST', '/v1/domains', { name: 'waits.example' })
  const id = await make('ann@waits.example')
  const period = async () => at((await call('GET', `/v1/mailboxes/${id}`)).json, 'period')
  await call('PATCH', `/v1/mailboxes/${id}`, { period: 'yearly' })
  assert.equal(await period(), 'yearly')
  assert.equal((await undo(id, 'mailbox.updated')).status, 200)
  assert.equal(await period(), 'monthly')
})

test('an alias that was off comes back off, and its event says so', async () => {
  const id = await make('off@demo.test')
  const aliases = `/v1/mailboxes/${id}/aliases`
  await call('POST', aliases, { address: 'off-alias@demo.test' })
  await call('PATCH', `${aliases}/off-alias@demo.test`, { enabled: false })
  await call('DELETE', `${aliases}/off-alias@demo.test`)
  const tried = await undo(id, 'address.deleted', { preview: true })
  assert.deepEqual(listAt(tried.json, 'objects'), [
    { type: 'alias', action: 'create', id: null, name: 'off-alias@demo.test', state: 'disabled' },
  ])
  assert.equal((await undo(id, 'address.deleted')).status, 200)
  const made = await call('GET', `/v1/audit-log/${await entryOf(id, 'address.created')}`)
  assert.equal(at(made.json, 'data', 'enabled'), false)
})

test('a catch-all and a cancellation that were changed since stay', async () => {
  const id = await make('all-since@demo.test')
  await call('POST', '/v1/domains', { name: 'since.test' })
  const catchAll = '/v1/domains/since.test/catch-all'
  await call('PUT', catchAll, { targets: ['x@demo.test'] })
  const { json } = await call('GET', '/v1/audit-log?action=address.created&limit=1')
  const made = textAt(json, 'data', 0, 'id')
  const tried = await call('POST', `/v1/audit-log/${made}/undo`, { preview: true })
  assert.deepEqual(listAt(tried.json, 'objects'), [
    { type: 'forward', action: 'delete', id: null, name: '@since.test', state: 'deleted' },
  ])
  await call('PUT', catchAll, { targets: ['b@demo.test'] })
  assert.equal(refusal(await call('POST', `/v1/audit-log/${made}/undo`)), '409 undo_conflict')
  assert.match((await call('GET', catchAll)).text, /b@demo\.test/)

  await call('POST', `/v1/mailboxes/${id}/cancel`)
  await call('POST', `/v1/mailboxes/${id}/keep`)
  assert.equal(refusal(await undo(id, 'mailbox.cancellation_scheduled')), '409 undo_conflict')
})

test('what has no opposite is refused and says so before, and so is who may not', async () => {
  const id = await make('no-way-back@demo.test')
  await call('POST', `/v1/mailboxes/${id}/password`)
  const entry = await entryOf(id, 'mailbox.password_changed')
  assert.equal(at((await call('GET', `/v1/audit-log/${entry}`)).json, 'undoable'), false)
  assert.equal(refusal(await call('POST', `/v1/audit-log/${entry}/undo`)), '409 undo_impossible')
  const made = await entryOf(id, 'mailbox.created')
  assert.equal(at((await call('GET', `/v1/audit-log/${made}`)).json, 'undoable'), true)

  const gone = await make('gone-for-good@demo.test')
  await call('DELETE', `/v1/mailboxes/${gone}?purge=true`)
  const purge = await entryOf(gone, 'mailbox.state_changed')
  assert.equal(at((await call('GET', `/v1/audit-log/${purge}`)).json, 'undoable'), false)
  assert.equal(refusal(await call('POST', `/v1/audit-log/${purge}/undo`)), '409 undo_impossible')

  const followed = await make('moves@demo.test')
  await call('PUT', `/v1/mailboxes/${id}/forwarding`, { targets: ['moves@demo.test'], keep_copy: true })
  await call('POST', `/v1/mailboxes/${followed}/rename`, { address: 'moved@demo.test' })
  const follow = await entryOf(id, 'mailbox.forwarding_changed')
  assert.equal(at((await call('GET', `/v1/audit-log/${follow}`)).json, 'undoable'), false)
  const readOnly = await api.key({ access: 'read' })
  const tried = await api.call('POST', `/v1/audit-log/${made}/undo`, { key: readOnly, body: {} })
  assert.equal(tried.status, 403)
})

test('a purge takes along what was kept for undoing', async () => {
  const id = await make('purged@demo.test', { notes: 'a secret of old' })
  await call('PATCH', `/v1/mailboxes/${id}`, { notes: 'newer' })
  const edit = await entryOf(id, 'mailbox.updated')
  await call('DELETE', `/v1/mailboxes/${id}?purge=true`)
  await purgeMailbox(api.platform, id)
  const { before: kept } = await transaction(api.platform.db, (tx) =>
    tx.selectFrom('audit_log').select('before').where('id', '=', edit).executeTakeFirstOrThrow(),
  )
  assert.equal(kept, null)
  assert.notEqual((await call('POST', `/v1/audit-log/${edit}/undo`)).status, 200)
})
