/** Two-factor authentication and mail clients: who is in stays in, and who comes needs an app password. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { loadTls } from '../src/platform/tls.ts'
import { startImapListener } from '../src/protocols/imap/listener.ts'
import { startTestApi, textAt } from '../src/testing/test-api.ts'
import { appCode } from '../src/testing/test-totp.ts'

const api = await startTestApi()
after(() => api[Symbol.asyncDispose]())
const tls = await loadTls(api.config, new Date())
const imap = await startImapListener(api.platform, { name: 'imap', host: '127.0.0.1', port: 0, tls })
after(() => imap.stop())

async function logIn(user: string, pass: string): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: imap.port,
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user, pass },
    logger: false,
  })
  await client.connect()
  return client
}

test('a session that is open outlives the change; new ones log in with the app password alone', async () => {
  const mailbox = await api.createMailbox()
  const path = `/v1/mailboxes/${mailbox.address}/totp`
  const live = await logIn(mailbox.address, mailbox.password)
  try {
    await live.mailboxOpen('INBOX')
    const secret = textAt((await api.call('POST', path)).json, 'secret')
    const code = appCode(api.platform, secret)
    const enabled = await api.call('POST', `${path}/verify`, { body: { code } })
    const appPassword = textAt(enabled.json, 'app_password', 'password')

    await assert.rejects(logIn(mailbox.address, mailbox.password))
    const fresh = await logIn(mailbox.address, appPassword)
    // The fresh session has seen every event that the live one would have ended by.
    await fresh.append('INBOX', 'Subject: still here\r\n\r\nHello\r\n')
    await fresh.logout()
    await live.noop()
    const status = await live.status('INBOX', { messages: true })
    assert.ok(status)
    assert.equal(status.messages, 1)

    await api.call('DELETE', path)
    const again = await logIn(mailbox.address, mailbox.password)
    await again.logout()
    await live.noop()
    assert.equal(live.usable, true)
  } finally {
    live.close()
  }
})
