/** Scheduled messages: nobody gets one before its time, taking back and sending never both happen, and what cannot be sent comes back. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sendDue } from '../delivery/scheduled/send-due.ts'
import { flagBits } from '../messages/flags.ts'
import { type ParsedMail, parseMail } from '../testing/parsed-mail.ts'
import { at, listAt, type Reply, refusal, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { assertCounters, eventsOf } from '../testing/test-mail.ts'
import { startTestMailApi, type TestMailApi } from '../testing/test-mail-api.ts'
import type { TestMailbox } from '../testing/test-platform.ts'

let api: TestMailApi
let bob: TestMailbox
before(async () => {
  api = await startTestMailApi()
  await api.connectActiveDomain('sender.example')
  bob = await api.createMailbox('bob@sender.example')
})
after(() => api[Symbol.asyncDispose]())

let made = 0
const newBox = (): Promise<TestMailbox> => api.createMailbox(`ann${++made}@sender.example`)
const pathOf = (box: TestMailbox, rest = ''): string => `/v1/mailboxes/${box.mailboxId}/scheduled${rest}`
const inHours = (hours: number): string =>
  new Date(api.platform.clock.now().getTime() + hours * 3600 * 1000).toISOString()
const advance = (duration: string) => api.call('POST', '/v1/test/clock', { body: { advance: duration } })

async function schedule(box: TestMailbox, more: object = {}): Promise<{ id: string; reply: Reply }> {
  const body = {
    to: [bob.address, 'far@x.example'],
    bcc: ['Hidden <hidden@x.example>'],
    subject: 'Later',
    text: 'later',
    send_at: inHours(2),
    ...more,
  }
  const reply = await api.call('POST', `/v1/mailboxes/${box.mailboxId}/messages`, { body })
  assert.equal(reply.status, 202, reply.text)
  return { id: textAt(reply.json, 'scheduled_id'), reply }
}

const queuedOf = async ({ mailboxId }: TestMailbox): Promise<string[]> =>
  (
    await api.platform.db
      .selectFrom('outbound_recipients')
      .select('rcpt_to')
      .where('mailbox_id', '=', mailboxId)
      .orderBy('rcpt_to')
      .execute()
  ).map(({ rcpt_to }) => rcpt_to)

/** What Bob has of a subject. */
async function atBob(subject: string): Promise<ParsedMail[]> {
  const all = (await api.folder(bob, 'INBOX')).map(({ raw }) => parseMail(raw))
  return all.filter((mail) => mail.field('subject') === subject)
}

const contactsOf = async ({ mailboxId }: TestMailbox): Promise<string[]> =>
  (
    await api.platform.db
      .selectFrom('contacts')
      .select('address')
      .where('mailbox_id', '=', mailboxId)
      .orderBy('address')
      .execute()
  ).map(({ address }) => address)

const sentEventsOf = async ({ mailboxId }: TestMailbox): Promise<unknown[]> =>
  (await eventsOf(api.platform, mailboxId)).flatMap(({ type, data }) =>
    type === 'message.sent' ? [data] : [],
  )

const holdsOf = (id: string) =>
  api.platform.db.selectFrom('body_holds').select('body_id').where('holder_id', '=', id).execute()

