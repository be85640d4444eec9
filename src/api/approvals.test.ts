/** Approvals over the API: who may decide, what goes then, and that of two decisions one counts. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { insertApiKey } from '../accounts/api-keys.ts'
import { startAuthenticator } from '../accounts/principals.ts'
import { apiKeyPrefix, newToken } from '../accounts/tokens.ts'
import { expireApprovals } from '../delivery/approvals/end.ts'
import type { DeliveryPolicySettings } from '../delivery/policies.ts'
import { deleteMailbox, suspendMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import { at, type Call, call, listAt, refusal, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { folderIdOf, inTransaction, messagesIn } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { setDeliveryPolicy } from '../testing/test-sending.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../testing/test-smtp.ts'
import { startApi } from './server.ts'

let smtp: TestSmtp
let api: Call
/** Another key of the workspace than the one that sends. */
let approver: string
const stack = new AsyncDisposableStack()
before(async () => {
  smtp = stack.use(await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' }))
  const { platform, apiKey } = smtp.t
  const authenticator = startAuthenticator(platform)
  stack.defer(() => authenticator.stop())
  const server = await startApi(platform, { authenticator, host: '127.0.0.1', port: 0, isReady: () => true })
  stack.defer(() => server.stop())
  api = (method, path, options = {}) => call(`http://127.0.0.1:${server.port}`, apiKey, method, path, options)
  approver = await newKey(null)
})
after(() => stack.disposeAsync())

async function newKey(mailboxId: string | null): Promise<string> {
  const token = newToken(apiKeyPrefix)
  const { organizationId, workspaceId } = smtp.t.scope
  const wanted = { name: 'test', workspaceId, mailboxId, access: 'write' as const, expiresAt: null }
  await inTransaction(smtp.t.platform, (tx) =>
    insertApiKey(smtp.t.platform, tx, organizationId, wanted, token),
  )
  return token.token
}

const policy = (box: TestMailbox, settings: DeliveryPolicySettings): Promise<void> =>
  setDeliveryPolicy(smtp.t.platform, smtp.t.scope, 'mailbox', box.mailboxId, settings)

async function sender(settings: DeliveryPolicySettings = {}): Promise<TestMailbox> {
  const box = await smtp.t.createSender()
  await policy(box, { sending_mode: 'approve', ...settings })
  return box
}

/** @returns the id of its approval. */
async function held(box: TestMailbox, body: object = {}): Promise<string> {
  const message = { to: ['far@example.net'], subject: 'first', text: 'hello', ...body }
  const reply = await api('POST', `/v1/mailboxes/${box.address}/messages`, { body: message })
  assert.deepEqual([reply.status, textAt(reply.json, 'status')], [202, 'pending_approval'], reply.text)
  assert.deepEqual([at(reply.json, 'id'), at(reply.json, 'thread_id')], [null, null])
  return textAt(reply.json, 'approval_id')
}

const approve = (id: string, body: object = {}, key = approver) =>
  api('POST', `/v1/approvals/${id}/approve`, { body, key })
const shown = async (id: string) => (await api('GET', `/v1/approvals/${id}`)).json
const stateOf = async (id: string): Promise<string> => textAt(await shown(id), 'state')

async function queued({ mailboxId }: TestMailbox): Promise<string[]> {
  const rows = await smtp.t.platform.db
    .selectFrom('outbound_recipients')
    .select('rcpt_to')
    .where('mailbox_id', '=', mailboxId)
    .orderBy('rcpt_to')
    .execute()
  return rows.map(({ rcpt_to }) => rcpt_to)
}

async function sentOf({ mailboxId }: TestMailbox) {
  return await messagesIn(smtp.t.platform, mailboxId, await folderIdOf(smtp.t.platform, mailboxId, 'Sent'))
}

async function eventsOf({ mailboxId }: TestMailbox): Promise<string[]> {
  const rows = await smtp.t.platform.db
    .selectFrom('events')
    .select('type')
    .where('mailbox_id', '=', mailboxId)
    .where('type', 'like', 'approval.%')
    .orderBy('id')
    .execute()
  return rows.map(({ type }) => type)
}

test('a message waits whole, is shown as it would go, and goes when another approves', async () => {
  const [box, other] = [await sender(), await smtp.t.createSender()]
  const id = await held(box, {
    to: [`Bob <${other.address}>`],
    cc: ['far@example.net'],
    bcc: ['hidden@example.org'],
    subject: 'Grüße',
    html: '<p>hello</p>',
    attachments: [{ filename: 'a.txt', content_base64: 'aGk=' }],
  })
  const seen = await shown(id)
  assert.deepEqual(
    [at(seen, 'state'), at(seen, 'source'), at(seen, 'held_by'), at(seen, 'recipients')],
    ['pending', 'api', 'approve', [other.address, 'far@example.net', 'hidden@example.org']],
  )
  const message = at(seen, 'message')
  assert.deepEqual(at(message, 'to'), [{ address: other.address, name: 'Bob' }])
  assert.deepEqual(at(message, 'bcc'), [{ address: 'hidden@example.org', name: null }])
  assert.deepEqual([at(message, 'subject'), at(message, 'html')], ['Grüße', '<p>hello</p>'])
  assert.match(textAt(message, 'text'), /^hello\s*$/)
  assert.deepEqual(at(message, 'attachments', 0, 'filename'), 'a.txt')
  assert.deepEqual([await queued(box), (await sentOf(box)).length], [[], 0])
  const reply = await approve(id)
  assert.deepEqual([reply.status, textAt(reply.json, 'state')], [200, 'approved'], reply.text)
  assert.deepEqual(await queued(box), ['far@example.net', 'hidden@example.org'])
  const [sent] = await sentOf(box)
  assert.equal(sent?.id, textAt(reply.json, 'sent_message_id'))
  const [raw] = await rawMessages(smtp.t.platform, other.mailboxId)
  assert.match(raw?.toString() ?? '', /\r\nTo: Bob </)
  assert.deepEqual(at(await shown(id), 'message', 'attachments', 0, 'filename'), 'a.txt')
  assert.deepEqual(await eventsOf(box), ['approval.requested', 'approval.approved'])
  const again = await approve(id)
  assert.equal(refusal(again), '409 approval_state_conflict')
  assert.deepEqual(await queued(box), ['far@example.net', 'hidden@example.org'])
})

test('who sent it, and who is bound to a mailbox, neither approves nor loosens the policy', async () => {
  const box = await sender()
  const bound = await newKey(box.mailboxId)
  const message = { to: ['far@example.net'], text: 'x' }
  const path = `/v1/mailboxes/${box.address}`
  const sent = await api('POST', `${path}/messages`, { body: message, key: bound })
  const id = textAt(sent.json, 'approval_id')
  assert.equal(textAt((await api('GET', `/v1/approvals/${id}`, { key: bound })).json, 'state'), 'pending')
  const own = await api('GET', `${path}/approvals`, { key: bound })
  assert.deepEqual(
    listAt(own.json, 'data').map((one) => textAt(one, 'id')),
    [id],
  )
  for (const [method, at, body] of [
    ['POST', `/v1/approvals/${id}/approve`, {}],
    ['POST', `/v1/approvals/${id}/reject`, {}],
    ['PUT', `${path}/delivery-policy`, { sending_mode: 'auto' }],
  ] as const) {
    assert.equal(refusal(await api(method, at, { body, key: bound })), '403 forbidden', at)
  }
  assert.equal(refusal(await approve(await held(box), {}, smtp.t.apiKey)), '403 forbidden')
  assert.equal((await approve(id)).status, 200)
})

test('of approvals and rejections at the same moment one counts, and nothing goes twice', async () => {
  const box = await sender()
  for (let round = 0; round < 5; round++) {
    const id = await held(box, { to: [`far${round}@example.net`] })
    const decisions = await Promise.all([
      approve(id),
      approve(id, { edit: { subject: 'other' } }),
      api('POST', `/v1/approvals/${id}/reject`, { body: { reason: 'no' }, key: approver }),
      approve(id),
    ])
    const won = decisions.filter(({ status }) => status === 200)
    assert.equal(won.length, 1)
    for (const reply of decisions)
      if (reply.status !== 200) assert.equal(refusal(reply), '409 approval_state_conflict')
    const state = await stateOf(id)
    assert.equal(state, textAt(won[0]?.json, 'state'))
    const gone = (await queued(box)).filter((one) => one === `far${round}@example.net`)
    assert.equal(gone.length, state === 'approved' ? 1 : 0)
  }
})

test('the same Idempotency-Key decides once and gets the first reply', async () => {
  const box = await sender()
  const id = await held(box)
  const headers = { 'idempotency-key': 'approve-once' }
  const replies = []
  for (let time = 0; time < 2; time++)
    replies.push(await api('POST', `/v1/approvals/${id}/approve`, { body: {}, key: approver, headers }))
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200],
  )
  assert.deepEqual(replies[0]?.json, replies[1]?.json)
  assert.deepEqual(await queued(box), ['far@example.net'])
})

