/** A domain that is suspended, as its people meet it over IMAP. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { resumeDomainWithMailboxes, suspendDomainWithLogins } from '../../mailboxes/domain-suspension.ts'
import { transaction } from '../../platform/database.ts'
import { startTestImap } from '../../testing/test-imap.ts'
import { runJobs } from '../../testing/test-jobs.ts'

const imap = await startTestImap()
after(() => imap[Symbol.asyncDispose]())
const { platform, scope } = imap.test

test('who is logged in is shown out, nobody else comes in, and after the suspension all do', async () => {
  const idle = await imap.logIn()
  await idle.ok('SELECT INBOX')
  const bystander = await imap.test.connectActiveDomain('other.example').then(async () => {
    return await imap.logIn(await imap.test.createMailbox('ann@other.example'))
  })
  await transaction(platform.db, (tx) => suspendDomainWithLogins(platform, tx, scope, 'demo.test'))
  await runJobs(platform)
  assert.match(await idle.line(), /^\* BYE The domain is suspended/)
  await idle.ended
  await bystander.ok('NOOP')
  const late = await imap.connect()
  const login = `LOGIN ${imap.mailbox.address} "${imap.mailbox.password}"`
  assert.match((await late.run(login)).tagged, /^NO /)
  await transaction(platform.db, (tx) => resumeDomainWithMailboxes(platform, tx, scope, 'demo.test'))
  await late.ok(login)
})