test('nobody gets it before its time, here or elsewhere; then everybody does, once', async () => {
  const ann = await newBox()
  const sendAt = inHours(2)
  const { id, reply } = await schedule(ann, { subject: 'Once', send_at: sendAt })
  assert.deepEqual(
    listAt(reply.json, 'recipients').map((one) => at(one, 'status')),
    ['scheduled', 'scheduled', 'scheduled'],
  )
  await sendDue(api.platform)
  assert.deepEqual([await atBob('Once'), await queuedOf(ann), await contactsOf(ann)], [[], [], []])
  assert.deepEqual(await sentEventsOf(ann), [])
  const { json } = await api.call('GET', pathOf(ann))
  const [listed, ...more] = listAt(json, 'data')
  assert.deepEqual([at(listed, 'id'), at(listed, 'send_at'), more], [id, sendAt, []])
  assert.deepEqual(at(listed, 'bcc'), [{ address: 'hidden@x.example', name: 'Hidden' }])
  assert.equal(at(listed, 'sent_message_id'), at(reply.json, 'id'))
  await advance('PT3H')
  await Promise.all([sendDue(api.platform), sendDue(api.platform), runJobs(api.platform)])
  const [mail, ...others] = await atBob('Once')
  assert.deepEqual(others, [])
  assert.equal(new Date(mail?.field('date') ?? '').getTime(), Math.floor(Date.parse(sendAt) / 1000) * 1000)
  assert.deepEqual(await queuedOf(ann), ['far@x.example', 'hidden@x.example'])
  assert.equal(refusal(await api.call('GET', pathOf(ann, `/${id}`))), '404 scheduled_message_not_found')
  assert.equal(refusal(await api.call('DELETE', pathOf(ann, `/${id}`))), '404 scheduled_message_not_found')
  assert.deepEqual(await holdsOf(id), [])
  assert.equal((await api.folder(ann, 'Sent')).length, 1)
  assert.deepEqual(await contactsOf(ann), [bob.address, 'far@x.example', 'hidden@x.example'])
  assert.deepEqual(
    (await sentEventsOf(ann)).map((data) => [at(data, 'message_id'), at(data, 'thread_id')]),
    [[at(reply.json, 'id'), at(reply.json, 'thread_id')]],
  )
})

test('taken back: nothing leaves, and the copy in Sent is a draft with its blind copies', async () => {
  const ann = await newBox()
  const { id } = await schedule(ann, { subject: 'Back', bcc: ['Hidden, Ö <hidden@x.example>'] })
  const reply = await api.call('DELETE', pathOf(ann, `/${id}`))
  assert.equal(reply.status, 200, reply.text)
  const draft = await api.call(
    'GET',
    `/v1/mailboxes/${ann.mailboxId}/drafts/${textAt(reply.json, 'draft_id')}`,
  )
  assert.deepEqual(at(draft.json, 'bcc'), [{ address: 'hidden@x.example', name: 'Hidden, Ö' }])
  assert.deepEqual([at(draft.json, 'subject'), at(draft.json, 'text')], ['Back', 'later'])
  const [kept, ...more] = await api.folder(ann, 'Drafts')
  assert.deepEqual([kept?.flags, more], [flagBits.draft | flagBits.seen, []])
  assert.match(kept?.raw.toString() ?? '', /^Bcc: =\?UTF-8\?[\s\S]*\?= <hidden@x\.example>\r\n[\s!-~]*$/i)
  assert.doesNotMatch(kept?.raw.toString() ?? '', /^Received/im)
  assert.deepEqual([await api.folder(ann, 'Sent'), await holdsOf(id)], [[], []])
  await advance('PT3H')
  await sendDue(api.platform)
  assert.deepEqual([await atBob('Back'), await queuedOf(ann)], [[], []])
  await assertCounters(api.platform, ann.mailboxId)
})

test('when taking back meets sending exactly one is done, and the caller is told which', async () => {
  const ann = await newBox()
  const rounds = await Promise.all(
    Array.from({ length: 8 }, async (_, round) => {
      const subject = `Race ${round}`
      return { subject, id: (await schedule(ann, { subject, to: [bob.address], bcc: [] })).id }
    }),
  )
  await advance('PT3H')
  const [replies] = await Promise.all([
    Promise.all(rounds.map(({ id }) => api.call('DELETE', pathOf(ann, `/${id}`)))),
    sendDue(api.platform),
    sendDue(api.platform),
  ])
  await sendDue(api.platform)
  const drafts = (await api.folder(ann, 'Drafts')).map(({ raw }) => parseMail(raw).field('subject'))
  for (const [round, { subject }] of rounds.entries()) {
    const cancelled = replies[round]?.status === 200
    if (!cancelled && replies[round]) assert.equal(refusal(replies[round]), '404 scheduled_message_not_found')
    const arrived = (await atBob(subject)).length
    assert.deepEqual(
      [arrived, drafts.filter((one) => one === subject).length],
      cancelled ? [0, 1] : [1, 0],
      subject,
    )
  }
})

