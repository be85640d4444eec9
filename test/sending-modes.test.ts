/** Every sending mode on every way out, to every kind of recipient: what leaves, what waits, what is refused, what stays. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startAuthenticator } from '../src/accounts/principals.ts'
import { startApi } from '../src/api/server.ts'
import type { SendingMode } from '../src/delivery/approvals/sending-mode.ts'
import { putAutoreply } from '../src/delivery/routing/autoreply-settings.ts'
import { putFilter } from '../src/delivery/routing/filters.ts'
import { putForwarding } from '../src/mailboxes/forwarding.ts'
import { type Call, call, listAt, textAt } from '../src/testing/test-api.ts'
import { runJobs } from '../src/testing/test-jobs.ts'
import { inTransaction } from '../src/testing/test-mail.ts'
import type { TestMailbox } from '../src/testing/test-platform.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../src/testing/test-smtp.ts'

let smtp: TestSmtp
let api: Call
const stack = new AsyncDisposableStack()
before(async () => {
  smtp = stack.use(await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' }))
  const { platform, apiKey } = smtp.t
  const authenticator = startAuthenticator(platform)
  stack.defer(() => authenticator.stop())
  const server = await startApi(platform, {
    authenticator,
    host: '127.0.0.1',
    port: 0,
    isReady: () => true,
    requestsPerMinute: 1e9,
  })
  stack.defer(() => server.stop())
  api = (method, path, options = {}) => call(`http://127.0.0.1:${server.port}`, apiKey, method, path, options)
})
after(() => stack.disposeAsync())

const kinds = ['outside, new', 'outside, known', 'inside, new', 'itself'] as const
type Kind = (typeof kinds)[number]

/** `kept`: it goes nowhere and stays in the mailbox that it came to. `silent`: nothing is answered. */
type Outcome = 'sent' | 'held' | 'refused' | 'kept' | 'silent'

/** A row for each way and mode; an outcome for each kind of recipient. */
const table: [way: Way, mode: SendingMode, outcomes: [Outcome, Outcome, Outcome, Outcome]][] = [
  ['api', 'auto', ['sent', 'sent', 'sent', 'sent']],
  ['api', 'approve', ['held', 'held', 'held', 'sent']],
  ['api', 'approve_new_recipients', ['held', 'sent', 'held', 'sent']],
  ['api', 'read_only', ['refused', 'refused', 'refused', 'sent']],
  ['submission', 'auto', ['sent', 'sent', 'sent', 'sent']],
  ['submission', 'approve', ['held', 'held', 'held', 'sent']],
  ['submission', 'approve_new_recipients', ['held', 'sent', 'held', 'sent']],
  ['submission', 'read_only', ['refused', 'refused', 'refused', 'sent']],
  ['redirect', 'auto', ['sent', 'sent', 'sent', 'kept']],
  ['redirect', 'approve', ['kept', 'kept', 'kept', 'kept']],
  ['redirect', 'approve_new_recipients', ['kept', 'sent', 'kept', 'kept']],
  ['redirect', 'read_only', ['kept', 'kept', 'kept', 'kept']],
  ['forward', 'auto', ['sent', 'sent', 'sent', 'kept']],
  ['forward', 'approve', ['kept', 'kept', 'kept', 'kept']],
  ['forward', 'approve_new_recipients', ['kept', 'sent', 'kept', 'kept']],
  ['forward', 'read_only', ['kept', 'kept', 'kept', 'kept']],
  ['autoreply', 'auto', ['sent', 'sent', 'sent', 'silent']],
  ['autoreply', 'approve', ['silent', 'silent', 'silent', 'silent']],
  // Whoever inside has written is heard from; the stranger's reverse path is another than his From.
  ['autoreply', 'approve_new_recipients', ['silent', 'sent', 'sent', 'silent']],
  ['autoreply', 'read_only', ['silent', 'silent', 'silent', 'silent']],
  ['vacation', 'auto', ['sent', 'sent', 'sent', 'silent']],
  ['vacation', 'approve', ['silent', 'silent', 'silent', 'silent']],
  ['vacation', 'approve_new_recipients', ['silent', 'sent', 'sent', 'silent']],
  ['vacation', 'read_only', ['silent', 'silent', 'silent', 'silent']],
]

