/** A renamed mailbox over IMAP: open sessions go on, and the new address logs in, by SCRAM too. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renameMailbox } from '../src/mailboxes/rename.ts'
import { createScramClient } from '../src/testing/scram-client.ts'
import { inTransaction } from '../src/testing/test-mail.ts'
import { startTestMailServers, type TestMailServers } from '../src/testing/test-mail-servers.ts'

let servers: TestMailServers
before(async () => {
  servers = await startTestMailServers()
})
after(() => servers[Symbol.asyncDispose]())

const message = (subject: string): string =>
  `From: a@far.example\r\nSubject: ${subject}\r\n\r\n${subject}\r\n`

/** @returns the tagged answer. */
async function scram(username: string, password: string): Promise<string> {
  const client = await servers.imap.connect()
  const scramClient = createScramClient({ username, password })
  client.send(`s AUTHENTICATE SCRAM-SHA-256 ${scramClient.first.toString('base64')}\r\n`)
  const challenge = Buffer.from((await client.line()).slice(2), 'base64')
  client.send(`${scramClient.final(challenge).toString('base64')}\r\n`)
  const next = await client.line()
  if (!next.startsWith('+ ')) return next.slice(2)
  const isProved = scramClient.verifies(Buffer.from(next.slice(2), 'base64'))
  client.send('\r\n')
  const { tagged } = await client.answer('s')
  assert.equal(isProved, tagged.startsWith('OK'))
  return tagged
}

test('an open session goes on and hears of mail to both addresses; the new address logs in, by SCRAM too', async () => {
  const { test: t, mailbox: box } = servers.imap
  assert.match(await scram(box.address, box.password), /^OK/)
  const open = await servers.imap.logIn()
  await open.ok('SELECT INBOX')
  await inTransaction(t.platform, (tx) =>
    renameMailbox(t.platform, tx, t.scope, box.address, { address: 'renamed@demo.test' }),
  )
  await servers.deliver('renamed@demo.test', message('new'))
  await servers.deliver(box.address, message('old'))
  assert.ok((await open.ok('NOOP')).includes('* 2 EXISTS'))
  await open.append('Drafts', message('still'))
  const again = await servers.imap.logIn({ ...box, address: 'renamed@demo.test' })
  assert.match((await again.ok('STATUS Drafts (MESSAGES)')).join(), /MESSAGES 1/)
  assert.match(await scram('renamed@demo.test', box.password), /^OK/)
  assert.match(await scram('renamed@demo.test', box.password), /^OK/) // by the verifier that the first one made
  await assert.rejects(servers.imap.logIn(box), /AUTHENTICATIONFAILED/)
  assert.match(await scram(box.address, box.password), /^NO/)
})
