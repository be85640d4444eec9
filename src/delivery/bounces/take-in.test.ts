/** Reports that come back over SMTP: they count only for mail that was really sent, to whom they name. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { createWorkspace } from '../../accounts/workspaces.ts'
import { connectDomain } from '../../domains/domains.ts'
import { provisionMailbox } from '../../mailboxes/provision.ts'
import { transaction } from '../../platform/database.ts'
import { decideFate } from '../../testing/test-bounces.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { eventsOf } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { setDeliveryPolicy } from '../../testing/test-sending.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { findSuppression } from './suppressions.ts'

let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp()
})
after(() => smtp[Symbol.asyncDispose]())

let sent = 0

type Submitted = { id: string; messageId: string; recipientIds: string[] }

/** A mailbox of ours sends over submission, and the other server says 250. */
async function submit(sender: TestMailbox, to: readonly string[]): Promise<Submitted> {
  const { platform } = smtp.t
  const messageId = `sent-${++sent}@demo.test`
  using client = await smtp.logIn(sender.address, sender.password)
  const message = `From: <${sender.address}>\r\nSubject: Offer\r\nMessage-ID: <${messageId}>\r\n\r\nhello\r\n`
  assert.match(await sendMessage(client, `<${sender.address}>`, to, message), /^250 /)
  const { id } = await platform.db
    .selectFrom('outbound_messages')
    .select('id')
    .where('mailbox_id', '=', sender.mailboxId)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  const recipientIds: string[] = []
  for (const address of to) {
    recipientIds.push(
      await decideFate(platform, id, address, { state: 'delivered', step: 'delivered', reply: '250 OK' }),
    )
  }
  return { id, messageId, recipientIds }
}

/** A report of the fixtures about a message of ours, delivered to a mailbox, and the job that reads it. */
async function report(fixture: string, to: TestMailbox, messageId: string, replace: [string, string][] = []) {
  let text = readFileSync(new URL(`./fixtures/${fixture}.eml`, import.meta.url), 'utf8')
  for (const [from, by] of [['m1@demo.example', messageId] as const, ...replace])
    text = text.replaceAll(from, by)
  using client = await smtp.greet('smtp')
  assert.match(await sendMessage(client, '<>', [to.address], text), /^250 /)
  await runJobs(smtp.t.platform)
}

async function stepsOf(recipientId: string | undefined): Promise<unknown[]> {
  const rows = await smtp.t.platform.db
    .selectFrom('outbound_steps')
    .select(['step', 'detail'])
    .where('outbound_recipient_id', '=', recipientId ?? '')
    .where('step', 'in', ['reported', 'complained'])
    .orderBy('id')
    .execute()
  return rows.map(({ step, detail }) => [step, detail])
}

async function toldOf(mailbox: TestMailbox): Promise<unknown[]> {
  const types = ['message.bounced', 'message.complained']
  return (await eventsOf(smtp.t.platform, mailbox.mailboxId)).filter(({ type }) => types.includes(type))
}

const nobody = async (mailbox: TestMailbox, address: string) =>
  assert.equal(await findSuppression(smtp.t.platform.db, mailbox.owner.workspaceId, address), null)

