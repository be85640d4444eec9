/** What is refused alike in many operations: to strangers, to keys that may only read, to the full, the limited and the hasty. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import { unmetElsewhere } from '../../testing/inkbox-operations.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'

const email_address = 'out@sender.example'
const recipients = { to: ['far@example.org'] }
const file = { filename: 'a.txt', content_type: 'text/plain', content_base64: 'SGVsbG8=' }

let inkbox: TestInkbox
let desk: TestAgent
/** Of the messages, the thread and the draft that `out@sender.example` has. */
let path: Record<string, string>
before(async () => {
  inkbox = await startInkbox()
  desk = await inkbox.agent('quote-desk')
  await inkbox.connectActiveDomain('sender.example')
  await inkbox.createMailbox(email_address)
  const sent = await inkbox.inkbox('sendMessage', {
    path: { email_address },
    body: { recipients, body_text: 'x', attachments: [file] },
  })
  const draft = await inkbox.inkbox('createDraft', {
    path: { email_address },
    body: { recipients, body_text: 'x', attachments: [file] },
  })
  path = {
    email_address,
    message_id: textAt(sent.json, 'id'),
    thread_id: textAt(sent.json, 'thread_id'),
    draft_id: textAt(draft.json, 'id'),
    part_index: textAt(draft.json, 'attachment_metadata', 0, 'part_index'),
    filename: 'a.txt',
    agent_handle: desk.identity.handle,
    domain_name: 'sender.example',
    api_key_id: `ApiKey_${newId()}`,
    ...Object.fromEntries(
      ['job_id', 'rule_id', 'subscription_id', 'delivery_id', 'identity_id'].map((name) => [name, newId()]),
    ),
  }
})
after(() => inkbox[Symbol.asyncDispose]())

test('every operation that asks for a key is refused without one', async () => {
  for (const { id, statuses } of inkbox.contract.operations) {
    if (statuses.includes('401')) await refused(id, 401, { key: null })
  }
})

/** Bodies and queries that are right in themselves. */
const calls: Record<string, { body?: unknown; query?: Record<string, string | number> }> = {
  updateMessageFlags: { body: { is_read: true } },
  deleteMessage: {},
  sendMessage: { body: { recipients, body_text: 'x' } },
  replyAllMessage: { body: { body_text: 'x' } },
  forwardMessage: { body: { recipients } },
  updateThread: { body: { folder: 'archive' } },
  deleteThread: {},
  createDraft: { body: { recipients } },
  updateDraft: { body: { generation: 1, subject: 'x' } },
  deleteDraft: { query: { generation: 1 } },
  duplicateDraft: { body: { generation: 1 } },
  addDraftAttachments: { body: { generation: 1, attachments: [file] } },
  deleteDraftAttachment: { query: { generation: 1 } },
  sendDraft: { body: { generation: 1 } },
}

test('a key that may only read changes nothing', async () => {
  const key = await inkbox.key({ access: 'read' })
  for (const [id, call] of Object.entries(calls)) await refused(id, 403, { ...call, key })
})

const malformed: readonly [operation: string, body: object][] = [
  ['updateMessageFlags', { is_read: 'maybe' }],
  ['replyAllMessage', { body_text: 5 }],
  ['createDraft', { recipients: { to: ['nobody'] } }],
]
for (const [operation, body] of malformed) {
  test(`${operation} says what is wrong in its body`, async () => {
    const { json } = await refused(operation, 422, { body })
    assert.ok(listAt(json, 'detail').length > 0)
  })
}

const sends = ['sendMessage', 'replyAllMessage', 'forwardMessage'] as const

test('a key of idempotency that came with another request is refused, also for replies and forwards', async () => {
  for (const id of sends) {
    const headers = { 'idempotency-key': `once-${id}` }
    const body = Object(calls[id]?.body)
    await inkbox.inkbox(id, { path, body, headers })
    const { json } = await refused(id, 409, { body: { ...body, subject: 'Other' }, headers })
    assert.equal(at(json, 'detail', 'error'), 'idempotency_key_reused')
  }
})

test('who repeats what still runs is told to come again', async () => {
  const { db } = inkbox.platform
  const known = db.selectFrom('idempotency_keys').select(['scope_id', 'key', 'fingerprint', 'kept_until'])
  for (const id of sends) {
    const headers = { 'idempotency-key': `running-${id}` }
    const call = { path, body: calls[id]?.body, headers }
    const before = new Set((await known.execute()).map(({ key }) => key))
    assert.equal((await inkbox.inkbox(id, call)).status, 201)
    const row = (await known.execute()).find(({ key }) => !before.has(key))
    assert.ok(row)
    // As if the first were still at it: its row is there, and not committed.
    await db.deleteFrom('idempotency_keys').where('key', '=', row.key).execute()
    await transaction(db, async (tx) => {
      const created_at = inkbox.platform.clock.now()
      await tx
        .insertInto('idempotency_keys')
        .values({ ...row, status: null, sealed_reply: null, created_at })
        .execute()
      const reply = await refused(id, 503, call)
      assert.ok(Number(reply.headers.get('retry-after')) > 0)
    })
  }
})

test('what a full mailbox cannot keep of a draft is 402', async () => {
  const policyPath = `/v1/mailboxes/${email_address}/policy`
  await inkbox.call('PUT', policyPath, { body: { quota_bytes: 1000 } })
  const body_text = 'x'.repeat(6000)
  const large = { ...file, content_base64: Buffer.from(body_text).toString('base64') }
  await refused('updateDraft', 402, { body: { generation: 1, body_text } })
  await refused('addDraftAttachments', 402, { body: { generation: 1, attachments: [large] } })
  await refused('sendDraft', 402, { body: { generation: 1 } })
  await inkbox.call('PUT', policyPath, { body: { quota_bytes: null } })
})

test('a sending limit is 429, by every way out', async () => {
  const policy = { mailbox_per_hour: 1 }
  await inkbox.call('PUT', `/v1/mailboxes/${email_address}/delivery-policy`, { body: policy })
  for (const id of [...sends, 'sendDraft']) await refused(id, 429, calls[id] ?? {})
})

async function refused(id: string, status: number, call: Omit<Parameters<typeof inkbox.inkbox>[1], 'path'>) {
  const reply = await inkbox.inkbox(id, { ...call, path })
  assert.equal(reply.status, status, `${id}: ${reply.text}`)
  return reply
}

test('what other files leave to this one was met', () => {
  assert.deepEqual(unmetElsewhere(inkbox.contract, 'refusals'), [])
})
