/** The API with the MX and IMAP on one platform: for tests of what comes in by mail and is answered by a program. */
import assert from 'node:assert/strict'
import { ImapFlow } from 'imapflow'
import { startCommitLane } from '../delivery/commit-lane.ts'
import { startRecipientResolver } from '../delivery/recipients.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import { loadTls } from '../platform/tls.ts'
import { startImapListener } from '../protocols/imap/listener.ts'
import { startSmtpListener } from '../protocols/smtp/listener.ts'
import { startTestApi, type TestApi } from './test-api.ts'
import { folderIdOf, messagesIn } from './test-mail.ts'
import type { TestMailbox } from './test-platform.ts'
import { connectSmtp, sendMessage } from './test-smtp.ts'

export type TestMailApi = TestApi & {
  /** Delivers by SMTP, as another server does. @returns the id of the message, in INBOX or Junk. */
  deliver(to: TestMailbox, message: string | Buffer, mailFrom?: string): Promise<string>
  /** The messages of a folder, by path, with their bytes. */
  folder(
    mailbox: TestMailbox,
    path: string,
  ): Promise<{ id: string; flags: number; keywords: string[]; raw: Buffer }[]>
  /** imapflow, logged in; it logs out with the test. */
  imap(mailbox: TestMailbox): Promise<ImapFlow>
}

export async function startTestMailApi(environment: Record<string, string> = {}): Promise<TestMailApi> {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(await startTestApi({ environment }))
  const { platform } = api
  const recipients = startRecipientResolver(platform)
  stack.defer(() => recipients.stop())
  const lane = startCommitLane(platform)
  stack.defer(() => lane.stop())
  const tls = await loadTls(platform.config, new Date())
  const listening = { host: '127.0.0.1', port: 0, tls }
  const smtp = await startSmtpListener(platform, { ...listening, name: 'smtp', lane, recipients })
  stack.defer(() => smtp.stop())
  const imap = await startImapListener(platform, { ...listening, name: 'imap' })
  stack.defer(() => imap.stop())
  const clients: ImapFlow[] = []
  stack.defer(async () => void (await Promise.all(clients.map((client) => client.logout()))))
  const running = stack.move()

  const folder: TestMailApi['folder'] = async ({ mailboxId }, path) => {
    const rows = await messagesIn(platform, mailboxId, await folderIdOf(platform, mailboxId, path))
    return await Promise.all(
      rows.map(async ({ id, flags, keywords, body_id }) => ({
        id,
        flags,
        keywords,
        raw: await readBodyBytes(platform.db, body_id),
      })),
    )
  }
  return {
    ...api,
    folder,
    async deliver(to, message, mailFrom = '<writer@far.example>') {
      using client = await connectSmtp(smtp.port)
      assert.match(await client.command('EHLO far.example'), /^250/)
      assert.match(await sendMessage(client, mailFrom, [to.address], message), /^250 /)
      const { id } = await platform.db
        .selectFrom('messages')
        .select('id')
        .where('mailbox_id', '=', to.mailboxId)
        .orderBy('id', 'desc')
        .executeTakeFirstOrThrow()
      return id
    },
    async imap({ address, password }) {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: imap.port,
        secure: false,
        tls: { rejectUnauthorized: false },
        auth: { user: address, pass: password },
        logger: false,
      })
      await client.connect()
      clients.push(client)
      return client
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
