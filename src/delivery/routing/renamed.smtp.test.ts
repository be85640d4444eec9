/** Mail for renamed and deleted mailboxes and for aliases that are turned off, as SMTP clients see it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connectDomain } from '../../domains/domains.ts'
import { addAlias, expireAliases, updateAlias } from '../../mailboxes/aliases.ts'
import { addDomainAlias } from '../../mailboxes/domain-aliases.ts'
import { addForward, putCatchAll } from '../../mailboxes/extra-addresses.ts'
import { deleteMailbox, restoreMailbox } from '../../mailboxes/mailboxes.ts'
import { renameMailbox } from '../../mailboxes/rename.ts'
import type { Tx } from '../../platform/database.ts'
import { inTransaction } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { domainsOf } from '../limits/usage.ts'
import { ownsSender } from '../senders.ts'
import { rulesOf } from './rules.ts'

let smtp: TestSmtp
let catcher: TestMailbox
const change = <T>(work: (tx: Tx) => Promise<T>) => inTransaction(smtp.t.platform, work)

before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  const { t } = smtp
  catcher = await t.createMailbox('catcher@demo.test')
  await change(async (tx) => {
    await putCatchAll(t.platform, tx, t.scope, 'demo.test', { mailbox: catcher.address })
    await connectDomain(t.platform, tx, t.scope, 'also.test')
    await addDomainAlias(t.platform, tx, t.scope, 'demo.test', 'also.test')
    await connectDomain(t.platform, tx, t.scope, 'second.test')
  })
})
after(() => smtp[Symbol.asyncDispose]())

async function rcpt(address: string): Promise<string> {
  using client = await smtp.greet('smtp')
  assert.match(await client.command('MAIL FROM:<a@b.example>'), /^250 /)
  return (await client.command(`RCPT TO:<${address}>`)).slice(0, 9)
}

async function send(to: string, subject: string): Promise<void> {
  using client = await smtp.greet('smtp')
  const message = `Message-ID: <${subject}@far.example>\r\nSubject: ${subject}\r\n\r\nhello`
  assert.match(await sendMessage(client, '<writer@far.example>', [to], message), /^250 /)
}

async function subjectsOf(box: TestMailbox): Promise<string[]> {
  const raws = await rawMessages(smtp.t.platform, box.mailboxId)
  return raws.map((raw) => /^Subject: (.*)\r$/m.exec(raw.toString())?.[1] ?? '')
}

const rename = (ref: string, address: string, aliasDays?: number) =>
  change((tx) =>
    renameMailbox(smtp.t.platform, tx, smtp.t.scope, ref, {
      address,
      ...(aliasDays === undefined ? {} : { aliasDays }),
    }),
  )

describe('a renamed mailbox', () => {
  let box: TestMailbox
  before(async () => {
    box = await smtp.t.createMailbox('ann@demo.test')
    await send('ann@demo.test', 'before')
    await rename('ann@demo.test', 'lee@second.test', 3)
  })

  test('gets mail by its new and its old address, with a detail and by a domain alias too', async () => {
    for (const [subject, to] of Object.entries({
      new: 'lee@second.test',
      old: 'ann@demo.test',
      tagged: 'ann+x@demo.test',
      aliased: 'ann@also.test',
    })) {
      await send(to, subject)
    }
    assert.deepEqual(await subjectsOf(box), ['before', 'new', 'old', 'tagged', 'aliased'])
  })

  test('sends with both, also over a session that is older; its rules and limits know the new one', async () => {
    const { t } = smtp
    const carl = await t.createMailbox('carl@demo.test')
    assert.equal((await domainsOf(t.platform, t.platform.db, [carl.mailboxId])).size, 1)
    assert.equal((await rulesOf(t.platform, carl.mailboxId))?.address, 'carl@demo.test')
    using client = await smtp.logIn(carl.address, carl.password)
    const { mailbox } = await rename(carl.address, 'carl@second.test')
    for (const from of ['carl@demo.test', 'carl@second.test']) {
      const message = `From: ${from}\r\nSubject: ${from}\r\n\r\nhello`
      assert.match(await sendMessage(client, `<${from}>`, [box.address], message), /^250 /)
    }
    assert.match(await client.command('MAIL FROM:<ann@demo.test>'), /^5/)
    assert.equal((await rulesOf(t.platform, carl.mailboxId))?.address, 'carl@second.test')
    const domains = await domainsOf(t.platform, t.platform.db, [carl.mailboxId])
    assert.equal(domains.get(carl.mailboxId), mailbox.domain_id)
  })

  test('when the days of the old address are over, it is as free as any other', async () => {
    const { t } = smtp
    assert.equal(await rcpt('ann@demo.test'), '250 2.1.5')
    t.platform.clock.advance?.('P3DT1M')
    await expireAliases(t.platform)
    await send('ann@demo.test', 'late')
    assert.ok((await subjectsOf(catcher)).includes('late'), 'the catch-all has it')
    assert.ok(!(await subjectsOf(box)).includes('late'))
    assert.equal(await ownsSender(t.platform, box.owner, 'ann@demo.test'), false)
  })

  test('without days, the old address is gone at once', async () => {
    const dave = await smtp.t.createMailbox('dave@second.test')
    await send('dave@second.test', 'first')
    await rename('dave@second.test', 'dave2@second.test', 0)
    assert.equal(await rcpt('dave@second.test'), '550 5.1.1')
    await send('dave2@second.test', 'second')
    assert.deepEqual(await subjectsOf(dave), ['first', 'second'])
  })
})

describe('an alias that is turned off', () => {
  let box: TestMailbox
  const turn = (enabled: boolean) =>
    change((tx) => updateAlias(smtp.t.platform, tx, smtp.t.scope, box.address, 'shop@demo.test', { enabled }))
  before(async () => {
    const { t } = smtp
    box = await t.createMailbox('owner@demo.test')
    await change(async (tx) => {
      await addAlias(t.platform, tx, t.scope, box.address, 'shop@demo.test')
      await addForward(t.platform, tx, t.scope, 'demo.test', 'only@demo.test', ['shop@demo.test'])
      await addForward(t.platform, tx, t.scope, 'demo.test', 'both@demo.test', [
        'shop@demo.test',
        catcher.address,
      ])
    })
    await send('shop@demo.test', 'open')
    await turn(false)
  })

  const rows: [address: string, reply: string][] = [
    ['shop@demo.test', '550 5.2.1'],
    ['SHOP+x@demo.test', '550 5.2.1'],
    ['shop@also.test', '550 5.2.1'],
    ['owner@demo.test', '250 2.1.5'],
    ['only@demo.test', '550 5.1.1'],
    ['both@demo.test', '250 2.1.5'],
    ['nobody@demo.test', '250 2.1.5'],
  ]
  for (const [address, reply] of rows)
    test(`${address}: ${reply}`, async () => assert.equal(await rcpt(address), reply))

  test('is not sent with, in the envelope or in From', async () => {
    using client = await smtp.logIn(box.address, box.password)
    assert.match(await client.command('MAIL FROM:<shop@demo.test>'), /^5/)
    const message = 'From: shop@demo.test\r\nSubject: x\r\n\r\nhello'
    assert.match(await sendMessage(client, `<${box.address}>`, [catcher.address], message), /^550 5\.7\.1 /)
  })

  test('takes mail at once when it is turned on', async () => {
    await turn(true)
    await send('shop@demo.test', 'again')
    assert.deepEqual(await subjectsOf(box), ['open', 'again'])
    assert.equal(await ownsSender(smtp.t.platform, box.owner, 'shop@demo.test'), true)
  })
})

test('a deleted mailbox and its aliases refuse mail, the catch-all does not get it, and a restore takes it again', async () => {
  const { t } = smtp
  const box = await t.createMailbox('gone@demo.test')
  await change((tx) => addAlias(t.platform, tx, t.scope, box.address, 'gone-alias@demo.test'))
  const addresses = ['gone@demo.test', 'gone+x@demo.test', 'gone-alias@demo.test', 'gone@also.test']
  const answers = async () => await Promise.all(addresses.map(rcpt))
  assert.deepEqual(new Set(await answers()), new Set(['250 2.1.5']))
  await change((tx) => deleteMailbox(t.platform, tx, t.scope, box.address, { purge: false }))
  assert.deepEqual(new Set(await answers()), new Set(['550 5.2.1']))
  await change((tx) => restoreMailbox(t.platform, tx, t.scope, box.address))
  assert.deepEqual(new Set(await answers()), new Set(['250 2.1.5']))
})
