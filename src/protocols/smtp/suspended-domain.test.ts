/** A domain that is suspended, expired or deleted, as senders and its own people meet it over SMTP. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { moveDomain } from '../../domains/domains.ts'
import { removeDomain, restoreDomainWithMailboxes } from '../../mailboxes/domain-removal.ts'
import { resumeDomainWithMailboxes, suspendDomainWithLogins } from '../../mailboxes/domain-suspension.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { plainToken, sendMessage, startTestSmtp } from '../../testing/test-smtp.ts'

const smtp = await startTestSmtp()
after(() => smtp[Symbol.asyncDispose]())
const { platform, scope } = smtp.t
const other = await smtp.t.createMailbox('other@demo.test')

const change = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => transaction(platform.db, work)
const suspend = (name: string) => change((tx) => suspendDomainWithLogins(platform, tx, scope, name))
const resume = (name: string) => change((tx) => resumeDomainWithMailboxes(platform, tx, scope, name))

/** What somebody elsewhere hears when they write to it. */
async function rcpt(address: string): Promise<string> {
  using client = await smtp.greet('smtp')
  await client.command('MAIL FROM:<sender@remote.example>')
  return (await client.command(`RCPT TO:<${address}>`)).slice(0, 9)
}

async function login(address: string, password: string): Promise<string> {
  using client = await smtp.greet('submission')
  return (await client.command(`AUTH PLAIN ${plainToken(address, password)}`)).slice(0, 9)
}

async function domainWithMailbox(name: string) {
  await smtp.t.connectActiveDomain(name)
  return await smtp.t.createMailbox(`ann@${name}`)
}

test('suspended: mail waits with its sender, nobody logs in, nobody sends; resumed, all is as before', async () => {
  const ann = await domainWithMailbox('held.example')
  using before = await smtp.logIn(ann.address, ann.password)
  assert.equal(await rcpt(ann.address), '250 2.1.5')
  await suspend('held.example')
  await runJobs(platform)
  assert.equal(await rcpt(ann.address), '450 4.2.1')
  assert.equal(await rcpt('nobody@held.example'), '550 5.1.1')
  assert.equal(await login(ann.address, ann.password), '535 5.7.8')
  // Who was logged in before sends nothing either, under no reverse path.
  assert.match(await before.command(`MAIL FROM:<${ann.address}>`), /^553 5\.7\.1/)
  assert.match(await before.command('MAIL FROM:<>'), /^553 5\.7\.1/)
  using inside = await smtp.logIn(other.address, other.password)
  await inside.command(`MAIL FROM:<${other.address}>`)
  assert.match(await inside.command(`RCPT TO:<${ann.address}>`), /^450 4\.2\.1/)
  await resume('held.example')
  await runJobs(platform)
  assert.equal(await login(ann.address, ann.password), '235 2.7.0')
  using client = await smtp.greet('smtp')
  const message = 'From: <sender@remote.example>\r\nSubject: at last\r\n\r\nhello'
  assert.match(await sendMessage(client, '<sender@remote.example>', [ann.address], message), /^250 /)
})

test('expired: mail waits, its people still log in, and do not send', async () => {
  const ann = await domainWithMailbox('over.example')
  await change(async (tx) => {
    const domain = await tx
      .selectFrom('domains')
      .selectAll()
      .where('name', '=', 'over.example')
      .executeTakeFirstOrThrow()
    await moveDomain(platform, tx, domain, 'expired')
  })
  assert.equal(await rcpt(ann.address), '450 4.2.1')
  using client = await smtp.logIn(ann.address, ann.password)
  assert.match(await client.command(`MAIL FROM:<${ann.address}>`), /^553 5\.7\.1/)
})

test('deleted with its mailboxes: mail waits until it is restored', async () => {
  const ann = await domainWithMailbox('back.example')
  await change((tx) => removeDomain(platform, tx, scope, 'back.example', { withMailboxes: true }))
  assert.equal(await rcpt(ann.address), '450 4.2.1')
  assert.equal(await login(ann.address, ann.password), '535 5.7.8')
  await change((tx) => restoreDomainWithMailboxes(platform, tx, scope, 'back.example'))
  assert.equal(await rcpt(ann.address), '250 2.1.5')
  assert.equal(await login(ann.address, ann.password), '235 2.7.0')
})
