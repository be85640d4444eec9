/** One word for what became of a message, over all of its recipients. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { newId } from '../../platform/ids.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { enqueue } from '../../testing/test-queue.ts'
import { queuedRecipientsOf, type SentStatus, statusesOfSent } from './message-status.ts'

let t: TestPlatform
let box: TestMailbox
before(async () => {
  t = await startTestPlatform()
  box = await t.createSender()
})
after(() => t[Symbol.asyncDispose]())

/** The state of a recipient, its attempts, and the class of the last one. */
type Recipient = [state: string, attempts: number, lastClass: string | null, step?: string]

async function put(header: string, recipients: readonly Recipient[], kind?: 'forward'): Promise<void> {
  const addresses = recipients.map((_, index) => `r${index}@far.example`)
  const more = { messageId: header, ...(kind === undefined ? {} : { kind }) }
  const id = await enqueue(t.platform, box.owner, addresses, more)
  for (const [index, [state, attempts, lastClass, step]] of recipients.entries()) {
    const { rows } = await sql<{ id: string }>`update outbound_recipients
      set state = ${state}, attempts = ${attempts}, last_class = ${lastClass}
      where outbound_message_id = ${id}::uuid and rcpt_to = ${addresses[index]} returning id`.execute(
      t.platform.db,
    )
    if (step === undefined) continue
    await sql`insert into outbound_steps (outbound_recipient_id, id, step, at, detail)
      values (${rows[0]?.id}::uuid, ${newId()}::uuid, ${step}, now(), '{}')`.execute(t.platform.db)
  }
}

async function statusOf(header: string | null, mailboxId = box.mailboxId): Promise<SentStatus | undefined> {
  const id = newId()
  return (await statusesOfSent(t.platform.db, mailboxId, [{ id, messageId: header }])).get(id)
}

const delivered: Recipient = ['delivered', 1, null]
const waiting: Recipient = ['queued', 0, null]
const tried: Recipient = ['queued', 2, 'policy']
const refused: Recipient = ['bounced', 1, 'no_mailbox']
const expired: Recipient = ['bounced', 9, 'expired']
const cancelled: Recipient = ['cancelled', 0, 'cancelled']

const rows: [what: string, recipients: Recipient[], want: SentStatus][] = [
  ['all have it', [delivered, delivered], 'delivered'],
  ['one waits', [delivered, waiting], 'queued'],
  ['one is held', [delivered, ['held', 3, null]], 'queued'],
  ['one is spoken to', [delivered, ['sending', 0, null]], 'sent'],
  ['one did not take it yet', [delivered, tried], 'sent'],
  ['one waits and one did not take it yet', [tried, waiting], 'queued'],
  ['one was taken back', [waiting, cancelled], 'failed'],
  ['one was given up on', [delivered, expired], 'failed'],
  ['one refused it', [cancelled, refused, waiting], 'bounced'],
  ['refused, and nobody knows why', [['bounced', 1, null]], 'bounced'],
  ['one complained', [['delivered', 1, null, 'complained'], delivered], 'bounced'],
  ['another step says nothing', [['delivered', 1, null, 'reported']], 'delivered'],
]

test('what is worst of the recipients counts', async () => {
  for (const [index, [what, recipients, want]] of rows.entries()) {
    await put(`status-${index}@x`, recipients)
    assert.equal(await statusOf(`status-${index}@x`), want, what)
  }
})

test('what the queue does not know is delivered: other mailboxes’, forwards, none', async () => {
  await put('forward@x', [refused], 'forward')
  const other = await t.createMailbox()
  assert.equal(await statusOf('forward@x'), 'delivered')
  assert.equal(await statusOf('status-8@x', other.mailboxId), 'delivered')
  assert.equal(await statusOf('unknown@x'), 'delivered')
  assert.equal(await statusOf(null), 'delivered')
  assert.equal((await statusesOfSent(t.platform.db, box.mailboxId, [])).size, 0)
})

test('many at once, each its own', async () => {
  const asked = rows.map((_, index) => ({ id: newId(), messageId: `status-${index}@x` }))
  const found = await statusesOfSent(t.platform.db, box.mailboxId, asked)
  assert.deepEqual(
    asked.map(({ id }) => found.get(id)),
    rows.map(([, , want]) => want),
  )
})

test('whom it left for, as the queue knows', async () => {
  const { db } = t.platform
  assert.deepEqual(await queuedRecipientsOf(db, box.mailboxId, 'status-8@x'), [
    'r0@far.example',
    'r1@far.example',
    'r2@far.example',
  ])
  const other = await t.createMailbox()
  assert.deepEqual(await queuedRecipientsOf(db, other.mailboxId, 'status-8@x'), [])
  assert.deepEqual(await queuedRecipientsOf(db, box.mailboxId, 'forward@x'), [])
})