test('an edit goes instead, and the difference stays', async () => {
  const box = await sender()
  const id = await held(box, {
    to: ['far@example.net', 'more@example.net'],
    bcc: ['hidden@example.org'],
    text: 'one\nthe secret\nthree',
    html: '<p>the secret</p>',
    headers: { 'In-Reply-To': '<first@example.com>', 'List-Unsubscribe': '<https://a.example/u>' },
    attachments: [{ filename: 'ü.bin', content_type: 'application/x-a', content_base64: 'AAECAwQ=' }],
  })
  const edit = { to: ['Far <far@example.net>'], subject: 'Zweiter ü', text: 'one\nnothing\nthree' }
  const reply = await approve(id, { edit })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(await queued(box), ['far@example.net', 'hidden@example.org'])
  assert.deepEqual(at(reply.json, 'changes'), [
    {
      field: 'to',
      before: 'far@example.net, more@example.net',
      after: 'Far <far@example.net>',
      diff: null,
    },
    { field: 'subject', before: 'first', after: 'Zweiter ü', diff: null },
    {
      field: 'text',
      before: null,
      after: null,
      diff: '@@ -1,3 +1,3 @@\n one\n-the secret\n+nothing\n three',
    },
    { field: 'html', before: null, after: null, diff: '@@ -1,1 +1,0 @@\n-<p>the secret</p>' },
  ])
  const [sent] = await sentOf(box)
  const raw = (await readBodyBytes(smtp.t.platform.db, sent?.body_id ?? '')).toString()
  assert.doesNotMatch(raw, /secret|List-Unsubscribe|more@/)
  assert.match(raw, /\r\nIn-Reply-To: <first@example\.com>\r\n/)
  assert.match(raw, /AAECAwQ=/)
  assert.equal(raw.match(/^(?:From|To|Subject|Message-ID|MIME-Version|Content-Type): /gim)?.length, 8)
  const seen = await shown(id)
  assert.deepEqual([at(seen, 'message', 'subject'), at(seen, 'message', 'html')], ['Zweiter ü', null])
  assert.deepEqual(at(seen, 'message', 'attachments', 0, 'filename'), 'ü.bin')
  assert.equal(at(seen, 'original', 'html'), '<p>the secret</p>')
  assert.equal(textAt(seen, 'message_id'), /Message-ID: <([^>]+)>/.exec(raw)?.[1])
})

