/** Sessions that an API key has logged in: they end with it, also while they wait for news. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { insertApiKey, revokeMailboxKeys } from '../../accounts/api-keys.ts'
import { apiKeyPrefix, newToken } from '../../accounts/tokens.ts'
import { followExpiry } from '../../mailboxes/login-expiry.ts'
import { createTestClock } from '../../platform/clock.ts'
import { type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import { inTransaction } from '../../testing/test-mail.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

/** A session that waits for news, opened with a key of its own. */
async function idling(expiresAt: Date | null): Promise<RawClient> {
  const { platform, scope } = imap.test
  const { organizationId, workspaceId } = scope
  const { mailboxId, address } = imap.mailbox
  const token = newToken(apiKeyPrefix)
  const wanted = { name: 'mail', workspaceId, mailboxId, access: 'write' as const, expiresAt }
  await inTransaction(platform, (tx) => insertApiKey(platform, tx, organizationId, wanted, token))
  const client = await imap.connect()
  await client.ok(`LOGIN ${address} "${token.token}"`)
  await client.ok('SELECT INBOX')
  client.send('x IDLE\r\n')
  assert.match(await client.line(), /^\+ /)
  return client
}

test('at the end of the key’s time; a key without an end stays, until it is revoked', async () => {
  const { platform } = imap.test
  const lasting = await idling(null)
  const client = await idling(new Date(Date.now() + 6_000))
  assert.match(await client.line(), /^\* BYE The time of the API key is over/)
  await client.ended
  lasting.send('DONE\r\n')
  assert.match((await lasting.answer('x')).tagged, /^OK/)
  await lasting.ok('NOOP')
  lasting.send('y IDLE\r\n')
  assert.match(await lasting.line(), /^\+ /)
  await inTransaction(platform, (tx) => revokeMailboxKeys(platform, tx, imap.mailbox.mailboxId))
  assert.match(await lasting.line(), /^\* BYE The API key was revoked/)
  await lasting.ended
})

test('a clock that is moved counts, and what is forgotten ends nothing', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const clock = createTestClock()
  const expiresAt = new Date(clock.now().getTime() + 3600 * 1000)
  const ends: string[] = []
  const forget = followExpiry({ clock }, { expiresAt }, () => ends.push('forgotten'))
  followExpiry({ clock }, { expiresAt }, (farewell) => ends.push(farewell))
  followExpiry({ clock }, { expiresAt: null }, () => ends.push('never'))
  context.mock.timers.tick(60_000)
  assert.deepEqual(ends, [])
  forget()
  clock.advance?.('PT1H')
  context.mock.timers.tick(60_000)
  assert.deepEqual(ends, ['The time of the API key is over'])
})