type Cell = { box: TestMailbox; other: TestMailbox; to: string; kind: Kind }

const ways = { api: byApi, submission: bySubmission, redirect, forward, autoreply, vacation }
type Way = keyof typeof ways

for (const [way, mode, outcomes] of table) {
  describe(`${way}, ${mode}`, () => {
    for (const [at, kind] of kinds.entries()) {
      test(`${kind}: ${outcomes[at]}`, async () => {
        const cell = await newCell(kind)
        const path = `/v1/mailboxes/${cell.box.address}/delivery-policy`
        const put = await api('PUT', path, { body: { sending_mode: mode } })
        assert.equal(put.status, 200, put.text)
        assert.equal(await ways[way](cell), outcomes[at])
      })
    }
  })
}

let made = 0

async function newCell(kind: Kind): Promise<Cell> {
  const [box, other] = [await smtp.t.createSender(), await smtp.t.createSender()]
  const far = `far${++made}@far.example`
  if (kind === 'outside, known') await arrives(box, far)
  return {
    box,
    other,
    kind,
    to: { 'outside, new': far, 'outside, known': far, 'inside, new': other.address, itself: box.address }[
      kind
    ],
  }
}

/** Mail from outside for a mailbox. */
async function arrives(box: TestMailbox, from: string, mailFrom = from): Promise<void> {
  using client = await smtp.greet('smtp')
  const message = `From: <${from}>\r\nTo: <${box.address}>\r\nSubject: x\r\nMessage-ID: <${++made}@far.example>\r\n\r\nhello`
  assert.match(await sendMessage(client, `<${mailFrom}>`, [box.address], message), /^250 /)
}

const rowsOf = async (table: 'outbound_recipients' | 'messages', mailboxId: string) =>
  (await smtp.t.platform.db.selectFrom(table).select('id').where('mailbox_id', '=', mailboxId).execute())
    .length

/** What has left: rows of the queue, and copies of the other mailbox. */
async function left({ box, other, to }: Cell): Promise<number> {
  const elsewhere = await rowsOf('outbound_recipients', box.mailboxId)
  return elsewhere + (to === other.address ? await rowsOf('messages', other.mailboxId) : 0)
}

async function byApi(cell: Cell): Promise<Outcome> {
  const { box, to } = cell
  const stored = await rowsOf('messages', box.mailboxId)
  const body = { to: [to], subject: 'x', text: 'hello' }
  const reply = await api('POST', `/v1/mailboxes/${box.address}/messages`, { body })
  const now = await rowsOf('messages', box.mailboxId)
  if (reply.status === 403) {
    assert.equal(textAt(reply.json, 'code'), 'sending_not_allowed')
    assert.deepEqual([await left(cell), now], [0, stored])
    return 'refused'
  }
  assert.equal(reply.status, 202, reply.text)
  return await sentOrHeld(cell, textAt(reply.json, 'approval_id'), now - stored)
}

/** @param copies that the mailbox has got itself. */
async function sentOrHeld(cell: Cell, approvalId: string, copies: number): Promise<Outcome> {
  const page = await api('GET', `/v1/mailboxes/${cell.box.address}/approvals?state=pending`)
  const ids = listAt(page.json, 'data').map((one) => textAt(one, 'id'))
  if (ids.length === 0) {
    assert.ok(['null', ''].includes(approvalId))
    assert.ok(cell.kind === 'itself' ? copies > 0 : (await left(cell)) === 1)
    return 'sent'
  }
  assert.deepEqual([ids, await left(cell), copies], [[approvalId], 0, 0])
  return 'held'
}

