/** Policies, folders with usage, and what was removed: the calls about what a mailbox holds and keeps. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { expungeMessages } from '../messages/changes.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { append, folderIdOf, inTransaction, mail } from '../testing/test-mail.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_QUOTA_BYTES: '1000000' } })
})
after(() => api[Symbol.asyncDispose]())

const defaults = {
  quota_bytes: 1_000_000,
  quota_messages: null,
  trash_days: 30,
  junk_days: 30,
  restore_days: 14,
  pop3_keep_days: null,
}

type Box = { mailboxId: string; owner: MailboxOwner; path: string; inboxId: string }

async function newBox(): Promise<Box> {
  const { mailboxId, owner } = await api.createMailbox()
  const inboxId = await folderIdOf(api.platform, mailboxId, 'INBOX')
  return { mailboxId, owner, inboxId, path: `/v1/mailboxes/${mailboxId}` }
}

/** A mailbox in whose INBOX messages were and are no more. @returns with their ids. */
async function boxWithDeleted(count: number): Promise<Box & { ids: string[] }> {
  const box = await newBox()
  const raws = Array.from({ length: count }, () =>
    Buffer.from('From: Bob <bob@x.test>\r\nSubject: Hi\r\n\r\nx\r\n'),
  )
  const stored = await append(api.platform, box.owner, box.inboxId, raws)
  const uids = stored.map(({ uid }) => uid)
  await inTransaction(api.platform, (tx) => expungeMessages(api.platform, tx, box.owner, box.inboxId, uids))
  return { ...box, ids: stored.map(({ id }) => id) }
}

test('a mailbox’s policy: its own settings, else its workspace’s, else the program’s', async () => {
  const box = await newBox()
  const workspacePath = `/v1/workspaces/${api.scope.workspaceId}/policy`
  const first = await api.call('GET', `${box.path}/policy`)
  assert.deepEqual([first.status, first.json], [200, { settings: {}, effective: defaults }])
  const general = { trash_days: 7, quota_messages: 100 }
  const put = await api.call('PUT', workspacePath, { body: general })
  const expected = { settings: general, effective: { ...defaults, ...general } }
  assert.deepEqual([put.status, put.json], [200, expected])
  assert.deepEqual((await api.call('GET', workspacePath)).json, expected)
  const own = { trash_days: null, restore_days: 0 }
  const mine = await api.call('PUT', `${box.path}/policy`, { body: own })
  const mineExpected = { settings: own, effective: { ...defaults, ...general, ...own } }
  assert.deepEqual([mine.status, mine.json], [200, mineExpected])
  assert.deepEqual((await api.call('GET', `${box.path}/policy`)).json, mineExpected)
  await api.call('PUT', `${box.path}/policy`, { body: {} })
  await api.call('PUT', workspacePath, { body: {} })
  assert.deepEqual((await api.call('GET', `${box.path}/policy`)).json, first.json)
})

const badBodies: [what: string, body: object][] = [
  ['below the least', { trash_days: 0 }],
  ['above the most', { restore_days: 366 }],
  ['not a whole number', { quota_bytes: 1.5 }],
  ['a text', { quota_bytes: '1' }],
  ['null where there is no "none"', { restore_days: null }],
  ['unknown', { trashDays: 3 }],
]
for (const [what, body] of badBodies) {
  test(`a setting that is refused: ${what}`, async () => {
    const box = await newBox()
    assert.equal(refusal(await api.call('PUT', `${box.path}/policy`, { body })), '400 invalid_request')
    assert.deepEqual(at((await api.call('GET', `${box.path}/policy`)).json, 'settings'), {})
  })
}

test('who may not change a policy: a key that reads, and one that is bound to the mailbox', async () => {
  const box = await newBox()
  const { workspaceId } = api.scope
  const bound = await api.key({ workspaceId, mailboxId: box.mailboxId })
  const reading = await api.key({ access: 'read' })
  for (const key of [bound, reading]) {
    const put = (path: string): Promise<Reply> => api.call('PUT', path, { key, body: { trash_days: 1 } })
    assert.equal((await api.call('GET', `${box.path}/policy`, { key })).status, 200)
    assert.equal(refusal(await put(`${box.path}/policy`)), '403 forbidden')
    assert.equal(refusal(await put(`/v1/workspaces/${workspaceId}/policy`)), '403 forbidden')
  }
})

