/** Messages changed by API: flags, labels, folders, deletion; one, many and whole threads; and folders themselves. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { MailboxOwner } from '../messages/owner.ts'
import type { StoredMessage } from '../messages/store.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { append, assertCounters, eventsOf, folderIdOf, mail, messagesIn } from '../testing/test-mail.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

type Box = { mailboxId: string; owner: MailboxOwner; path: string; messages: StoredMessage[] }

/** A mailbox with messages in INBOX. */
async function boxWith(count: number): Promise<Box> {
  const { mailboxId, owner } = await api.createMailbox()
  const inboxId = await folderIdOf(api.platform, mailboxId, 'INBOX')
  const raws = Array.from({ length: count }, (_, n) => mail({ id: `${n}@x.test`, text: `mail ${n}` }))
  const messages = await append(api.platform, owner, inboxId, raws)
  return { mailboxId, owner, path: `/v1/mailboxes/${mailboxId}`, messages }
}

function patch(box: Box, body: object, index = 0, headers: Record<string, string> = {}): Promise<Reply> {
  return api.call('PATCH', `${box.path}/messages/${box.messages[index]?.id}`, { body, headers })
}

const idOf = (box: Box, index: number): string => box.messages[index]?.id ?? ''

test('flags are set and taken away, each by itself, and the etag changes with them', async () => {
  const box = await boxWith(1)
  const first = await patch(box, { seen: true, flagged: true })
  assert.deepEqual([first.status, at(first.json, 'flags')], [200, ['seen', 'flagged']])
  assert.equal(first.headers.get('etag'), textAt(first.json, 'etag'))
  const second = await patch(box, { flagged: false, answered: true })
  assert.deepEqual(at(second.json, 'flags'), ['seen', 'answered'])
  assert.notEqual(textAt(second.json, 'etag'), textAt(first.json, 'etag'))
  const same = await patch(box, { answered: true, flagged: false, seen: true })
  assert.equal(textAt(same.json, 'etag'), textAt(second.json, 'etag'))
  const read = await api.call('GET', `${box.path}/messages/${idOf(box, 0)}`)
  assert.equal(textAt(read.json, 'etag'), textAt(second.json, 'etag'))
  await assertCounters(api.platform, box.mailboxId)
})

test('labels: added, removed, replaced; case does not matter and the first spelling stays', async () => {
  const box = await boxWith(1)
  const labels = async (body: object): Promise<unknown> => at((await patch(box, body)).json, 'labels')
  assert.deepEqual(await labels({ add_labels: ['To-Do', 'work', 'WORK'] }), ['To-Do', 'work'])
  assert.deepEqual(await labels({ add_labels: ['to-do', 'new'], remove_labels: ['Work'] }), ['To-Do', 'new'])
  assert.deepEqual(await labels({ labels: ['TO-DO', '$Forwarded'] }), ['To-Do', '$Forwarded'])
  assert.deepEqual(await labels({ labels: [] }), [])
})

const badLabels: [what: string, label: string][] = [
  ['empty', ''],
  ['a space', 'to do'],
  ['a system flag', '\\Seen'],
  ['a wildcard', 'all*'],
  ['a bracket', 'a]'],
  ['a quote', 'a"b'],
  ['beyond ASCII', 'wichtig-für-uns'],
  ['a control', 'a\u0007'],
  ['too long', 'x'.repeat(101)],
]
for (const [what, label] of badLabels) {
  test(`a label that is refused: ${what}`, async () => {
    const box = await boxWith(1)
    const reply = await patch(box, { seen: true, add_labels: ['good', label] })
    assert.equal(refusal(reply), '422 label_invalid')
    assert.equal(at(reply.json, 'errors', 0, 'pointer'), '/add_labels/1')
    const read = await api.call('GET', `${box.path}/messages/${idOf(box, 0)}`)
    assert.deepEqual([at(read.json, 'flags'), at(read.json, 'labels')], [[], []])
  })
}

test('a message has 100 labels at most, and labels do not go with add_labels', async () => {
  const box = await boxWith(1)
  const names = Array.from({ length: 100 }, (_, n) => `l${n}`)
  assert.equal((await patch(box, { labels: names })).status, 200)
  assert.equal(refusal(await patch(box, { add_labels: ['more'] })), '409 keyword_limit_reached')
  assert.equal(refusal(await patch(box, { labels: [], add_labels: ['x'] })), '400 invalid_request')
})

