/** A platform that a stand-in can log in to: submission and IMAP, with STARTTLS. */
import type { MailServer } from '../../domains/mail-servers.ts'
import { loadTls } from '../../platform/tls.ts'
import { startImapListener } from '../../protocols/imap/listener.ts'
import type { TestPlatform } from '../test-platform.ts'
import { startTestSmtp } from '../test-smtp.ts'

export type TestMailServer = AsyncDisposable & { t: TestPlatform; smtp: MailServer; imap: MailServer }

export async function startTestMailServer(environment: Record<string, string> = {}): Promise<TestMailServer> {
  await using stack = new AsyncDisposableStack()
  const { t, listeners } = stack.use(await startTestSmtp(environment))
  const host = '127.0.0.1'
  const tls = await loadTls(t.config, new Date())
  const imap = await startImapListener(t.platform, { name: 'imap', host, port: 0, tls })
  stack.defer(() => imap.stop())
  const running = stack.move()
  return {
    t,
    smtp: { host, port: listeners.submission.port, security: 'starttls' },
    imap: { host, port: imap.port, security: 'starttls' },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
