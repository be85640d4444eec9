/** Approvals over the API: who may decide, what goes then, how it ends; and of two decisions one counts. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { expireApprovals } from '../delivery/approvals/end.ts'
import { deleteMailbox, suspendMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import { at, listAt, refusal, textAt } from '../testing/test-api.ts'
import { startTestApprovals, type TestApprovals } from '../testing/test-approvals.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { inTransaction } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { rawMessages, sendMessage } from '../testing/test-smtp.ts'

let api: TestApprovals
before(async () => {
  api = await startTestApprovals()
})
after(() => api[Symbol.asyncDispose]())

async function eventsOf({ mailboxId }: TestMailbox): Promise<string[]> {
  const rows = await api.t.platform.db
    .selectFrom('events')
    .select('type')
    .where('mailbox_id', '=', mailboxId)
    .where('type', 'like', 'approval.%')
    .orderBy('id')
    .execute()
  return rows.map(({ type }) => type)
}

test('a message waits whole, is shown as it would go, and goes when another approves', async () => {
  const [box, other] = [await api.sender(), await api.t.createSender()]
  const id = await api.held(box, {
    to: [`Bob <${other.address}>`],
    cc: ['far@example.net'],
    bcc: ['hidden@example.org'],
    subject: 'Grüße',
    html: '<p>hello</p>',
    attachments: [{ filename: 'a.txt', content_base64: 'aGk=' }],
  })
  const seen = await api.shown(id)
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
  assert.deepEqual([await api.queued(box), (await api.sentOf(box)).length], [[], 0])
  const reply = await api.approve(id)
  assert.deepEqual([reply.status, textAt(reply.json, 'state')], [200, 'approved'], reply.text)
  assert.deepEqual(await api.queued(box), ['far@example.net', 'hidden@example.org'])
  const [sent] = await api.sentOf(box)
  assert.equal(sent?.id, textAt(reply.json, 'sent_message_id'))
  const [raw] = await rawMessages(api.t.platform, other.mailboxId)
  assert.match(raw?.toString() ?? '', /\r\nTo: Bob </)
  assert.deepEqual(at(await api.shown(id), 'message', 'attachments', 0, 'filename'), 'a.txt')
  assert.deepEqual(await eventsOf(box), ['approval.requested', 'approval.approved'])
  const again = await api.approve(id)
  assert.equal(refusal(again), '409 approval_state_conflict')
  assert.deepEqual(await api.queued(box), ['far@example.net', 'hidden@example.org'])
})

test('who sent it, and who is bound to a mailbox, neither approves nor loosens the policy', async () => {
  const box = await api.sender()
  const bound = await api.newKey(box.mailboxId)
  const message = { to: ['far@example.net'], text: 'x' }
  const path = `/v1/mailboxes/${box.address}`
  const sent = await api.call('POST', `${path}/messages`, { body: message, key: bound })
  const id = textAt(sent.json, 'approval_id')
  assert.equal(
    textAt((await api.call('GET', `/v1/approvals/${id}`, { key: bound })).json, 'state'),
    'pending',
  )
  const own = await api.call('GET', `${path}/approvals`, { key: bound })
  assert.deepEqual(
    listAt(own.json, 'data').map((one) => textAt(one, 'id')),
    [id],
  )
  for (const [method, at, body] of [
    ['POST', `/v1/approvals/${id}/approve`, {}],
    ['POST', `/v1/approvals/${id}/reject`, {}],
    ['PUT', `${path}/delivery-policy`, { sending_mode: 'auto' }],
  ] as const) {
    assert.equal(refusal(await api.call(method, at, { body, key: bound })), '403 forbidden', at)
  }
  assert.equal(refusal(await api.approve(await api.held(box), {}, api.t.apiKey)), '403 forbidden')
  assert.equal((await api.approve(id)).status, 200)
})

test('of approvals and rejections at the same moment one counts, and nothing goes twice', async () => {
  const box = await api.sender()
  for (let round = 0; round < 5; round++) {
    const id = await api.held(box, { to: [`far${round}@example.net`] })
    const decisions = await Promise.all([
      api.approve(id),
      api.approve(id, { edit: { subject: 'other' } }),
      api.call('POST', `/v1/approvals/${id}/reject`, { body: { reason: 'no' }, key: api.approver }),
      api.approve(id),
    ])
    const won = decisions.filter(({ status }) => status === 200)
    assert.equal(won.length, 1)
    for (const reply of decisions)
      if (reply.status !== 200) assert.equal(refusal(reply), '409 approval_state_conflict')
    const state = await api.stateOf(id)
    assert.equal(state, textAt(won[0]?.json, 'state'))
    const gone = (await api.queued(box)).filter((one) => one === `far${round}@example.net`)
    assert.equal(gone.length, state === 'approved' ? 1 : 0)
  }
})

test('the same Idempotency-Key decides once and gets the first reply', async () => {
  const box = await api.sender()
  const id = await api.held(box)
  const headers = { 'idempotency-key': 'approve-once' }
  const replies = []
  for (let time = 0; time < 2; time++)
    replies.push(
      await api.call('POST', `/v1/approvals/${id}/approve`, { body: {}, key: api.approver, headers }),
    )
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200],
  )
  assert.deepEqual(replies[0]?.json, replies[1]?.json)
  assert.deepEqual(await api.queued(box), ['far@example.net'])
})

test('the rules of the moment: mode, limits, suppressions, state', async () => {
  const box = await api.sender()
  const id = await api.held(box)
  await api.policy(box, { sending_mode: 'read_only' })
  assert.equal(refusal(await api.approve(id)), '403 sending_not_allowed')
  await api.policy(box, { sending_mode: 'approve', mailbox_per_hour: 0 })
  assert.equal(refusal(await api.approve(id)), '429 sending_limit_reached')
  await api.policy(box, { sending_mode: 'approve' })
  await api.call('POST', '/v1/suppressions', { body: { address: 'gone@example.net' } })
  const suppressed = await api.held(box, { to: ['gone@example.net'] })
  const refused = await api.approve(suppressed)
  assert.equal(refusal(refused), '422 recipient_refused')
  assert.match(refused.text, /suppressed since/)
  await api.policy(box, { sending_mode: 'auto', mailbox_recipient_per_day: 1 })
  assert.equal((await api.approve(id)).status, 200)
  const second = await api.call('POST', `/v1/mailboxes/${box.address}/messages`, {
    body: { to: ['far@example.net'], text: 'x' },
  })
  assert.equal(refusal(second), '429 sending_limit_reached')
  assert.match(second.text, /1 message to the same recipient in a day; come again at \d{4}-/)
  assert.equal(await api.stateOf(suppressed), 'pending')
})

test('as many wait as may', async () => {
  const box = await api.sender({ approvals_pending_max: 2 })
  const first = await api.held(box)
  await api.held(box)
  const full = await api.call('POST', `/v1/mailboxes/${box.address}/messages`, {
    body: { to: ['far@example.net'], text: 'x' },
  })
  assert.equal(refusal(full), '429 sending_limit_reached')
  using client = await api.logIn(box.address, box.password)
  const text = `From: <${box.address}>\r\n\r\nx`
  assert.match(await sendMessage(client, `<${box.address}>`, ['far@example.net'], text), /^452 4\.5\.3 /)
  await api.call('POST', `/v1/approvals/${first}/reject`, { body: { reason: 'not now' }, key: api.approver })
  assert.deepEqual([await api.stateOf(first), at(await api.shown(first), 'reason')], ['rejected', 'not now'])
  await api.held(box)
})

test('by a mail program: held as it came, approved without a second copy, edited with one', async () => {
  const box = await api.sender()
  using client = await api.logIn(box.address, box.password)
  const submit = async (text: string): Promise<string> => {
    const header = `From: <${box.address}>\r\nTo: <far@example.net>\r\nBcc: <b@example.net>\r\nSubject: s\r\n`
    const message = `${header}\r\n${text}`
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
    [
      at(await api.shown(id), 'source'),
      at(await api.shown(id), 'requested_by'),
      at(await api.shown(id), 'recipients'),
    ],
    ['submission', `mailbox:${box.mailboxId}`, ['far@example.net', 'b@example.net']],
  )
  const plain = await api.approve(id)
  assert.deepEqual([plain.status, at(plain.json, 'sent_message_id')], [200, null], plain.text)
  assert.deepEqual(
    [(await api.sentOf(box)).length, await api.queued(box)],
    [0, ['b@example.net', 'far@example.net']],
  )
  const edited = await api.approve(await submit('changed'), { edit: { text: 'better' } })
  assert.equal(edited.status, 200, edited.text)
  const [copy] = await api.sentOf(box)
  assert.equal(copy?.id, textAt(edited.json, 'sent_message_id'))
  const raw = (await readBodyBytes(api.t.platform.db, copy?.body_id ?? '')).toString()
  assert.match(raw, /^Return-Path: [\s\S]*\r\n\r\nbetter\s*$/)
  const rows = await api.t.platform.db
    .selectFrom('outbound_messages')
    .select(['skip_bytes', 'body_id'])
    .where('mailbox_id', '=', box.mailboxId)
    .execute()
  for (const { skip_bytes: skipped, body_id: bodyId } of rows) {
    const whole = (await readBodyBytes(api.t.platform.db, bodyId)).toString()
    assert.match(whole.slice(skipped), /^Received: /)
  }
})

test('a draft that is rejected after it was sent comes back from what was deleted', async () => {
  const box = await api.sender()
  const path = `/v1/mailboxes/${box.address}`
  const draft = { to: ['far@example.net'], subject: 'written with care', text: 'x' }
  const made = await api.call('POST', `${path}/drafts`, { body: draft })
  const sent = await api.call('POST', `${path}/drafts/${textAt(made.json, 'id')}/send`)
  assert.equal(textAt(sent.json, 'status'), 'pending_approval', sent.text)
  const drafts = async () => listAt((await api.call('GET', `${path}/drafts`)).json, 'data')
  assert.deepEqual(await drafts(), [])
  const id = textAt(sent.json, 'approval_id')
  const rejected = await api.call('POST', `/v1/approvals/${id}/reject`, { body: {}, key: api.approver })
  assert.equal(rejected.status, 200, rejected.text)
  const bound = await api.newKey(box.mailboxId)
  const seen = await api.call('GET', `/v1/approvals/${id}`, { key: bound })
  assert.equal(textAt(seen.json, 'message', 'subject'), 'written with care')
  const [deleted] = listAt((await api.call('GET', `${path}/deleted-messages`)).json, 'data')
  const restored = await api.call('POST', `${path}/deleted-messages/${textAt(deleted, 'id')}/restore`)
  assert.equal(restored.status, 200, restored.text)
  assert.deepEqual(
    (await drafts()).map((one) => textAt(one, 'subject')),
    ['written with care'],
  )
})

test('what waits ends: by its time, with a suspension, a deletion, a purge', async () => {
  const [{ platform, scope }, box] = [api.t, await api.sender({ approval_days: 1 })]
  const change = (work: Parameters<typeof inTransaction>[1]) => inTransaction(platform, work)
  const late = await api.held(box)
  await platform.db
    .updateTable('approvals')
    .set({ expires_at: platform.clock.now() })
    .where('id', '=', late)
    .execute()
  assert.equal(refusal(await api.approve(late)), '409 approval_state_conflict')
  await expireApprovals(platform)
  assert.equal(await api.stateOf(late), 'expired')
  const waiting = await api.held(box)
  await change((tx) => suspendMailbox(platform, tx, scope, box.mailboxId))
  assert.deepEqual(
    [await api.stateOf(waiting), at(await api.shown(waiting), 'reason')],
    ['cancelled', 'The mailbox was suspended.'],
  )
  assert.equal(refusal(await api.approve(waiting)), '409 approval_state_conflict')
  const deleted = await api.sender()
  const [one, bodyId] = [await api.held(deleted), await heldBody(deleted)]
  await change((tx) => deleteMailbox(platform, tx, scope, deleted.mailboxId, { purge: false }))
  assert.equal(await api.stateOf(one), 'cancelled')
  assert.deepEqual(await eventsOf(deleted), ['approval.requested', 'approval.cancelled'])
  await change((tx) => deleteMailbox(platform, tx, scope, deleted.mailboxId, { purge: true }))
  await purgeMailbox(platform, deleted.mailboxId)
  await runJobs(platform)
  assert.equal((await api.call('GET', `/v1/approvals/${one}`)).status, 404)
  const holds = await platform.db.selectFrom('body_holds').selectAll().where('body_id', '=', bodyId).execute()
  assert.deepEqual(holds, [])
})

async function heldBody({ mailboxId }: TestMailbox): Promise<string> {
  const row = await api.t.platform.db
    .selectFrom('approvals')
    .select('body_id')
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  return row.body_id
}