test('a message moves by a folder’s path, id and use, and keeps its id', async () => {
  const box = await boxWith(1)
  const archiveId = await folderIdOf(api.platform, box.mailboxId, 'Archive')
  const ways = { archive: 'Archive', inbox: 'INBOX', [archiveId]: 'Archive', Trash: 'Trash', spam: 'Junk' }
  for (const [folder, path] of Object.entries(ways)) {
    const reply = await patch(box, { folder })
    assert.deepEqual([reply.status, textAt(reply.json, 'folder', 'path')], [200, path])
    assert.equal(textAt(reply.json, 'id'), idOf(box, 0))
  }
  assert.equal(refusal(await patch(box, { folder: 'Nowhere' })), '404 folder_not_found')
  assert.equal(refusal(await patch(box, { folder: 'anywhere' })), '404 folder_not_found')
  await assertCounters(api.platform, box.mailboxId)
})

test('If-Match keeps a change from what somebody else has changed', async () => {
  const box = await boxWith(1)
  const seen = textAt((await patch(box, { seen: true })).json, 'etag')
  await patch(box, { flagged: true })
  assert.equal(refusal(await patch(box, { seen: false }, 0, { 'if-match': seen })), '412 edit_conflict')
  const path = `${box.path}/messages/${idOf(box, 0)}`
  assert.equal(
    refusal(await api.call('DELETE', path, { headers: { 'if-match': seen } })),
    '412 edit_conflict',
  )
  assert.equal((await patch(box, { seen: false }, 0, { 'if-match': '*' })).status, 200)
  const moved = textAt((await patch(box, { folder: 'archive' })).json, 'etag')
  assert.equal((await patch(box, { seen: true }, 0, { 'if-match': `W/"1", ${moved}` })).status, 200)
})

test('who may not: a key that reads; and a message that is not there', async () => {
  const box = await boxWith(1)
  const key = await api.key({ access: 'read' })
  const path = `${box.path}/messages/${idOf(box, 0)}`
  const body = { ids: [idOf(box, 0)], change: { seen: true } }
  for (const [method, where, sent] of [
    ['PATCH', path, { seen: true }],
    ['DELETE', path, undefined],
    ['POST', `${box.path}/messages/changes`, body],
    ['POST', `${box.path}/folders`, { path: 'x' }],
  ] as const) {
    assert.equal(refusal(await api.call(method, where, { key, body: sent })), '403 forbidden')
  }
  for (const id of ['nope', '00000000-0000-7000-8000-000000000000']) {
    const missing = `${box.path}/messages/${id}`
    assert.equal(refusal(await api.call('PATCH', missing, { body: {} })), '404 message_not_found')
    assert.equal(refusal(await api.call('DELETE', missing)), '404 message_not_found')
    assert.equal(refusal(await api.call('GET', `${missing}/codes`)), '404 message_not_found')
  }
  const bound = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: box.mailboxId })
  assert.equal((await api.call('PATCH', path, { key: bound, body: { seen: true } })).status, 200)
})

test('delete: to the trash, and from there for good; a preview says so and does nothing', async () => {
  const box = await boxWith(1)
  const path = `${box.path}/messages/${idOf(box, 0)}`
  const seen = await api.call('DELETE', `${path}?preview=true`)
  assert.deepEqual(at(seen.json, 'objects'), [
    { type: 'message', action: 'move', id: idOf(box, 0), name: 'test', state: 'moved_to_trash' },
  ])
  const first = await api.call('DELETE', path)
  assert.deepEqual(first.json, { id: idOf(box, 0), outcome: 'moved_to_trash', restore_until: null })
  const again = await api.call('DELETE', `${path}?preview=true`)
  assert.equal(textAt(again.json, 'objects', 0, 'action'), 'delete')
  assert.match(textAt(again.json, 'notes', 0), /can be restored until/)
  const second = await api.call('DELETE', path)
  assert.equal(textAt(second.json, 'outcome'), 'removed')
  assert.match(textAt(second.json, 'restore_until'), /^\d{4}-/)
  assert.equal(refusal(await api.call('DELETE', path)), '404 message_not_found')
  const restored = await api.call('POST', `${box.path}/deleted-messages/${idOf(box, 0)}/restore`)
  assert.equal(textAt(restored.json, 'folder'), 'Trash')
  await assertCounters(api.platform, box.mailboxId)
})