test('moved: it goes at the new time with that date, and not at the old one', async () => {
  const ann = await newBox()
  const { id, reply } = await schedule(ann, { subject: 'Moved', to: [bob.address], bcc: [] })
  const path = `/v1/mailboxes/${ann.mailboxId}/messages/${textAt(reply.json, 'id')}`
  const marked = await api.call('PATCH', path, { body: { flagged: true, labels: ['later'] } })
  assert.equal(marked.status, 200, marked.text)
  const sendAt = inHours(48)
  const moved = await api.call('PATCH', pathOf(ann, `/${id}`), { body: { send_at: sendAt } })
  assert.deepEqual([moved.status, at(moved.json, 'send_at')], [200, sendAt], moved.text)
  const [copy, ...more] = await api.folder(ann, 'Sent')
  assert.deepEqual([copy?.id, more], [at(moved.json, 'sent_message_id'), []])
  assert.deepEqual([copy?.flags, copy?.keywords], [flagBits.seen | flagBits.flagged, ['later']])
  await advance('PT3H')
  await sendDue(api.platform)
  assert.deepEqual(await atBob('Moved'), [])
  await advance('P2D')
  await sendDue(api.platform)
  const [mail] = await atBob('Moved')
  assert.equal(new Date(mail?.field('date') ?? '').getTime(), Math.floor(Date.parse(sendAt) / 1000) * 1000)
  const far = await api.call('PATCH', pathOf(ann, `/${id}`), { body: { send_at: inHours(1) } })
  assert.equal(refusal(far), '404 scheduled_message_not_found')
})

test('a copy that somebody removed from Sent changes nothing: it is sent, or becomes a draft', async () => {
  const ann = await newBox()
  const [first, second] = [
    await schedule(ann, { subject: 'Gone 1' }),
    await schedule(ann, { subject: 'Gone 2' }),
  ]
  const client = await api.imap(ann)
  await client.mailboxOpen('Sent')
  await client.messageDelete('1:*')
  const back = await api.call('DELETE', pathOf(ann, `/${second.id}`))
  assert.equal(back.status, 200, back.text)
  const moved = await api.call('PATCH', pathOf(ann, `/${first.id}`), { body: { send_at: inHours(-1) } })
  assert.equal(moved.status, 200, moved.text)
  await sendDue(api.platform)
  assert.deepEqual([(await atBob('Gone 1')).length, (await atBob('Gone 2')).length], [1, 0])
  assert.equal((await api.folder(ann, 'Drafts')).length, 1)
})

test('what can be sent to nobody any more becomes a draft, and what may not be sent now waits', async () => {
  const ann = await newBox()
  const carl = await newBox()
  const { id } = await schedule(ann, { subject: 'Carl', to: [carl.address, bob.address], bcc: [] })
  const waiting = await schedule(ann, { subject: 'Limit', to: ['y@x.example'], bcc: [] })
  assert.equal((await api.call('DELETE', `/v1/mailboxes/${carl.mailboxId}`)).status, 200)
  await api.call('PUT', `/v1/mailboxes/${ann.mailboxId}/delivery-policy`, { body: { mailbox_per_hour: 1 } })
  await advance('PT3H')
  const other = { to: ['first@x.example'], text: 'x' }
  assert.equal(
    (await api.call('POST', `/v1/mailboxes/${ann.mailboxId}/messages`, { body: other })).status,
    202,
  )
  await sendDue(api.platform)
  assert.equal(refusal(await api.call('GET', pathOf(ann, `/${id}`))), '404 scheduled_message_not_found')
  assert.deepEqual(await atBob('Carl'), [], 'all of them or none')
  const failed = (await eventsOf(api.platform, ann.mailboxId)).find(
    ({ type }) => type === 'message.schedule_failed',
  )
  assert.match(textAt(failed?.data, 'reason'), /takes no mail/)
  assert.deepEqual(
    (await api.folder(ann, 'Drafts')).map((one) => one.id),
    [textAt(failed?.data, 'message_id')],
  )
  const kept = await api.call('GET', pathOf(ann, `/${waiting.id}`))
  assert.ok(textAt(kept.json, 'last_problem').length > 10, kept.text)
  await advance('PT2H')
  await sendDue(api.platform)
  assert.deepEqual(await queuedOf(ann), ['first@x.example', 'y@x.example'])
})