test('a bounce that came late: noted, told once, suppressed; the message is delivered as usual', async () => {
  const sender = await smtp.t.createSender()
  const { id, messageId, recipientIds } = await submit(sender, ['ann@example.org', 'bob@example.org'])
  await report('postfix-unknown-user', sender, messageId)
  await report('postfix-unknown-user', sender, messageId)
  const [raw, again] = await rawMessages(smtp.t.platform, sender.mailboxId)
  assert.match(String(raw), /^Subject: Undelivered Mail Returned to Sender\r$/m)
  assert.ok(again)
  const reply = "550 5.1.1 <ann@example.org> User doesn't exist:    ann@example.org"
  const detail = { reason: 'failed', reply, class: 'unknown_recipient', host: 'store.example.org' }
  assert.deepEqual(await stepsOf(recipientIds[0]), [['reported', detail]])
  assert.deepEqual(await stepsOf(recipientIds[1]), [])
  assert.deepEqual(await toldOf(sender), [
    {
      type: 'message.bounced',
      data: {
        outbound_message_id: id,
        outbound_recipient_id: recipientIds[0],
        rcpt_to: 'ann@example.org',
        reply,
        class: 'unknown_recipient',
      },
    },
  ])
  const found = await findSuppression(smtp.t.platform.db, sender.owner.workspaceId, 'Ann@Example.org')
  assert.equal(found?.reason, 'bounce')
  await nobody(sender, 'bob@example.org')
})

test('a complaint pauses its sender at once, where the policy says so', async () => {
  const sender = await smtp.t.createSender()
  const { platform, scope } = smtp.t
  await setDeliveryPolicy(platform, scope, 'mailbox', sender.mailboxId, {
    pause_minimum: 1,
    pause_complaint_per_mille: 1,
  })
  const { messageId } = await submit(sender, ['annoyed@example.org'])
  await report('arf-rfc5965', sender, messageId, [['ann@example.org', 'annoyed@example.org']])
  const paused = (await eventsOf(platform, sender.mailboxId)).filter(({ type }) => type === 'sending.paused')
  assert.equal(paused.length, 1)
})

test('the bodies of reports are let go of when they are read', async () => {
  const holds = await smtp.t.platform.db
    .selectFrom('body_holds')
    .select('holder_id')
    .where('holder_id', 'not in', smtp.t.platform.db.selectFrom('outbound_messages').select('id'))
    .execute()
  assert.deepEqual(holds, [])
})

type Case = [fixture: string, steps: (string | undefined)[][], events: number, reason: string | null]
const cases: Case[] = [
  ['exim-plain', [['reported', 'failed', 'mailbox_full']], 1, null],
  ['qmail', [['reported', 'failed', 'unknown_recipient']], 1, 'bounce'],
  ['exchange-2003', [['reported', 'failed', 'unknown_recipient']], 1, 'bounce'],
  ['gmail', [['reported', 'failed', 'unknown_recipient']], 1, 'bounce'],
  ['sendmail-report', [['reported', 'failed', 'blocked']], 1, null],
  ['groupwise-expired', [['reported', 'failed', 'expired']], 1, null],
  ['postfix-delayed', [['reported', 'delayed', undefined]], 0, null],
  ['postfix-relayed', [['reported', 'relayed', undefined]], 0, null],
  ['arf-rfc5965', [['complained', 'abuse by dns; mail.provider.example', undefined]], 1, 'complaint'],
  ['arf-redacted', [['complained', 'abuse by AOL SComp', undefined]], 1, 'complaint'],
  ['jmrp-outlook', [['complained', 'abuse by Outlook.com', undefined]], 1, 'complaint'],
  ['arf-not-spam', [], 0, null],
  ['arf-auth-failure', [], 0, null],
  ['not-a-bounce', [], 0, null],
]
for (const [at, [fixture, steps, events, reason]] of cases.entries()) {
  test(`taken in: ${fixture}`, async () => {
    const sender = await smtp.t.createSender()
    const address = `ann${at}@example.org`
    const { messageId, recipientIds } = await submit(sender, [address])
    await report(fixture, sender, messageId, [['ann@example.org', address]])
    const seen = await stepsOf(recipientIds[0])
    assert.deepEqual(
      seen.map((one) => {
        const [step, detail] = Array.isArray(one) ? one : []
        return [step, detail.reason, detail.class]
      }),
      steps,
    )
    assert.equal((await toldOf(sender)).length, events)
    const found = await findSuppression(smtp.t.platform.db, sender.owner.workspaceId, address)
    assert.equal(found?.reason ?? null, reason)
  })
}

