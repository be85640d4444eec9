/** Aliases, forwards, catch-alls and domain aliases, as an SMTP client and the queue see them. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connectDomain } from '../../domains/domains.ts'
import { addAlias, removeAlias } from '../../mailboxes/aliases.ts'
import { addDomainAlias, removeDomainAlias } from '../../mailboxes/domain-aliases.ts'
import { removeDomain } from '../../mailboxes/domain-removal.ts'
import { addForward, putCatchAll, removeCatchAll, removeForward } from '../../mailboxes/extra-addresses.ts'
import { deleteMailbox, suspendMailbox } from '../../mailboxes/mailboxes.ts'
import type { Tx } from '../../platform/database.ts'
import { countStatements } from '../../testing/count-statements.ts'
import { inTransaction } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { startRecipientResolver } from '../recipients.ts'
import { ownsSender } from '../senders.ts'

let smtp: TestSmtp
let ann: TestMailbox
let bob: TestMailbox
const change = (work: (tx: Tx) => Promise<unknown>) => inTransaction(smtp.t.platform, work)

before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  const { t } = smtp
  ann = await t.createMailbox('ann@demo.test')
  bob = await t.createMailbox('bob@demo.test')
  await t.connectActiveDomain('real.example')
  await t.connectActiveDomain('alias.example')
  await change(async (tx) => {
    await connectDomain(t.platform, tx, t.scope, 'catch.test')
    await addAlias(t.platform, tx, t.scope, ann.address, 'Sales@demo.test')
    await addAlias(t.platform, tx, t.scope, ann.address, 'ann@real.example')
    await addForward(t.platform, tx, t.scope, 'demo.test', 'team@demo.test', [ann.address, bob.address])
    await addForward(t.platform, tx, t.scope, 'real.example', 'info@real.example', [
      'far@example.com',
      'further@example.net',
      'bob@demo.test',
    ])
    await addForward(t.platform, tx, t.scope, 'real.example', 'away@real.example', ['far@example.com'])
    await addForward(t.platform, tx, t.scope, 'real.example', 'two@real.example', [
      'away@real.example',
      'team@demo.test',
    ])
    await addDomainAlias(t.platform, tx, t.scope, 'real.example', 'alias.example')
    await putCatchAll(t.platform, tx, t.scope, 'catch.test', { mailbox: bob.address })
  })
})
after(() => smtp[Symbol.asyncDispose]())

async function rcpt(address: string, mailFrom = 'a@b.example'): Promise<string> {
  using client = await smtp.greet('smtp')
  assert.match(await client.command(`MAIL FROM:<${mailFrom}>`), /^250 /)
  return (await client.command(`RCPT TO:<${address}>`)).slice(0, 9)
}

async function send(
  to: readonly string[],
  subject: string,
  mailFrom = '<writer@far.example>',
): Promise<string> {
  using client = await smtp.greet('smtp')
  return await sendMessage(
    client,
    mailFrom,
    to,
    `Message-ID: <${subject}@far.example>\r\nSubject: ${subject}\r\n\r\nhello`,
  )
}

async function subjectsOf(box: TestMailbox): Promise<string[]> {
  const raws = await rawMessages(smtp.t.platform, box.mailboxId)
  return raws.map((raw) => /^Subject: (.*)\r$/m.exec(raw.toString())?.[1] ?? '')
}

const queue = () =>
  smtp.t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_message_id', 'outbound_messages.id')
    .select(['kind', 'mail_from', 'signing_domain', 'message_id', 'rcpt_to', 'arc'])
    .orderBy('outbound_recipients.id')
    .execute()

const rows: [address: string, reply: string][] = [
  ['sales@demo.test', '250 2.1.5'],
  ['SALES+x@demo.test', '250 2.1.5'],
  ['ann@real.example', '250 2.1.5'],
  ['team@demo.test', '250 2.1.5'],
  ['team+x@demo.test', '250 2.1.5'],
  ['away@real.example', '250 2.1.5'],
  ['nobody@real.example', '550 5.1.1'],
  ['ann@alias.example', '250 2.1.5'],
  ['info+x@alias.example', '250 2.1.5'],
  ['nobody@alias.example', '550 5.1.1'],
  ['whoever@catch.test', '250 2.1.5'],
  ['postmaster@catch.test', '250 2.1.5'],
  ['abuse@catch.test', '250 2.1.5'],
  ['postmaster@demo.test', '550 5.1.1'],
  ['abuse@real.example', '550 5.1.1'],
  ['@catch.test', '501 5.1.3'],
]
describe('RCPT TO', () => {
  for (const [address, reply] of rows)
    test(`${address}: ${reply}`, async () => assert.equal(await rcpt(address), reply))
})

test('the look-up of an alias is one statement, and its INBOX another', async () => {
  const resolver = startRecipientResolver(smtp.t.platform)
  await resolver.resolve('ann@real.example')
  assert.equal(await countStatements(() => resolver.resolve('sales@demo.test')), 2)
  assert.equal(await countStatements(() => resolver.resolve('sales@demo.test')), 0, 'and then remembered')
  resolver.stop()
})

test('aliases and domain aliases deliver to their mailbox; a mailbox that is reached twice gets it once', async () => {
  assert.match(
    await send(['sales@demo.test', 'ann@alias.example', 'team@demo.test', ann.address], 'once'),
    /^250 /,
  )
  assert.deepEqual(
    (await subjectsOf(ann)).filter((one) => one === 'once'),
    ['once'],
  )
  assert.deepEqual(
    (await subjectsOf(bob)).filter((one) => one === 'once'),
    ['once'],
  )
})

test('a forward leaves with a rewritten sender, one message for all that it goes to', async () => {
  assert.match(await send(['info@real.example'], 'forward'), /^250 /)
  const left = (await queue()).filter(({ message_id }) => message_id === 'forward@far.example')
  assert.deepEqual(left.map(({ rcpt_to }) => rcpt_to).toSorted(), ['far@example.com', 'further@example.net'])
  for (const { kind, mail_from, signing_domain, arc } of left) {
    assert.deepEqual({ kind, signing_domain }, { kind: 'forward', signing_domain: 'real.example' })
    assert.match(mail_from, /^SRS0=[a-z2-7]{8}=[a-z2-7]{2}=far\.example=writer@real\.example$/)
    assert.ok(arc !== null)
  }
  assert.ok((await subjectsOf(bob)).includes('forward'), 'and to the mailbox that is here')
})

test('forwards of forwards are followed', async () => {
  assert.match(await send(['two@real.example'], 'deep'), /^250 /)
  const left = (await queue()).filter(({ message_id }) => message_id === 'deep@far.example')
  assert.deepEqual(
    left.map(({ rcpt_to }) => rcpt_to),
    ['far@example.com'],
  )
  assert.ok((await subjectsOf(ann)).includes('deep'))
})

test('the null sender stays null', async () => {
  assert.match(await send(['away@real.example'], 'null', '<>'), /^250 /)
  assert.equal((await queue()).find(({ message_id }) => message_id === 'null@far.example')?.mail_from, '')
})

describe('a rewritten sender', () => {
  let srs: string
  before(async () => {
    await send(['away@real.example'], 'srs')
    srs = (await queue()).find(({ message_id }) => message_id === 'srs@far.example')?.mail_from ?? ''
  })

  test('takes a bounce, which goes back to the first sender with the null sender', async () => {
    assert.match(await send([srs], 'bounce', '<>'), /^250 /)
    const back = (await queue()).find(({ message_id }) => message_id === 'bounce@far.example')
    assert.equal(back?.rcpt_to, 'writer@far.example')
    assert.deepEqual(
      { ...back, arc: null },
      {
        kind: 'forward',
        mail_from: '',
        signing_domain: 'real.example',
        message_id: 'bounce@far.example',
        rcpt_to: 'writer@far.example',
        arc: null,
      },
    )
  })

  test('may be longer than 64 bytes before the @', async () => {
    const verp = `bounces+${'x'.repeat(50)}@far.example`
    await send(['away@real.example'], 'verp', `<${verp}>`)
    const long = (await queue()).find(({ message_id }) => message_id === 'verp@far.example')?.mail_from ?? ''
    assert.ok(long.indexOf('@') > 64)
    assert.match(await send([long], 'verp-bounce', '<>'), /^250 /)
    const back = (await queue()).find(({ message_id }) => message_id === 'verp-bounce@far.example')
    assert.equal(back?.rcpt_to, verp)
  })

  test('takes nothing else', async () => assert.equal(await rcpt(srs), '550 5.7.1'))

  test('is refused when it was changed, and as a stranger’s', async () => {
    assert.equal(await rcpt(srs.replace('writer', 'victim'), ''), '550 5.1.1')
    assert.equal(await rcpt('SRS0=aaaaaaaa=aa=far.example=writer@demo.test', ''), '550 5.1.1')
    assert.equal(await rcpt('SRS0=aaaaaaaa=aa=far.example=writer@elsewhere.example', ''), '550 5.7.1')
  })
})

test('circles end, and an address that leads nowhere is unknown', async () => {
  const { t } = smtp
  await change(async (tx) => {
    await addForward(t.platform, tx, t.scope, 'demo.test', 'x1@demo.test', [ann.address])
    await addForward(t.platform, tx, t.scope, 'demo.test', 'x2@demo.test', ['x1@demo.test', bob.address])
    await removeForward(t.platform, tx, t.scope, 'demo.test', 'x1@demo.test')
    await addForward(t.platform, tx, t.scope, 'demo.test', 'x1@demo.test', ['x2@demo.test'])
  })
  assert.match(await send(['x1@demo.test', 'x2@demo.test'], 'circle'), /^250 /)
  assert.equal((await subjectsOf(bob)).filter((one) => one === 'circle').length, 1)
  await change(async (tx) => {
    await removeForward(t.platform, tx, t.scope, 'demo.test', 'x2@demo.test')
  })
  assert.equal(await rcpt('x1@demo.test'), '550 5.1.1')
})

test('a forward to a suspended mailbox waits, one to a mailbox that is gone goes on to the others and is reported', async () => {
  const { t } = smtp
  const carl = await t.createMailbox('carl@demo.test')
  await change((tx) =>
    addForward(t.platform, tx, t.scope, 'demo.test', 'both@demo.test', [carl.address, bob.address]),
  )
  await change((tx) => suspendMailbox(t.platform, tx, t.scope, carl.address))
  assert.equal(await rcpt('both@demo.test'), '450 4.2.1')
  await change((tx) => deleteMailbox(t.platform, tx, t.scope, carl.address, { purge: true }))
  assert.match(await send(['both@demo.test'], 'both'), /^250 /)
  assert.ok((await subjectsOf(bob)).includes('both'))
  const events = await t.platform.db
    .selectFrom('events')
    .select('data')
    .where('type', '=', 'forward.failed')
    .execute()
  assert.deepEqual(
    events.map(({ data }) => data),
    [
      {
        address: 'both@demo.test',
        target: 'carl@demo.test',
        reason: 'There is no such address.',
        outbound_recipient_id: null,
      },
    ],
  )
})

test('what is taken away is refused at once', async () => {
  const { t } = smtp
  await change((tx) => addAlias(t.platform, tx, t.scope, ann.address, 'gone@demo.test'))
  assert.equal(await rcpt('gone@demo.test'), '250 2.1.5')
  await change(async (tx) => {
    await removeAlias(t.platform, tx, t.scope, ann.address, 'gone@demo.test')
    await removeDomainAlias(t.platform, tx, t.scope, 'real.example', 'alias.example')
  })
  assert.equal(await rcpt('gone@demo.test'), '550 5.1.1')
  assert.equal(await rcpt('ann@alias.example'), '550 5.1.1')
  await change((tx) => addDomainAlias(t.platform, tx, t.scope, 'real.example', 'alias.example'))
  assert.equal(await rcpt('ann@alias.example'), '250 2.1.5')
})

test('a mailbox that is made where the catch-all caught before gets its own mail', async () => {
  assert.match(await send(['new@catch.test'], 'caught'), /^250 /)
  const own = await smtp.t.createMailbox('new@catch.test')
  assert.match(await send(['new@catch.test', 'new+x@catch.test'], 'own'), /^250 /)
  assert.deepEqual(await subjectsOf(own), ['own'])
  assert.ok((await subjectsOf(bob)).includes('caught') && !(await subjectsOf(bob)).includes('own'))
  await change((tx) => removeCatchAll(smtp.t.platform, tx, smtp.t.scope, 'catch.test'))
  assert.equal(await rcpt('whoever@catch.test'), '550 5.1.1')
})

const senders: [address: string, owns: boolean][] = [
  ['sales@demo.test', true],
  ['sales+x@demo.test', true],
  ['ann@real.example', true],
  ['ann@alias.example', true],
  ['team@demo.test', false],
  ['bob@demo.test', false],
  ['x@catch.test', false],
]
for (const [address, owns] of senders) {
  test(`ann ${owns ? 'may' : 'may not'} send as ${address}`, async () => {
    assert.equal(await ownsSender(smtp.t.platform, ann.owner, address), owns)
  })
}

test('the owner of a catch-all may not send as whoever it catches', async () => {
  const { t } = smtp
  await change((tx) => putCatchAll(t.platform, tx, t.scope, 'catch.test', { mailbox: bob.address }))
  assert.equal(await ownsSender(t.platform, bob.owner, 'ceo@catch.test'), false)
})

test('a deleted domain frees its addresses', async () => {
  const { t } = smtp
  await change(async (tx) => {
    await connectDomain(t.platform, tx, t.scope, 'brief.test')
    await addAlias(t.platform, tx, t.scope, ann.address, 'a@brief.test')
    await putCatchAll(t.platform, tx, t.scope, 'brief.test', { targets: [ann.address] })
  })
  assert.equal(await rcpt('any@brief.test'), '250 2.1.5')
  assert.equal(await rcpt('a@brief.test'), '250 2.1.5')
  await change((tx) => removeDomain(t.platform, tx, t.scope, 'brief.test'))
  assert.equal(await rcpt('a@brief.test'), '553 5.1.3')
  await change((tx) => connectDomain(t.platform, tx, t.scope, 'brief.test'))
  assert.equal(await rcpt('a@brief.test'), '550 5.1.1')
})