test('the message as it was sent names those that it was sent to, not those that it went to', async () => {
  const id = await held(await sender(), { bcc: ['hidden@example.org'] })
  const reply = await approve(id, { edit: { to: ['other@example.net'] } })
  assert.equal(reply.status, 200, reply.text)
  const seen = await shown(id)
  assert.deepEqual(at(seen, 'recipients'), ['other@example.net', 'hidden@example.org'])
  const peopleOf = (version: string) => ['to', 'bcc'].map((field) => at(seen, version, field))
  const [far, other, hidden] = ['far@example.net', 'other@example.net', 'hidden@example.org'].map(
    (address) => [{ address, name: null }],
  )
  assert.deepEqual(peopleOf('message'), [other, hidden])
  assert.deepEqual(peopleOf('original'), [far, hidden])
})

const badEdits: [what: string, edit: object][] = [
  ['no address', { to: ['nobody'] }],
  ['nobody left', { to: [], cc: [], bcc: [] }],
  ['an unknown field', { from: 'x@example.com' }],
]
for (const [what, edit] of badEdits) {
  test(`an edit that is refused: ${what}`, async () => {
    const id = await held(await sender())
    assert.equal(refusal(await approve(id, { edit })), '400 invalid_request')
    assert.equal(await stateOf(id), 'pending')
  })
}

test('an edit that changes nothing is none', async () => {
  const box = await sender()
  const id = await held(box)
  const reply = await approve(id, { edit: { subject: 'first', text: 'hello' } })
  assert.deepEqual([reply.status, at(reply.json, 'changes')], [200, []])
  assert.equal(at(await shown(id), 'original'), null)
})