test('delete past the trash, and where nothing is kept', async () => {
  const box = await boxWith(2)
  await api.call('PUT', `${box.path}/policy`, { body: { restore_days: 0 } })
  const reply = await api.call('DELETE', `${box.path}/messages/${idOf(box, 0)}?permanent=true`)
  assert.deepEqual(reply.json, { id: idOf(box, 0), outcome: 'removed', restore_until: null })
  const noTrash = await api.call('DELETE', `${box.path}/folders/trash`)
  assert.equal(noTrash.status, 204)
  const made = await api.call('DELETE', `${box.path}/messages/${idOf(box, 1)}`)
  assert.equal(textAt(made.json, 'outcome'), 'moved_to_trash')
  const trashId = await folderIdOf(api.platform, box.mailboxId, 'Trash')
  assert.equal((await messagesIn(api.platform, box.mailboxId, trashId)).length, 1)
})

test('many at once, in several folders: a result for each, one event for each folder', async () => {
  const box = await boxWith(6)
  await patch(box, { folder: 'archive' }, 1)
  await patch(box, { folder: 'junk' }, 2)
  await patch(box, { seen: true, add_labels: ['x'] }, 3)
  const gone = '00000000-0000-7000-8000-000000000000'
  const before = (await eventsOf(api.platform, box.mailboxId)).length
  const ids = [0, 1, 2, 3].map((index) => idOf(box, index))
  const body = { ids: [...ids, gone], change: { seen: true, add_labels: ['x'] } }
  const reply = await api.call('POST', `${box.path}/messages/changes`, { body })
  assert.equal(reply.status, 200, reply.text)
  const outcomes = Object.fromEntries(
    listAt(reply.json, 'data').map((one) => [textAt(one, 'id'), textAt(one, 'outcome')]),
  )
  const [a = '', b = '', c = '', d = ''] = ids
  assert.deepEqual(outcomes, { [a]: 'changed', [b]: 'changed', [c]: 'changed', [d]: 'unchanged' })
  assert.deepEqual(at(reply.json, 'not_found'), [gone])
  const events = (await eventsOf(api.platform, box.mailboxId)).slice(before)
  assert.deepEqual(
    events.map(({ type, data }) => [type, at(data, 'count'), at(data, 'keywords')]),
    [1, 1, 1].map((count) => ['message.flags_changed', count, ['x']]),
  )
  const etag = textAt(reply.json, 'data', 0, 'etag')
  const first = textAt(reply.json, 'data', 0, 'id')
  const read = await api.call('GET', `${box.path}/messages/${first}`)
  assert.equal(textAt(read.json, 'etag'), etag)
  await assertCounters(api.platform, box.mailboxId)
})

test('many are moved and deleted, from wherever they are', async () => {
  const box = await boxWith(4)
  await patch(box, { folder: 'junk' }, 1)
  await patch(box, { folder: 'archive' }, 2)
  const ids = box.messages.map(({ id }) => id)
  const change = (what: object, more: object = {}): Promise<Reply> =>
    api.call('POST', `${box.path}/messages/changes`, { body: { ids, change: what, ...more } })
  const moved = await change({ folder: 'archive', flagged: true })
  const outcomes = listAt(moved.json, 'data').map((one) => textAt(one, 'outcome'))
  assert.deepEqual(outcomes.toSorted(), ['changed', 'moved', 'moved', 'moved'])
  const looked = await change({ delete: true, permanent: true }, { preview: true })
  assert.equal(listAt(looked.json, 'objects').length, 4)
  const deleted = await change({ delete: true })
  assert.ok(listAt(deleted.json, 'data').every((one) => at(one, 'outcome') === 'moved_to_trash'))
  assert.equal(at(deleted.json, 'restore_until'), null)
  const removed = await change({ delete: true })
  assert.ok(
    listAt(removed.json, 'data').every((one) => at(one, 'outcome') === 'removed' && at(one, 'etag') === null),
  )
  assert.match(textAt(removed.json, 'restore_until'), /^\d{4}-/)
  assert.deepEqual(at((await change({ seen: true })).json, 'not_found'), ids)
  await assertCounters(api.platform, box.mailboxId)
})

