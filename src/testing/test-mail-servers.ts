/** IMAP and the MX on one platform: for tests of what comes in by the one and is looked at by the other. */
import assert from 'node:assert/strict'
import { startCommitLane } from '../delivery/commit-lane.ts'
import { startRecipientResolver } from '../delivery/recipients.ts'
import { loadTls } from '../platform/tls.ts'
import { startSmtpListener } from '../protocols/smtp/listener.ts'
import { startTestImap, type TestImap } from './test-imap.ts'
import { connectSmtp, sendMessage } from './test-smtp.ts'

export type TestMailServers = AsyncDisposable & {
  imap: TestImap
  /** Delivers by SMTP and waits for the 250. */
  deliver(to: string, message: string | Buffer): Promise<void>
  /** What RCPT TO is answered with: the code and the enhanced code. */
  rcpt(to: string): Promise<string>
}

const writer = '<writer@far.example>'

export async function startTestMailServers(
  environment: Record<string, string> = {},
): Promise<TestMailServers> {
  await using stack = new AsyncDisposableStack()
  const imap = stack.use(await startTestImap(environment))
  const { platform, config } = imap.test
  const recipients = startRecipientResolver(platform)
  stack.defer(() => recipients.stop())
  const lane = startCommitLane(platform)
  stack.defer(() => lane.stop())
  const listener = await startSmtpListener(platform, {
    name: 'smtp',
    host: '127.0.0.1',
    port: 0,
    tls: await loadTls(config, new Date()),
    lane,
    recipients,
  })
  stack.defer(() => listener.stop())
  const running = stack.move()
  return {
    imap,
    async deliver(to, message) {
      using client = await connectSmtp(listener.port)
      assert.match(await client.command('EHLO far.example'), /^250/)
      assert.match(await sendMessage(client, writer, [to], message), /^250 /)
    },
    async rcpt(to) {
      using client = await connectSmtp(listener.port)
      assert.match(await client.command('EHLO far.example'), /^250/)
      assert.match(await client.command(`MAIL FROM:${writer}`), /^250/)
      return (await client.command(`RCPT TO:<${to}>`)).slice(0, 9)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