test('the rules of the moment: mode, limits, suppressions, state', async () => {
  const box = await sender()
  const id = await held(box)
  await policy(box, { sending_mode: 'read_only' })
  assert.equal(refusal(await approve(id)), '403 sending_not_allowed')
  await policy(box, { sending_mode: 'approve', mailbox_per_hour: 0 })
  assert.equal(refusal(await approve(id)), '429 sending_limit_reached')
  await policy(box, { sending_mode: 'approve' })
  await api('POST', '/v1/suppressions', { body: { address: 'gone@example.net' } })
  const suppressed = await held(box, { to: ['gone@example.net'] })
  const refused = await approve(suppressed)
  assert.equal(refusal(refused), '422 recipient_refused')
  assert.match(refused.text, /suppressed since/)
  await policy(box, { sending_mode: 'auto', mailbox_recipient_per_day: 1 })
  assert.equal((await approve(id)).status, 200)
  const second = await api('POST', `/v1/mailboxes/${box.address}/messages`, {
    body: { to: ['far@example.net'], text: 'x' },
  })
  assert.equal(refusal(second), '429 sending_limit_reached')
  assert.match(second.text, /1 message to the same recipient in a day; come again at \d{4}-/)
  assert.equal(await stateOf(suppressed), 'pending')
})

test('as many wait as may', async () => {
  const box = await sender({ approvals_pending_max: 2 })
  const first = await held(box)
  await held(box)
  const full = await api('POST', `/v1/mailboxes/${box.address}/messages`, {
    body: { to: ['far@example.net'], text: 'x' },
  })
  assert.equal(refusal(full), '429 sending_limit_reached')
  using client = await smtp.logIn(box.address, box.password)
  const text = `From: <${box.address}>\r\n\r\nx`
  assert.match(await sendMessage(client, `<${box.address}>`, ['far@example.net'], text), /^452 4\.5\.3 /)
  await api('POST', `/v1/approvals/${first}/reject`, { body: { reason: 'not now' }, key: approver })
  assert.deepEqual([await stateOf(first), at(await shown(first), 'reason')], ['rejected', 'not now'])
  await held(box)
})

test('by a mail program: held as it came, approved without a second copy, edited with one', async () => {
  const box = await sender()
  using client = await smtp.logIn(box.address, box.password)
  const submit = async (text: string): Promise<string> => {
    const message = `From: <${box.address}>\r\nTo: <far@example.net>\r\nBcc: <b@example.net>\r\nSubject: s\r\n\r\n${text}`
    const answer = await sendMessage(
      client,
      `<${box.address}>`,
      ['far@example.net', 'b@example.net'],
      message,
    )
    return /^250 2\.6\.0 Held for approval as (\S+)$/.exec(answer)?.[1] ?? assert.fail(answer)
  }
  const id = await submit('as it is')
  assert.deepEqual(
    [at(await shown(id), 'source'), at(await shown(id), 'requested_by'), at(await shown(id), 'recipients')],
    ['submission', `mailbox:${box.mailboxId}`, ['far@example.net', 'b@example.net']],
  )
  const plain = await approve(id)
  assert.deepEqual([plain.status, at(plain.json, 'sent_message_id')], [200, null], plain.text)
  assert.deepEqual([(await sentOf(box)).length, await queued(box)], [0, ['b@example.net', 'far@example.net']])
  const edited = await approve(await submit('changed'), { edit: { text: 'better' } })
  assert.equal(edited.status, 200, edited.text)
  const [copy] = await sentOf(box)
  assert.equal(copy?.id, textAt(edited.json, 'sent_message_id'))
  const raw = (await readBodyBytes(smtp.t.platform.db, copy?.body_id ?? '')).toString()
  assert.match(raw, /^Return-Path: [\s\S]*\r\n\r\nbetter\s*$/)
  const rows = await smtp.t.platform.db
    .selectFrom('outbound_messages')
    .select(['skip_bytes', 'body_id'])
    .where('mailbox_id', '=', box.mailboxId)
    .execute()
  for (const { skip_bytes: skipped, body_id: bodyId } of rows) {
    const whole = (await readBodyBytes(smtp.t.platform.db, bodyId)).toString()
    assert.match(whole.slice(skipped), /^Received: /)
  }
})