test('folders with counts, sizes, usage and quota', async () => {
  const box = await newBox()
  const raw = mail()
  await append(api.platform, box.owner, box.inboxId, [raw, raw])
  await append(api.platform, box.owner, await folderIdOf(api.platform, box.mailboxId, 'Sent'), [raw], {
    flags: 1,
  })
  const { status, json } = await api.call('GET', `${box.path}/folders`)
  assert.equal(status, 200)
  const rows = [0, 1, 2, 3, 4, 5].map((n) =>
    ['path', 'special_use', 'messages', 'unseen', 'size_bytes'].map((field) => at(json, 'data', n, field)),
  )
  assert.deepEqual(rows, [
    ['Archive', 'archive', 0, 0, 0],
    ['Drafts', 'drafts', 0, 0, 0],
    ['INBOX', 'inbox', 2, 2, 2 * raw.length],
    ['Junk', 'junk', 0, 0, 0],
    ['Sent', 'sent', 1, 0, raw.length],
    ['Trash', 'trash', 0, 0, 0],
  ])
  assert.deepEqual(at(json, 'usage'), { bytes: 3 * raw.length, messages: 3 })
  assert.deepEqual(at(json, 'quota'), { bytes: 1_000_000, messages: null })
})

test('removed messages are listed in pages, with what a person knows them by', async () => {
  const box = await boxWithDeleted(3)
  const first = await api.call('GET', `${box.path}/deleted-messages?limit=2`)
  assert.equal(first.status, 200)
  const cursor = textAt(first.json, 'next_cursor')
  const second = await api.call('GET', `${box.path}/deleted-messages?limit=2&cursor=${cursor}`)
  assert.equal(at(second.json, 'next_cursor'), null)
  const ids = [
    at(first.json, 'data', 0, 'id'),
    at(first.json, 'data', 1, 'id'),
    at(second.json, 'data', 0, 'id'),
  ]
  assert.deepEqual(ids, box.ids.toReversed())
  const one = at(first.json, 'data', 0)
  assert.deepEqual(
    [at(one, 'folder'), at(one, 'folder_id'), at(one, 'subject'), at(one, 'from')],
    ['INBOX', box.inboxId, 'Hi', 'bob@x.test'],
  )
  const days = Date.parse(textAt(one, 'restore_until')) - Date.parse(textAt(one, 'deleted_at'))
  assert.equal(days, 14 * 86_400_000)
  assert.equal(refusal(await api.call('GET', `${box.path}/deleted-messages?cursor=x`)), '400 invalid_cursor')
})

test('one message is restored once, also when the call is repeated with its Idempotency-Key', async () => {
  const box = await boxWithDeleted(1)
  const path = `${box.path}/deleted-messages/${box.ids[0]}/restore`
  const headers = { 'idempotency-key': 'restore-1' }
  const restored = await api.call('POST', path, { headers })
  assert.equal(restored.status, 200)
  assert.deepEqual(restored.json, { id: box.ids[0], folder_id: box.inboxId, folder: 'INBOX', uid: 2 })
  assert.deepEqual((await api.call('POST', path, { headers })).json, restored.json)
  assert.equal(refusal(await api.call('POST', path)), '404 deleted_message_not_found')
  assert.equal(
    refusal(await api.call('POST', `${box.path}/deleted-messages/nope/restore`)),
    '404 deleted_message_not_found',
  )
})

test('many are restored at once, into a folder that one names', async () => {
  const box = await boxWithDeleted(3)
  const archiveId = await folderIdOf(api.platform, box.mailboxId, 'Archive')
  const unknown = '00000000-0000-7000-8000-000000000000'
  const restore = (body: object): Promise<Reply> =>
    api.call('POST', `${box.path}/deleted-messages/restore`, { body })
  assert.equal(refusal(await restore({ ids: box.ids, folder_id: unknown })), '404 folder_not_found')
  const [first = ''] = box.ids
  const { status, json } = await restore({
    ids: [...box.ids, unknown, first.toUpperCase()],
    folder_id: archiveId,
  })
  assert.equal(status, 200)
  assert.deepEqual(at(json, 'not_found'), [unknown])
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => at(json, 'data', n, 'folder')),
    ['Archive', 'Archive', 'Archive', undefined],
  )
  assert.equal(refusal(await restore({ ids: [] })), '400 invalid_request')
})

test('a mailbox that is full restores nothing; a key that reads may not', async () => {
  const box = await boxWithDeleted(1)
  await api.call('PUT', `${box.path}/policy`, { body: { quota_bytes: 1 } })
  const path = `${box.path}/deleted-messages/${box.ids[0]}/restore`
  assert.equal(refusal(await api.call('POST', path)), '409 quota_exceeded')
  await api.call('PUT', `${box.path}/policy`, { body: {} })
  const key = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('POST', path, { key })), '403 forbidden')
  assert.equal((await api.call('POST', path)).status, 200)
})