test('a whole thread', async () => {
  const box = await boxWith(1)
  const inboxId = await folderIdOf(api.platform, box.mailboxId, 'INBOX')
  const answers = ['a', 'b'].map((id) =>
    mail({ id: `${id}@x.test`, inReplyTo: '0@x.test', references: ['0@x.test'] }),
  )
  await append(api.platform, box.owner, inboxId, answers)
  const threads = [box.messages[0]?.threadId ?? '', '00000000-0000-7000-8000-000000000000']
  const body = { threads, change: { folder: 'archive' } }
  const reply = await api.call('POST', `${box.path}/messages/changes`, { body })
  assert.equal(listAt(reply.json, 'data').length, 3)
  assert.deepEqual(at(reply.json, 'not_found'), [threads[1]])
})

const badBulks: [what: string, change: object][] = [
  ['deletion with something else', { delete: true, seen: true }],
  ['permanent without deletion', { permanent: true, seen: true }],
  ['an unknown field', { starred: true }],
]
for (const [what, change] of badBulks) {
  test(`a change that is refused: ${what}`, async () => {
    const box = await boxWith(1)
    const body = { ids: [idOf(box, 0)], change }
    assert.equal(
      refusal(await api.call('POST', `${box.path}/messages/changes`, { body })),
      '400 invalid_request',
    )
  })
}

test('the same change from many callers at once, against the grain of the folders', async () => {
  const box = await boxWith(10)
  const ids = box.messages.map(({ id }) => id)
  const folders = ['archive', 'inbox', 'junk', 'trash']
  const calls = Array.from({ length: 16 }, (_, n) =>
    api.call('POST', `${box.path}/messages/changes`, {
      body: { ids, change: { folder: folders[n % folders.length], add_labels: [`n${n}`] } },
    }),
  )
  for (const { status, text } of await Promise.all(calls)) assert.equal(status, 200, text)
  await assertCounters(api.platform, box.mailboxId)
  const { json } = await api.call('GET', `${box.path}/messages/${ids[0]}`)
  assert.equal(listAt(json, 'labels').length, 16)
})

test('folders: made, listed with counts, renamed, subscribed, deleted', async () => {
  const box = await boxWith(2)
  const folders = `${box.path}/folders`
  const made = await api.call('POST', folders, { body: { path: 'Work/2026' } })
  assert.deepEqual(
    [made.status, textAt(made.json, 'path'), at(made.json, 'subscribed')],
    [201, 'Work/2026', true],
  )
  assert.equal(refusal(await api.call('POST', folders, { body: { path: 'Work/2026' } })), '409 folder_exists')
  assert.equal(
    refusal(await api.call('POST', folders, { body: { path: 'a//b' } })),
    '422 folder_name_invalid',
  )
  const own = { path: 'Bin', special_use: 'trash' }
  assert.equal(refusal(await api.call('POST', folders, { body: own })), '409 special_use_taken')
  await patch(box, { folder: 'Work/2026' })
  const renamed = await api.call('PATCH', `${folders}/Work`, { body: { path: 'Jobs', subscribed: true } })
  assert.deepEqual(
    [renamed.status, textAt(renamed.json, 'path'), at(renamed.json, 'subscribed')],
    [200, 'Jobs', true],
  )
  const listed = listAt((await api.call('GET', folders)).json, 'data')
  const moved = listed.find((folder) => at(folder, 'path') === 'Jobs/2026')
  assert.deepEqual([at(moved, 'messages'), at(moved, 'unseen')], [1, 1])
  const one = `${folders}/${encodeURIComponent('Jobs/2026')}`
  const looked = await api.call('DELETE', `${one}?preview=true`)
  assert.deepEqual(at(looked.json, 'notes'), ['1 messages would be removed with it.'])
  assert.equal((await api.call('DELETE', one)).status, 204)
  assert.equal(refusal(await api.call('DELETE', one)), '404 folder_not_found')
  assert.equal(refusal(await api.call('DELETE', `${folders}/inbox`)), '409 folder_is_inbox')
  const kept = listAt((await api.call('GET', `${box.path}/deleted-messages`)).json, 'data')
  assert.deepEqual(
    kept.map((message) => textAt(message, 'id')),
    [idOf(box, 0)],
  )
})