test('what a mail program sent is edited whatever is in it, and its files stay what they are', async () => {
  const box = await sender()
  using client = await smtp.logIn(box.address, box.password)
  const header = `From: <${box.address}>\r\nTo: <far@example.net>\r\nSubject: =?utf-8?q?a=00b?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n`
  const text = '--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\none=00\r\n'
  const file =
    '--b\r\nContent-Type: text/plain; charset=iso-8859-1; name=a.txt\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n/Pz8\r\n--b--'
  const answer = await sendMessage(client, `<${box.address}>`, ['far@example.net'], header + text + file)
  const id = /^250 2\.6\.0 Held for approval as (\S+)$/.exec(answer)?.[1] ?? assert.fail(answer)
  const reply = await approve(id, { edit: { subject: 'better', text: 'two' } })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    [at(reply.json, 'changes', 0, 'before'), at(reply.json, 'changes', 1, 'diff')],
    ['a\ufffdb', '@@ -1,1 +1,1 @@\n-one\ufffd\n+two'],
  )
  const [copy] = await sentOf(box)
  const raw = (await readBodyBytes(smtp.t.platform.db, copy?.body_id ?? '')).toString()
  assert.match(raw, /^Content-Type: text\/plain; (?:name=a\.txt; )?charset=iso-8859-1/m)
})

test('a draft that is rejected after it was sent comes back from what was deleted', async () => {
  const box = await sender()
  const path = `/v1/mailboxes/${box.address}`
  const draft = { to: ['far@example.net'], subject: 'written with care', text: 'x' }
  const made = await api('POST', `${path}/drafts`, { body: draft })
  const sent = await api('POST', `${path}/drafts/${textAt(made.json, 'id')}/send`)
  assert.equal(textAt(sent.json, 'status'), 'pending_approval', sent.text)
  const drafts = async () => listAt((await api('GET', `${path}/drafts`)).json, 'data')
  assert.deepEqual(await drafts(), [])
  const id = textAt(sent.json, 'approval_id')
  const rejected = await api('POST', `/v1/approvals/${id}/reject`, { body: {}, key: approver })
  assert.equal(rejected.status, 200, rejected.text)
  const bound = await newKey(box.mailboxId)
  const seen = await api('GET', `/v1/approvals/${id}`, { key: bound })
  assert.equal(textAt(seen.json, 'message', 'subject'), 'written with care')
  const [deleted] = listAt((await api('GET', `${path}/deleted-messages`)).json, 'data')
  const restored = await api('POST', `${path}/deleted-messages/${textAt(deleted, 'id')}/restore`)
  assert.equal(restored.status, 200, restored.text)
  assert.deepEqual(
    (await drafts()).map((one) => textAt(one, 'subject')),
    ['written with care'],
  )
})

test('what waits ends: by its time, with a suspension, a deletion, a purge', async () => {
  const [{ platform, scope }, box] = [smtp.t, await sender({ approval_days: 1 })]
  const change = (work: Parameters<typeof inTransaction>[1]) => inTransaction(platform, work)
  const late = await held(box)
  await platform.db
    .updateTable('approvals')
    .set({ expires_at: platform.clock.now() })
    .where('id', '=', late)
    .execute()
  assert.equal(refusal(await approve(late)), '409 approval_state_conflict')
  await expireApprovals(platform)
  assert.equal(await stateOf(late), 'expired')
  const waiting = await held(box)
  await change((tx) => suspendMailbox(platform, tx, scope, box.mailboxId))
  assert.deepEqual(
    [await stateOf(waiting), at(await shown(waiting), 'reason')],
    ['cancelled', 'The mailbox was suspended.'],
  )
  assert.equal(refusal(await approve(waiting)), '409 approval_state_conflict')
  const deleted = await sender()
  const [one, bodyId] = [await held(deleted), await heldBody(deleted)]
  await change((tx) => deleteMailbox(platform, tx, scope, deleted.mailboxId, { purge: false }))
  assert.equal(await stateOf(one), 'cancelled')
  assert.deepEqual(await eventsOf(deleted), ['approval.requested', 'approval.cancelled'])
  await change((tx) => deleteMailbox(platform, tx, scope, deleted.mailboxId, { purge: true }))
  await purgeMailbox(platform, deleted.mailboxId)
  await runJobs(platform)
  assert.equal((await api('GET', `/v1/approvals/${one}`)).status, 404)
  const holds = await platform.db.selectFrom('body_holds').selectAll().where('body_id', '=', bodyId).execute()
  assert.deepEqual(holds, [])
})

async function heldBody({ mailboxId }: TestMailbox): Promise<string> {
  const row = await smtp.t.platform.db
    .selectFrom('approvals')
    .select('body_id')
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  return row.body_id
}