for (const kind of ['reply', 'forward'] as const) {
  test(`a ${kind} is told as one when it goes, also after it was a draft again`, async () => {
    const ann = await newBox()
    const first = { to: [ann.address], subject: 'First', text: 'x' }
    await api.call('POST', `/v1/mailboxes/${bob.mailboxId}/messages`, { body: first })
    const original = at((await api.folder(ann, 'INBOX'))[0], 'id')
    const path = `/v1/mailboxes/${ann.mailboxId}/messages/${String(original)}/${kind}`
    const body = { to: ['far@x.example'], text: 'x', send_at: inHours(2) }
    const later = async () => textAt((await api.call('POST', path, { body })).json, 'scheduled_id')
    await later()
    const back = await api.call('DELETE', pathOf(ann, `/${await later()}`))
    assert.equal(back.status, 200, back.text)
    assert.deepEqual(await sentEventsOf(ann), [])
    await advance('PT3H')
    await sendDue(api.platform)
    const draft = `/v1/mailboxes/${ann.mailboxId}/drafts/${textAt(back.json, 'draft_id')}/send`
    const sent = await api.call('POST', draft)
    assert.equal(sent.status, 202, sent.text)
    const answers = { message_id: original, kind }
    assert.deepEqual(
      (await sentEventsOf(ann)).map((data) => at(data, 'answers')),
      [answers, answers],
    )
  })
}

test('an address that is not the mailbox’s any more speaks for nobody', async () => {
  const ann = await newBox()
  await schedule(ann, { subject: 'Renamed', to: [bob.address], bcc: [] })
  const renamed = { address: `renamed-${ann.address}`, alias_days: 0 }
  const reply = await api.call('POST', `/v1/mailboxes/${ann.mailboxId}/rename`, { body: renamed })
  assert.equal(reply.status, 200, reply.text)
  await advance('PT3H')
  await sendDue(api.platform)
  assert.deepEqual([(await atBob('Renamed')).length, (await api.folder(ann, 'Drafts')).length], [0, 1])
  const failed = (await eventsOf(api.platform, ann.mailboxId)).at(-1)
  assert.match(textAt(failed?.data, 'reason'), /does not belong to you/)
})

test('a draft with a time is scheduled when it is sent, and its time can be changed before', async () => {
  const ann = await newBox()
  const drafts = `/v1/mailboxes/${ann.mailboxId}/drafts`
  const body = { to: [bob.address], subject: 'Draft later', text: 'x', send_at: inHours(5) }
  const created = await api.call('POST', drafts, { body })
  const draft = textAt(created.json, 'id')
  const sendAt = inHours(6)
  assert.equal(
    at((await api.call('PATCH', `${drafts}/${draft}`, { body: { send_at: sendAt } })).json, 'send_at'),
    sendAt,
  )
  const sent = await api.call('POST', `${drafts}/${draft}/send`)
  assert.deepEqual([sent.status, at(sent.json, 'send_at')], [202, sendAt], sent.text)
  assert.equal(refusal(await api.call('GET', `${drafts}/${draft}`)), '404 draft_not_found')
  assert.deepEqual(await atBob('Draft later'), [])
  await advance('PT7H')
  await sendDue(api.platform)
  assert.equal((await atBob('Draft later')).length, 1)
})

test('who may change it: not a key that reads', async () => {
  const ann = await newBox()
  const { id } = await schedule(ann)
  const key = await api.key({ access: 'read' })
  assert.equal((await api.call('GET', pathOf(ann, `/${id}`), { key })).status, 200)
  assert.equal(refusal(await api.call('DELETE', pathOf(ann, `/${id}`), { key })), '403 forbidden')
  const body = { send_at: inHours(1) }
  assert.equal(refusal(await api.call('PATCH', pathOf(ann, `/${id}`), { key, body })), '403 forbidden')
  const far = await api.call('PATCH', pathOf(ann, `/${id}`), { body: { send_at: inHours(24 * 31) } })
  assert.equal(refusal(far), '400 invalid_request')
  const other = await newBox()
  assert.equal(refusal(await api.call('DELETE', pathOf(other, `/${id}`))), '404 scheduled_message_not_found')
})
