/** Drafts and threads as clients of Inkbox work with them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'

let inkbox: TestInkbox
let desk: TestAgent
let dana: TestAgent
before(async () => {
  inkbox = await startInkbox()
  desk = await inkbox.agent('quote-desk')
  dana = await inkbox.agent('dana')
})
after(() => inkbox[Symbol.asyncDispose]())

const deskPath = { email_address: 'quote-desk@demo.test' }
const danaPath = { email_address: 'dana@demo.test' }
const file = { filename: 'a.txt', content_type: 'text/plain', content_base64: 'SGVsbG8=' }

type More = {
  body?: unknown
  query?: Record<string, string | number>
  path?: Record<string, string>
  key?: string
}

async function onDraft(operation: string, id: string, more: More = {}): Promise<Reply> {
  const path = { ...deskPath, draft_id: id, ...more.path }
  return await inkbox.inkbox(operation, { key: desk.key, ...more, path })
}

async function newDraft(body: object = {}): Promise<string> {
  const recipients = { to: ['dana@demo.test'] }
  const made = await inkbox.inkbox('createDraft', {
    path: deskPath,
    key: desk.key,
    body: { recipients, subject: 'Draft', body_text: 'To do.', ...body },
  })
  assert.equal(made.status, 201, made.text)
  return textAt(made.json, 'id')
}

test('the documented draft is made, listed, read, and natively the same', async () => {
  for (const body of inkbox.contract.operation('createDraft').bodies) {
    const headers = { 'idempotency-key': 'draft' }
    const made = await inkbox.inkbox('createDraft', { path: deskPath, body, headers })
    assert.equal(made.status, 201)
    assert.deepEqual([at(made.json, 'generation'), at(made.json, 'send_state')], [1, 'draft'])
    assert.deepEqual((await inkbox.inkbox('createDraft', { path: deskPath, body, headers })).json, made.json)
    const reused = await inkbox.inkbox('createDraft', { path: deskPath, body: {}, headers })
    assert.equal(reused.status, 409)
    const id = textAt(made.json, 'id')
    assert.deepEqual((await onDraft('getDraft', id)).json, made.json)
    const list = await inkbox.inkbox('listDrafts', { path: deskPath, query: { limit: 10 } })
    assert.deepEqual(
      listAt(list.json, 'items').map((one) => at(one, 'id')),
      [id],
    )
    const native = await inkbox.call('GET', `/v1/mailboxes/${deskPath.email_address}/drafts/${id}`)
    assert.equal(at(native.json, 'subject'), at(made.json, 'subject'))
  }
})

test('of two clients that change one generation, one is too late', async () => {
  const id = await newDraft()
  const both = await Promise.all(
    ['one', 'two'].map((subject) => onDraft('updateDraft', id, { body: { generation: 1, subject } })),
  )
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409])
  const late = both.find(({ status }) => status === 409)
  assert.equal(textAt(late?.json, 'detail', 'error'), 'draft_generation_conflict')
  const { json } = await onDraft('getDraft', id)
  assert.equal(at(json, 'generation'), 2)
  for (const [operation, more] of [
    ['updateDraft', { body: { generation: 1, subject: 'x' } }],
    ['deleteDraft', { query: { generation: 1 } }],
    ['duplicateDraft', { body: { generation: 1 } }],
    ['addDraftAttachments', { body: { generation: 1, attachments: [file] } }],
    ['deleteDraftAttachment', { query: { generation: 1 }, path: { part_index: '0' } }],
    ['sendDraft', { body: { generation: 1 } }],
  ] satisfies [string, More][]) {
    assert.equal((await onDraft(operation, id, more)).status, 409, operation)
  }
})

test('what is left out of a change stays, and null clears', async () => {
  const id = await newDraft({
    recipients: { to: ['dana@demo.test'], cc: ['lee@demo.test'] },
    reply_to: 'me@demo.test',
  })
  const one = await onDraft('updateDraft', id, {
    body: { generation: 1, body_html: '<p>Hi</p>', track_opens: true },
  })
  assert.deepEqual(
    [
      at(one.json, 'cc_addresses'),
      at(one.json, 'reply_to'),
      at(one.json, 'body_text'),
      at(one.json, 'track_opens'),
    ],
    [['lee@demo.test'], 'me@demo.test', 'To do.', true],
  )
  const cleared = { recipients: { cc: null }, reply_to: null, subject: null, body_text: null }
  const two = await onDraft('updateDraft', id, { body: { generation: 2, ...cleared } })
  assert.deepEqual(
    [
      at(two.json, 'to_addresses'),
      at(two.json, 'cc_addresses'),
      at(two.json, 'reply_to'),
      at(two.json, 'subject'),
    ],
    [['dana@demo.test'], [], null, null],
  )
  const bad = await onDraft('updateDraft', id, { body: { generation: 3, body_html: null } })
  assert.equal(bad.status, 422, 'opens need HTML')
  const wrong = await onDraft('updateDraft', id, { body: { generation: 3, recipients: { to: ['nobody'] } } })
  assert.equal(wrong.status, 422)
})

test('attachments are added, loaded and removed, and the draft is copied and deleted', async () => {
  const id = await newDraft({ attachments: [file] })
  const more = [{ ...file, filename: 'b.txt', content_base64: 'SG8=' }]
  const added = await onDraft('addDraftAttachments', id, { body: { generation: 1, attachments: more } })
  assert.deepEqual([at(added.json, 'attachment_count'), at(added.json, 'generation')], [2, 2])
  const loaded = await onDraft('downloadDraftAttachment', id, { path: { part_index: '1' } })
  assert.equal(loaded.text, 'Ho')
  assert.match(loaded.headers.get('content-disposition') ?? '', /b\.txt/)
  assert.equal((await onDraft('downloadDraftAttachment', id, { path: { part_index: '7' } })).status, 404)
  const program = { generation: 2, attachments: [{ ...file, filename: 'x.bat' }] }
  assert.equal((await onDraft('addDraftAttachments', id, { body: program })).status, 422)
  const removed = await onDraft('deleteDraftAttachment', id, {
    query: { generation: 2 },
    path: { part_index: '0' },
  })
  assert.equal(at(removed.json, 'attachment_metadata', 0, 'filename'), 'b.txt')
  const copy = await onDraft('duplicateDraft', id, { body: { generation: 3 } })
  assert.deepEqual([copy.status, at(copy.json, 'attachment_count'), at(copy.json, 'generation')], [201, 1, 1])
  assert.equal((await onDraft('deleteDraft', id, { query: { generation: 3 } })).status, 204)
  assert.equal((await onDraft('getDraft', id)).status, 404)
})

test('a draft is sent once, and is gone', async () => {
  const id = await newDraft({ subject: 'Sent draft', body_html: '<p>Hi</p>', track_opens: true })
  const sent = await onDraft('sendDraft', id, { body: { generation: 1 } })
  assert.deepEqual(
    [sent.status, at(sent.json, 'subject'), at(sent.json, 'status')],
    [201, 'Sent draft', 'delivered'],
  )
  assert.equal((await onDraft('sendDraft', id, { body: { generation: 1 } })).status, 404)
  const nobody = await newDraft({ recipients: null })
  assert.equal((await onDraft('sendDraft', nobody, { body: { generation: 1 } })).status, 422)
})

test('a draft passes a message on, and its note can be changed', async () => {
  const body = { recipients: { to: ['quote-desk@demo.test'] }, subject: 'Source', body_text: 'The source.' }
  await inkbox.inkbox('sendMessage', { path: danaPath, key: dana.key, body })
  const list = await inkbox.inkbox('listMessages', { path: deskPath, query: { direction: 'inbound' } })
  const source = textAt(listAt(list.json, 'items')[0], 'id')
  const id = await newDraft({
    subject: null,
    body_text: undefined,
    forward_message_id: source,
    forward_note_text: 'FYI',
  })
  const made = await onDraft('getDraft', id)
  assert.equal(at(made.json, 'forward_source_message_id'), source)
  assert.match(textAt(made.json, 'body_text'), /^FYI[\s\S]*The source\./)
  assert.equal(at(made.json, 'subject'), 'Fwd: Source')
  const changed = await onDraft('updateDraft', id, {
    body: { generation: 1, forward_note_text: 'Please read' },
  })
  assert.match(textAt(changed.json, 'body_text'), /^Please read[\s\S]*The source\./)
  assert.equal(at(changed.json, 'forward_note_text'), 'Please read')
})

test('threads are listed, read, moved and deleted', async () => {
  const body = { recipients: { to: ['dana@demo.test'] }, subject: 'Thread', body_text: 'one' }
  const sent = await inkbox.inkbox('sendMessage', { path: deskPath, key: desk.key, body })
  const list = await inkbox.inkbox('listThreads', { path: danaPath, key: dana.key, query: { limit: 1 } })
  const thread = listAt(list.json, 'items')[0]
  assert.deepEqual(
    [at(thread, 'subject'), at(thread, 'folder'), at(thread, 'message_count')],
    ['Thread', 'inbox', 1],
  )
  const path = { ...danaPath, thread_id: textAt(thread, 'id') }
  const [first] = listAt((await inkbox.inkbox('getThread', { path, key: dana.key })).json, 'messages')
  await inkbox.inkbox('replyAllMessage', {
    path: { ...danaPath, message_id: textAt(first, 'id') },
    key: dana.key,
    body: { body_text: 'two' },
  })
  const detail = await inkbox.inkbox('getThread', { path, key: dana.key })
  assert.deepEqual(
    listAt(detail.json, 'messages').map((one) => at(one, 'direction')),
    ['inbound', 'outbound'],
  )
  for (const folder of ['archive', 'spam', 'inbox', 'archive']) {
    const moved = await inkbox.inkbox('updateThread', { path, key: dana.key, body: { folder } })
    assert.deepEqual([at(moved.json, 'folder'), at(moved.json, 'message_count')], [folder, 2])
    const inIt = await inkbox.inkbox('listThreads', { path: danaPath, query: { folder } })
    assert.ok(listAt(inIt.json, 'items').some((one) => at(one, 'id') === path.thread_id))
    const folders = await inkbox.inkbox('listThreadFolders', { path: danaPath })
    assert.ok(listAt({ folders: folders.json }, 'folders').includes(folder))
  }
  const outboundPath = { ...deskPath, thread_id: textAt(sent.json, 'thread_id') }
  await inkbox.inkbox('deleteThread', { path: outboundPath, key: desk.key })
  const lone = await inkbox.inkbox('sendMessage', { path: deskPath, key: desk.key, body })
  const lonePath = { ...deskPath, thread_id: textAt(lone.json, 'thread_id') }
  for (const folder of ['archive', 'inbox']) {
    const moved = await inkbox.inkbox('updateThread', { path: lonePath, body: { folder } })
    assert.equal(at(moved.json, 'folder'), folder)
    const { json } = await inkbox.inkbox('getMessage', {
      path: { ...deskPath, message_id: textAt(lone.json, 'id') },
    })
    assert.equal(at(json, 'direction'), 'outbound')
  }
  const refused = await inkbox.inkbox('updateThread', { path, body: { folder: 'blocked' } })
  assert.equal(refused.status, 422)
  assert.equal((await inkbox.inkbox('listThreads', { path: danaPath, query: { folder: 'x' } })).status, 422)
  assert.equal((await inkbox.inkbox('deleteThread', { path, key: dana.key })).status, 204)
  assert.equal((await inkbox.inkbox('getThread', { path })).status, 404)
})

test('a signature is put below what is sent, once it is enabled', async () => {
  const { platform, scope } = inkbox
  const { changeSignature } = await import('./signatures.ts')
  const { transaction } = await import('../../platform/database.ts')
  const html =
    '<b>Desk</b><img src="https://demo.test/l.png"><img src="http://demo.test/l.png"><script>x</script>'
  const signature = { signature_html: html, signature_text: 'The desk', signature_enabled: true }
  await transaction(platform.db, (tx) =>
    changeSignature(platform, tx, scope, desk.identity.mailbox_id ?? '', signature),
  )
  const body = { recipients: { to: ['dana@demo.test'] }, body_text: 'Hello', body_html: '<p>Hello</p>' }
  const { json } = await inkbox.inkbox('sendMessage', { path: deskPath, key: desk.key, body })
  assert.match(textAt(json, 'body_text'), /^Hello\r?\n\r?\n-- \r?\nThe desk/)
  const shown = textAt(json, 'body_html')
  assert.match(shown, /<b>Desk<\/b><img src="https:\/\/demo\.test\/l\.png">/)
  assert.doesNotMatch(shown, /http:|script/)
})

const operations: [id: string, method: string, path: string, body?: object][] = [
  ['listThreads', 'GET', '/threads'],
  ['listThreadFolders', 'GET', '/threads/folders'],
  ['getThread', 'GET', '/threads/THREAD'],
  ['updateThread', 'PATCH', '/threads/THREAD', { folder: 'archive' }],
  ['deleteThread', 'DELETE', '/threads/THREAD'],
  ['listDrafts', 'GET', '/drafts'],
  ['createDraft', 'POST', '/drafts', {}],
  ['getDraft', 'GET', '/drafts/DRAFT'],
  ['updateDraft', 'PATCH', '/drafts/DRAFT', { generation: 1 }],
  ['deleteDraft', 'DELETE', '/drafts/DRAFT?generation=1'],
  ['duplicateDraft', 'POST', '/drafts/DRAFT/duplicate', { generation: 1 }],
  ['addDraftAttachments', 'POST', '/drafts/DRAFT/attachments', { generation: 1, attachments: [file] }],
  ['downloadDraftAttachment', 'GET', '/drafts/DRAFT/attachments/0'],
  ['deleteDraftAttachment', 'DELETE', '/drafts/DRAFT/attachments/0?generation=1'],
  ['sendDraft', 'POST', '/drafts/DRAFT/send', { generation: 1 }],
]
test('nothing of others is found, and without a key nothing at all', async () => {
  const draft = await newDraft({ attachments: [file] })
  const list = await inkbox.inkbox('listThreads', { path: deskPath })
  const thread = textAt(listAt(list.json, 'items')[0], 'id')
  const { key: foreign } = await inkbox.tenant()
  for (const [operation, method, route, body] of operations) {
    const own = route.replace('DRAFT', draft).replace('THREAD', thread)
    const path = `/mail/mailboxes/${encodeURIComponent(deskPath.email_address)}${own.replace(/(?=\?|$)/, '/')}`
    for (const key of [dana.key, foreign]) {
      assert.equal(
        inkbox.contract.check(operation, await inkbox.raw(method, path, { key, body })).status,
        404,
        operation,
      )
    }
    const anonymous = await inkbox.raw(method, path, { key: null, body })
    assert.equal(inkbox.contract.check(operation, anonymous).status, 401)
  }
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'drafts'), [])
})
