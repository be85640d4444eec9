/** The unified inbox in the dialect of Zapmail: accounts, newest mail, threads, search, sending, attachments, labels. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
const ann = 'ann@post.test'
const bob = 'bob@post.test'
const mia = 'mia@ms-post.test'
before(async () => {
  u = await startTestVendor('zapmail')
  const person = (domainName: string, mailboxUsername: string) => {
    return { firstName: 'Ann', lastName: 'Lee', mailboxUsername, domainName }
  }
  const make = async (name: string, usernames: string[], headers = {}) => {
    const { json } = await u.call('POST', '/v1/domains', { body: { name } })
    const body = { [textAt(json, 'id')]: usernames.map((one) => person(name, one)) }
    assert.equal((await u.operate('assignMailboxes', { body, headers })).status, 200)
  }
  await make('post.test', ['ann', 'bob'])
  await make('ms-post.test', ['mia'], { 'x-service-provider': 'MICROSOFT' })
})
after(() => u[Symbol.asyncDispose]())

const unknown = '00000000-0000-4000-8000-000000000000'

async function send(account: string, to: string, subject: string, more: object = {}): Promise<Reply> {
  const body = { account, to, subject, body: `<p>About ${subject}</p>`, ...more }
  const reply = await u.operate('sendEmail', { body })
  assert.equal(reply.status, 200, reply.text)
  return reply
}

async function top(query: Record<string, string> = {}, headers = {}): Promise<Reply> {
  const reply = await u.operate('listEmails', { query, headers })
  assert.equal(reply.status, 200, reply.text)
  return reply
}

const emails = (reply: Reply): unknown[] => listAt(reply.json, 'data', 'emails')
const subjects = (reply: Reply): unknown[] => emails(reply).map((one) => at(one, 'subject'))

test('accounts are the mailboxes of a provider, by pages beside the data', async () => {
  const all = await u.operate('listConnectedAccounts')
  const names = listAt(all.json, 'data').map((one) => textAt(one, 'account'))
  assert.deepEqual(names.sort(), [ann, bob])
  assert.deepEqual(
    [at(all.json, 'pagination', 'totalPages'), at(all.json, 'pagination', 'hasNextPage')],
    [1, false],
  )
  const first = await u.operate('listConnectedAccounts', { query: { limit: '1' } })
  assert.deepEqual(
    ['totalPages', 'hasNextPage', 'total'].map((name) => at(first.json, 'pagination', name)),
    [2, true, 2],
  )
  const ms = await u.operate('listConnectedAccounts', { headers: { 'x-service-provider': 'MICROSOFT' } })
  assert.deepEqual(
    [at(ms.json, 'data', 0, 'account'), at(ms.json, 'data', 0, 'provider'), at(ms.json, 'data', 0, 'status')],
    [mia, 'MICROSOFT', 'ACTIVE'],
  )
})

test('what is sent is there: newest first, of one account or all of a provider, page by page', async () => {
  for (const subject of ['one', 'two', 'three']) await send(ann, bob, subject)
  await send(ann, mia, 'elsewhere', { cc: [], bcc: [bob] })
  assert.deepEqual(subjects(await top({ account: bob })), ['elsewhere', 'three', 'two', 'one'])
  const inbox = await top({ folder: 'inbox' })
  assert.deepEqual(subjects(inbox), ['elsewhere', 'three', 'two', 'one'])
  assert.deepEqual(subjects(await top({ folder: 'Sent' })), ['elsewhere', 'three', 'two', 'one'])
  assert.equal(emails(await top()).length, 8)
  const ms = await top({}, { 'x-service-provider': 'MICROSOFT' })
  assert.deepEqual([subjects(ms), at(emails(ms)[0], 'account')], [['elsewhere'], mia])
  const [, three] = emails(inbox)
  assert.deepEqual(
    ['account', 'folder', 'isRead', 'isStarred', 'hasAttachments', 'labels'].map((name) => at(three, name)),
    [bob, 'INBOX', false, false, false, []],
  )
  assert.deepEqual([at(three, 'from', 'email'), at(three, 'to', 0, 'email')], [ann, bob])
  assert.match(textAt(three, 'snippet'), /About three/)
  assert.equal(at(three, 'timestamp'), Date.parse(textAt(three, 'date')))
  const seen: unknown[] = []
  for (let cursor: unknown = '', pages = 0; cursor !== null && pages < 9; pages++) {
    const page = await top({ limit: '3', ...(cursor === '' ? {} : { cursor: String(cursor) }) })
    seen.push(...emails(page).map((one) => at(one, 'id')))
    cursor = at(page.json, 'data', 'nextCursor')
  }
  assert.deepEqual(
    seen,
    emails(await top()).map((one) => at(one, 'id')),
  )
  const before = await top({ account: bob, cursor: textAt(three, 'timestamp') })
  assert.deepEqual(subjects(before), ['two', 'one'])
})

test('a thread has its mail whole; an answer joins it, by the message or by the thread', async () => {
  await send(ann, bob, 'Plans')
  const [got] = emails(await top({ account: bob }))
  const [messageId, threadId] = [textAt(got, 'messageId'), textAt(got, 'threadId')]
  const answer = await send(bob, ann, 'Re: Plans', { messageId, body: '<b>Yes</b>' })
  assert.deepEqual(
    [at(answer.json, 'data', 'threadId'), at(answer.json, 'data', 'status')],
    [threadId, 'SENT'],
  )
  await send(bob, ann, 'Re: Plans', { threadId, body: 'Still' })
  await send(bob, ann, 'Re: Plans', { messageId: textAt(got, 'internetMessageId'), body: 'By id' })
  const thread = await u.operate('listThreadEmails', { query: { threadId } })
  const { json } = thread
  assert.deepEqual([at(json, 'data', 'account'), at(json, 'data', 'isComplete')], [bob, true])
  assert.deepEqual(
    emails(thread).map((one) => [at(one, 'from', 'email'), textAt(one, 'html').trim()]),
    [
      [ann, '<p>About Plans</p>'],
      [bob, '<b>Yes</b>'],
      [bob, 'Still'],
      [bob, 'By id'],
    ],
  )
  const shown = await u.call('GET', `/v1/mailboxes/${ann}/messages?folder=inbox`)
  assert.equal(at(shown.json, 'data', 0, 'in_reply_to'), at(got, 'internetMessageId'))
  const answered = await u.call('GET', `/v1/mailboxes/${bob}/messages/${messageId}`)
  assert.deepEqual(at(answered.json, 'flags'), ['answered'])
  for (const wrong of ['x', unknown, `${unknown}_${unknown}`, `${threadId}_`])
    assert.equal((await u.unchecked('listThreadEmails', { query: { threadId: wrong } })).status, 400)
})

test('search finds in an account and in all', async () => {
  await send(ann, bob, 'Quince jelly')
  await send(ann, mia, 'Quince tart')
  const find = async (query: Record<string, string>) => subjects(await u.operate('searchEmails', { query }))
  assert.deepEqual(await find({ q: 'quince', account: bob }), ['Quince jelly'])
  assert.deepEqual(await find({ contains: 'subject:quince', account: ann }), ['Quince tart', 'Quince jelly'])
  assert.equal((await find({ search: 'QUINCE' })).length, 4)
  assert.deepEqual(await find({ query: 'quince', limit: '1' }), ['Quince tart'])
  assert.deepEqual(await find({ q: 'nothingofthat' }), [])
  assert.ok((await find({})).length > 4)
  const long = await u.unchecked('searchEmails', { query: { q: 'a '.repeat(30) } })
  assert.equal(long.status, 400)
})

test('a page takes as many statements whatever it has', async () => {
  const newest = (limit: string) => countStatements(() => top({ limit }))
  await newest('50')
  assert.equal(await newest('50'), await newest('1'))
})

test('what cannot be sent is refused', async () => {
  const refused = async (more: object) => {
    const body = { account: ann, to: bob, subject: 'x', body: 'x', ...more }
    return await u.operate('sendEmail', { body })
  }
  for (const wrong of [
    { to: 'nobody' },
    { cc: ['a@'] },
    { account: 'none@post.test' },
    { messageId: unknown },
    { messageId: '<none@post.test>' },
    { messageId: '<a\u0000@post.test>' },
    { account: 'a\u0000@post.test' },
    { cc: ['a\u0000@post.test'] },
    { threadId: `${unknown}_${unknown}` },
    { to: [] },
    { subject: 5 },
    { body: null },
  ])
    assert.equal((await refused(wrong)).status, 400, JSON.stringify(wrong))
  assert.ok((await refused({ body: 'a\u0000b', subject: 'c\u0000d' })).status < 500)
  const injected = await u.operate('sendEmail', {
    body: { account: ann, to: bob, subject: 'One\r\nBcc: eve@far.example', body: 'x' },
  })
  assert.equal(injected.status, 200)
  const [got] = emails(await top({ account: bob }))
  assert.deepEqual([at(got, 'subject'), at(got, 'bcc')], ['One Bcc: eve@far.example', []])
})

test('an attachment comes in base64, by its id or its name', async () => {
  const content = Buffer.from('%PDF-1.4 not really')
  const sent = await u.call('POST', `/v1/mailboxes/${ann}/messages`, {
    body: {
      to: [bob],
      subject: 'File',
      text: 'See.',
      attachments: [
        { filename: 'a b.pdf', content_type: 'application/pdf', content_base64: content.toString('base64') },
      ],
    },
  })
  assert.equal(sent.status, 202, sent.text)
  const [got] = emails(await top({ account: bob }))
  assert.equal(at(got, 'hasAttachments'), true)
  const thread = await u.operate('listThreadEmails', { query: { threadId: textAt(got, 'threadId') } })
  const [file] = listAt(emails(thread)[0], 'attachments')
  assert.deepEqual(
    ['attachmentId', 'filename', 'contentType', 'size', 'isInline'].map((name) => at(file, name)),
    ['1', 'a b.pdf', 'application/pdf', content.length, false],
  )
  const named = { account: bob, provider: 'GOOGLE', messageId: textAt(got, 'messageId'), filename: 'a b.pdf' }
  for (const attachmentId of ['1', 'unknown']) {
    const reply = await u.operate('downloadAttachment', { body: { ...named, attachmentId } })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(Buffer.from(textAt(reply.json, 'data', 'content'), 'base64'), content)
  }
  for (const wrong of [
    { attachmentId: '9', filename: 'x' },
    { attachmentId: '1', messageId: unknown },
    { attachmentId: '1', account: ann },
    { attachmentId: '1', messageId: '<a\u0000@b>' },
  ])
    assert.equal((await u.unchecked('downloadAttachment', { body: { ...named, ...wrong } })).status, 400)
})

test('a label is renamed and taken away on all messages that have it', async () => {
  await send(ann, bob, 'L1')
  await send(ann, bob, 'L2')
  const ids = emails(await top({ account: bob, limit: '2' })).map((one) => textAt(one, 'id'))
  for (const id of ids) {
    const path = `/v1/mailboxes/${bob}/messages/${id}`
    await u.call('PATCH', path, { body: { add_labels: ['hot', 'kept'] } })
  }
  const labels = async () => emails(await top({ account: bob, limit: '2' })).map((one) => at(one, 'labels'))
  const label = async (id: string, body: object) => await u.operate(id, { body: { account: bob, ...body } })
  const color = '#FF5733'
  assert.equal((await label('createLabel', { labelName: 'Warm', color })).status, 200)
  const renamed = await label('renameLabel', { oldLabelName: 'Hot', newLabelName: 'Warm', color })
  assert.equal(renamed.status, 200, renamed.text)
  assert.deepEqual(await labels(), [
    ['kept', 'Warm'],
    ['kept', 'Warm'],
  ])
  await label('renameLabel', { oldLabelName: 'warm', newLabelName: 'WARM', color })
  assert.deepEqual(await labels(), [
    ['kept', 'WARM'],
    ['kept', 'WARM'],
  ])
  assert.equal((await label('deleteLabel', { labelName: 'warm' })).status, 200)
  assert.deepEqual(await labels(), [['kept'], ['kept']])
  const bad = await u.unchecked('createLabel', { body: { account: bob, labelName: 'two words', color } })
  assert.equal(bad.status, 400)
  assert.match(textAt(bad.json, 'message'), /has a space/)
})

test('mail of others and of elsewhere, keys that may only read, keys of one mailbox', async () => {
  const other = { key: (await u.tenant()).key, workspace: null }
  assert.deepEqual(emails(await u.operate('listEmails', other)), [])
  assert.deepEqual(emails(await u.operate('searchEmails', other)), [])
  const [got] = emails(await top({ account: bob }))
  const threadId = textAt(got, 'threadId')
  assert.equal((await u.unchecked('listEmails', { ...other, query: { account: bob } })).status, 400)
  assert.equal((await u.unchecked('listThreadEmails', { ...other, query: { threadId } })).status, 400)
  const message = { account: ann, to: bob, subject: 'x', body: 'x' }
  assert.equal((await u.operate('sendEmail', { ...other, body: message })).status, 400)
  const reader = { key: await u.key({ access: 'read' }) }
  assert.equal((await u.operate('listThreadEmails', { ...reader, query: { threadId } })).status, 200)
  for (const id of ['sendEmail', 'createLabel', 'deleteLabel', 'renameLabel']) {
    const body = { ...message, labelName: 'a', oldLabelName: 'a', newLabelName: 'b', color: '' }
    assert.equal((await u.unchecked(id, { ...reader, body })).status, 403, id)
  }
  const { json } = await u.call('GET', `/v1/mailboxes/${bob}`)
  const mailboxId = textAt(json, 'id')
  const bound = { key: await u.key({ workspaceId: u.scope.workspaceId, mailboxId }), workspace: null }
  const own = emails(await u.operate('listEmails', bound)).map((one) => at(one, 'account'))
  assert.deepEqual([...new Set(own)], [bob])
  assert.equal((await u.unchecked('listEmails', { ...bound, query: { account: ann } })).status, 400)
  assert.equal(at((await u.operate('listConnectedAccounts', bound)).json, 'data', 'length'), 1)
})

test('without a key', async () => {
  for (const { id, path } of u.contract.operations) {
    if (!path.startsWith('/v2/onebox')) continue
    const { bodies } = u.contract.operation(id)
    const body = bodies[0]
    const reply = await u.operate(id, { key: null, ...(body === undefined ? {} : { body }) })
    assert.equal(reply.status, 401)
  }
})

test('every documented status was seen', () => u.requireSeen(/^\/v2\/onebox/))