test('a forward that fails names whom it was sent to at first', async () => {
  const sender = await smtp.t.createSender()
  const { messageId, recipientIds } = await submit(sender, ['ann.forwards@example.org'])
  await report('forwarded-with-original-recipient', sender, messageId, [
    ['rfc822;ann@example.org', 'rfc822;Ann.Forwards@Example.org'],
  ])
  assert.equal((await stepsOf(recipientIds[0])).length, 1)
})

test('the message’s own id as envelope id names it too', async () => {
  const sender = await smtp.t.createSender()
  const { id, recipientIds } = await submit(sender, ['ann.envid@example.org'])
  await report('forwarded-with-original-recipient', sender, 'another@demo.test', [
    ['rfc822;ann@example.org', 'rfc822;ann.envid@example.org'],
    ['env+2Bone', id],
  ])
  assert.equal((await stepsOf(recipientIds[0])).length, 1)
})

test('a workspace’s other mailbox may be where reports go', async () => {
  const sender = await smtp.t.createSender()
  const { messageId } = await submit(sender, ['ann.shared@example.org'])
  await report('arf-yahoo', await smtp.t.createMailbox(), messageId, [
    ['ann@example.org', 'ann.shared@example.org'],
  ])
  assert.equal((await toldOf(sender)).length, 1)
})

test('what was not sent is not believed', async () => {
  const sender = await smtp.t.createSender()
  const { id, messageId, recipientIds } = await submit(sender, [
    'ann.safe@example.org',
    'bob.safe@example.org',
  ])
  const named: [string, string][] = [['ann@example.org', 'ann.safe@example.org']]
  // Another message, another recipient, none of two recipients.
  await report('postfix-unknown-user', sender, 'never-sent@demo.test', named)
  await report('postfix-unknown-user', sender, messageId, [['ann@example.org', 'eve@example.org']])
  await report('arf-redacted', sender, messageId)
  // To a mailbox of another workspace.
  await report('postfix-unknown-user', await strangersMailbox(), messageId, named)
  // Too long ago.
  const { platform } = smtp.t
  const old = new Date(platform.clock.now().getTime() - 31 * 24 * 3600 * 1000)
  await platform.db.updateTable('outbound_messages').set({ created_at: old }).where('id', '=', id).execute()
  await report('postfix-unknown-user', sender, messageId, named)
  for (const recipientId of recipientIds) assert.deepEqual(await stepsOf(recipientId), [])
  assert.deepEqual(await toldOf(sender), [])
  await nobody(sender, 'ann.safe@example.org')
})

test('what has bounced already is not told again', async () => {
  const sender = await smtp.t.createSender()
  const { id, messageId, recipientIds } = await submit(sender, ['ann.twice@example.org'])
  await decideFate(smtp.t.platform, id, 'ann.twice@example.org', { state: 'bounced', step: 'bounced' })
  await report('postfix-unknown-user', sender, messageId, [['ann@example.org', 'ann.twice@example.org']])
  assert.deepEqual(await stepsOf(recipientIds[0]), [])
})

async function strangersMailbox(): Promise<TestMailbox> {
  const { platform, scope } = smtp.t
  return await transaction(platform.db, async (tx) => {
    const workspace = await createWorkspace(platform, tx, scope.organizationId, {
      name: 'Other',
      isDefault: false,
    })
    const other = { ...scope, workspaceId: workspace.id }
    await connectDomain(platform, tx, other, 'stranger.test')
    const mailbox = await provisionMailbox(platform, tx, other, {
      address: 'eve@stranger.test',
      displayName: null,
      firstName: null,
      lastName: null,
      password: 'correct horse battery',
      tags: [],
      service: 'local',
    })
    const owner = { organizationId: scope.organizationId, workspaceId: workspace.id, mailboxId: mailbox.id }
    return { address: mailbox.address, password: 'correct horse battery', mailboxId: mailbox.id, owner }
  })
}
