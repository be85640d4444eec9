/** Greylisting: strangers come again, over SMTP and by the clock; who is known is let in at once. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { insertBodies } from '../../messages/bodies.ts'
import { transaction } from '../../platform/database.ts'
import { stage } from '../../testing/test-mail.ts'
import { outboundMessage } from '../../testing/test-outbound.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { type RspamdStandIn, startRspamdStandIn, verdict } from '../../testing/test-rspamd.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { arrivalOf, authenticationOf, honestMessage, recipientOf, unproved } from '../../testing/test-spam.ts'
import type { Arrival, Authentication } from '../inbound/arrival.ts'
import { queueOutbound } from '../outbound/queue.ts'
import { type DeliveryPolicySettings, putDeliverySettings } from '../policies.ts'
import type { LocalRecipient } from '../recipients.ts'
import { deleteOldTriplets, greylistArrival, greylistTimes } from './greylist.ts'
import { addSenders } from './sender-list-changes.ts'

let smtp: TestSmtp
let rspamd: RspamdStandIn
let grey: { mailbox: TestMailbox; recipient: LocalRecipient }
let other: { mailbox: TestMailbox; recipient: LocalRecipient }
let open: { mailbox: TestMailbox; recipient: LocalRecipient }

async function makeMailbox(settings: DeliveryPolicySettings) {
  const { platform } = smtp.t
  const mailbox = await smtp.t.createMailbox()
  const level = { ...mailbox.owner, scope: 'mailbox' as const, scopeId: mailbox.mailboxId }
  await transaction(platform.db, (tx) => putDeliverySettings(platform, tx, level, settings))
  return { mailbox, recipient: await recipientOf(platform, mailbox) }
}

before(async () => {
  rspamd = await startRspamdStandIn()
  smtp = await startTestSmtp({
    MAILWRIGHT_LOG_LEVEL: 'silent',
    MAILWRIGHT_RSPAMD_URL: `http://127.0.0.1:${rspamd.port}`,
  })
  grey = await makeMailbox({ greylisting: 'on' })
  other = await makeMailbox({ greylisting: 'on' })
  open = await makeMailbox({})
})
after(async () => {
  await smtp[Symbol.asyncDispose]()
  await rspamd[Symbol.asyncDispose]()
})
beforeEach(() => {
  rspamd.answer = verdict('no action', 0)
})

const greylist = async (more: Partial<Arrival> = {}, found: Authentication = unproved): Promise<string> => {
  const arrival = arrivalOf(honestMessage(), { local: [grey.recipient], ...more })
  const refusal = await greylistArrival(smtp.t.platform, arrival, found)
  return refusal === null ? 'let in' : `${refusal.code} ${refusal.enhanced}`
}
const advance = (seconds: number) => smtp.t.platform.clock.advance?.(`PT${seconds}S`)

test('over SMTP: 451 after the message, and 250 when it comes again after a minute', async () => {
  using client = await smtp.greet('smtp')
  const send = () => sendMessage(client, '<eve@stranger.example>', [grey.mailbox.address], honestMessage())
  assert.match(await send(), /^451 4\.7\.1 /)
  assert.match(await send(), /^451 4\.7\.1 /)
  advance(greylistTimes.waitSeconds + 1)
  assert.match(await send(), /^250 2\.6\.0 /)
  assert.match(await send(), /^250 2\.6\.0 /)
})

test('over SMTP: who does not want it gets his mail, and so does whoever is named with him', async () => {
  using client = await smtp.greet('smtp')
  const from = '<mallory@stranger.example>'
  assert.match(await sendMessage(client, from, [open.mailbox.address], honestMessage()), /^250 /)
  const both = [open.mailbox.address, grey.mailbox.address]
  assert.match(await sendMessage(client, from, both, honestMessage()), /^250 /)
  const two = [other.mailbox.address, grey.mailbox.address]
  assert.match(await sendMessage(client, from, two, honestMessage()), /^451 /)
})

test('over SMTP: a login of ours is never held off', async () => {
  using client = await smtp.logIn(open.mailbox.address, open.mailbox.password)
  const reply = await sendMessage(
    client,
    `<${open.mailbox.address}>`,
    [grey.mailbox.address],
    honestMessage({ From: open.mailbox.address }),
  )
  assert.match(reply, /^250 /)
})

test('a triplet is a network, a reverse path and a recipient', async () => {
  const mailFrom = 'one@stranger.example'
  assert.equal(await greylist({ mailFrom }), '451 4.7.1')
  advance(greylistTimes.waitSeconds + 1)
  const others: Partial<Arrival>[] = [
    { mailFrom: 'two@stranger.example' },
    { mailFrom, remoteAddress: '203.0.114.5' },
    { mailFrom, local: [other.recipient] },
  ]
  for (const one of others) assert.equal(await greylist(one), '451 4.7.1')
  assert.equal(await greylist({ mailFrom: 'ONE@stranger.example', remoteAddress: '203.0.113.77' }), 'let in')
})

test('one that knows the sender lets in for all', async () => {
  const mailFrom = 'known@stranger.example'
  await greylist({ mailFrom, local: [other.recipient] })
  advance(greylistTimes.waitSeconds + 1)
  assert.equal(await greylist({ mailFrom }), '451 4.7.1')
  assert.equal(await greylist({ mailFrom, local: [grey.recipient, other.recipient] }), 'let in')
})

test('an attempt is forgotten after a day, and a known sender after 35', async () => {
  const mailFrom = 'slow@stranger.example'
  assert.equal(await greylist({ mailFrom }), '451 4.7.1')
  advance(greylistTimes.retrySeconds + 1)
  assert.equal(await greylist({ mailFrom }), '451 4.7.1', 'a first attempt again')
  advance(greylistTimes.waitSeconds + 1)
  assert.equal(await greylist({ mailFrom }), 'let in')
  advance(greylistTimes.knownSeconds - 10)
  assert.equal(await greylist({ mailFrom }), 'let in', 'and remembered from here on')
  advance(greylistTimes.knownSeconds - 10)
  assert.equal(await greylist({ mailFrom }), 'let in')
  advance(greylistTimes.knownSeconds + 10)
  assert.ok((await deleteOldTriplets(smtp.t.platform)) > 0)
  const { rows } = await smtp.t.platform.pool.query('select 1 from greylist_triplets')
  assert.equal(rows.length, 0)
  assert.equal(await greylist({ mailFrom }), '451 4.7.1')
})

test('who is proved by DMARC, trusted, or has nobody here is let in', async () => {
  const mailFrom = 'new@stranger.example'
  assert.equal(await greylist({ mailFrom }, authenticationOf()), 'let in')
  assert.equal(await greylist({ mailFrom, role: 'lmtp' }), 'let in')
  assert.equal(await greylist({ mailFrom, local: [] }), 'let in')
  const spfOnly = { ...unproved, spf: { result: 'pass' as const, domain: 'stranger.example' } }
  assert.equal(await greylist({ mailFrom }, spfOnly), '451 4.7.1', 'whoever has a domain has SPF')
})

test('whom the mailbox has written to is known', async () => {
  const { platform } = smtp.t
  const body = await stage(platform, Buffer.from(honestMessage()))
  await transaction(platform.db, async (tx) => {
    await insertBodies(tx, [body], platform.clock.now())
    const message = outboundMessage(grey.mailbox.owner, ['friend@far.example'])
    await queueOutbound(platform, tx, [{ bodyId: body.id, message }])
  })
  assert.equal(await greylist({ mailFrom: 'Friend@far.example' }), 'let in')
  assert.equal(await greylist({ mailFrom: 'friend@far.example', local: [other.recipient] }), '451 4.7.1')
})

test('whom a list allows is known, if it is proved', async () => {
  const { platform, scope } = smtp.t
  const level = { ...other.mailbox.owner, scope: 'mailbox' as const, scopeId: other.mailbox.mailboxId }
  await transaction(platform.db, (tx) =>
    addSenders(platform, tx, scope, level, [{ kind: 'allow', pattern: '@partner.example' }]),
  )
  const arrival = { mailFrom: 'a@partner.example', local: [other.recipient] }
  const proved = { ...unproved, spf: { result: 'pass' as const, domain: 'partner.example' } }
  assert.equal(await greylist(arrival), '451 4.7.1')
  assert.equal(await greylist(arrival, proved), 'let in')
})

for (const action of ['greylist', 'soft reject']) {
  test(`rspamd may ask for it too: ${action}`, async () => {
    const arrival = { mailFrom: `${action.replace(' ', '-')}@stranger.example`, local: [open.recipient] }
    assert.equal(await greylist(arrival), 'let in')
    rspamd.answer = verdict(action, 5)
    assert.equal(await greylist(arrival), '451 4.7.1')
    advance(greylistTimes.waitSeconds + 1)
    assert.equal(await greylist(arrival), 'let in')
  })
}