async function bySubmission(cell: Cell): Promise<Outcome> {
  const { box, to } = cell
  const stored = await rowsOf('messages', box.mailboxId)
  using client = await smtp.logIn(box.address, box.password)
  assert.match(await client.command(`MAIL FROM:<${box.address}>`), /^250 /)
  const answer = await client.command(`RCPT TO:<${to}>`)
  if (!answer.startsWith('250 ')) {
    assert.equal(answer, '550 5.7.1 The sending mode of the mailbox lets nothing leave it')
    assert.equal(await left(cell), 0)
    return 'refused'
  }
  assert.match(await client.command('DATA'), /^354 /)
  client.write(`From: <${box.address}>\r\nTo: <${to}>\r\nSubject: x\r\n\r\nhello`)
  const end = await client.command('\r\n.')
  const approvalId = /^250 2\.6\.0 Held for approval as (\S+)$/.exec(end)?.[1] ?? ''
  assert.match(end, /^250 2\.6\.0 (?:Held for approval|Accepted) as /)
  return await sentOrHeld(cell, approvalId, (await rowsOf('messages', box.mailboxId)) - stored)
}

/** Puts rules in place, has a stranger write, and looks where it went. */
async function passedOn(cell: Cell, rules: (cell: Cell) => Promise<unknown>): Promise<Outcome> {
  await rules(cell)
  const stored = await rowsOf('messages', cell.box.mailboxId)
  await arrives(cell.box, `writer${++made}@far.example`)
  const copies = (await rowsOf('messages', cell.box.mailboxId)) - stored
  const gone = await left(cell)
  assert.equal(copies + gone, 1, 'it is in one place')
  return gone === 1 ? 'sent' : 'kept'
}

const change = (work: Parameters<typeof inTransaction>[1]) => inTransaction(smtp.t.platform, work)

async function redirect(cell: Cell): Promise<Outcome> {
  const script = `redirect "${cell.to}";`
  return await passedOn(cell, ({ box }) => filter(box, script))
}

async function forward(cell: Cell): Promise<Outcome> {
  const forwarding = { targets: [cell.to], keepCopy: false }
  const set = ({ box }: Cell) =>
    change((tx) => putForwarding(smtp.t.platform, tx, smtp.t.scope, box.address, forwarding))
  if (cell.kind !== 'itself') return await passedOn(cell, set)
  await assert.rejects(set(cell), { code: 'forward_target_invalid' })
  return 'kept'
}

const filter = (box: TestMailbox, script: string) =>
  change((tx) =>
    putFilter(smtp.t.platform, tx, smtp.t.scope, box.address, { name: 'main', script, active: true }),
  )

/** Has the recipient write, and looks whether it is answered. */
async function answered(cell: Cell): Promise<Outcome> {
  const { box, to, kind } = cell
  if (kind === 'outside, new') await arrives(box, `author${++made}@far.example`, to)
  else if (kind === 'outside, known') await arrives(box, to)
  else {
    const from = kind === 'itself' ? box : cell.other
    using client = await smtp.logIn(from.address, from.password)
    const message = `From: <${from.address}>\r\nTo: <${box.address}>\r\n\r\nhello`
    assert.match(await sendMessage(client, `<${from.address}>`, [box.address], message), /^250 /)
  }
  await runJobs(smtp.t.platform)
  return (await left(cell)) === 1 ? 'sent' : 'silent'
}

async function autoreply(cell: Cell): Promise<Outcome> {
  const settings = { enabled: true, subject: null, text: 'Away.', starts_at: null, ends_at: null, days: 7 }
  await change((tx) => putAutoreply(smtp.t.platform, tx, smtp.t.scope, cell.box.address, settings))
  return await answered(cell)
}

async function vacation(cell: Cell): Promise<Outcome> {
  await filter(cell.box, 'require "vacation"; vacation "Away.";')
  return await answered(cell)
}
