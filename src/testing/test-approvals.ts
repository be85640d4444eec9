/** The API with the SMTP listeners on one platform: for tests of messages that wait for an approval. */
import assert from 'node:assert/strict'
import { insertApiKey } from '../accounts/api-keys.ts'
import { startAuthenticator } from '../accounts/principals.ts'
import { apiKeyPrefix, newToken } from '../accounts/tokens.ts'
import { startApi } from '../api/server.ts'
import type { DeliveryPolicySettings } from '../delivery/policies.ts'
import { at, type Call, call, type Reply, textAt } from './test-api.ts'
import { folderIdOf, inTransaction, messagesIn } from './test-mail.ts'
import type { TestMailbox } from './test-platform.ts'
import { setDeliveryPolicy } from './test-sending.ts'
import { startTestSmtp, type TestSmtp } from './test-smtp.ts'

export type TestApprovals = TestSmtp & {
  call: Call
  /** Another key of the workspace than the one that sends. */
  approver: string
  newKey(mailboxId: string | null): Promise<string>
  policy(box: TestMailbox, settings: DeliveryPolicySettings): Promise<void>
  /** A mailbox whose messages wait for an approval. */
  sender(settings?: DeliveryPolicySettings): Promise<TestMailbox>
  /** Sends a message, which waits. @returns the id of its approval. */
  held(box: TestMailbox, body?: object): Promise<string>
  approve(id: string, body?: object, key?: string): Promise<Reply>
  shown(id: string): Promise<unknown>
  stateOf(id: string): Promise<string>
  /** Whom the mailbox's messages go to, outside. */
  queued(box: TestMailbox): Promise<string[]>
  sentOf(box: TestMailbox): ReturnType<typeof messagesIn>
}

export async function startTestApprovals(environment: Record<string, string> = {}): Promise<TestApprovals> {
  await using stack = new AsyncDisposableStack()
  const smtp = stack.use(await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent', ...environment }))
  const { platform, apiKey, scope, createSender } = smtp.t
  const authenticator = startAuthenticator(platform)
  stack.defer(() => authenticator.stop())
  const server = await startApi(platform, { authenticator, host: '127.0.0.1', port: 0, isReady: () => true })
  stack.defer(() => server.stop())
  const base = `http://127.0.0.1:${server.port}`
  const api: Call = (method, path, options = {}) => call(base, apiKey, method, path, options)

  const newKey = async (mailboxId: string | null): Promise<string> => {
    const token = newToken(apiKeyPrefix)
    const { organizationId, workspaceId } = scope
    const wanted = { name: 'test', workspaceId, mailboxId, access: 'write' as const, expiresAt: null }
    await inTransaction(platform, (tx) => insertApiKey(platform, tx, organizationId, wanted, token))
    return token.token
  }
  const approver = await newKey(null)
  const policy: TestApprovals['policy'] = ({ mailboxId }, settings) =>
    setDeliveryPolicy(platform, scope, 'mailbox', mailboxId, settings)
  const shown = async (id: string): Promise<unknown> => (await api('GET', `/v1/approvals/${id}`)).json
  const running = stack.move()
  return {
    ...smtp,
    call: api,
    approver,
    newKey,
    policy,
    async sender(settings = {}) {
      const box = await createSender()
      await policy(box, { sending_mode: 'approve', ...settings })
      return box
    },
    async held(box, body = {}) {
      const message = { to: ['far@example.net'], subject: 'first', text: 'hello', ...body }
      const reply = await api('POST', `/v1/mailboxes/${box.address}/messages`, { body: message })
      assert.deepEqual([reply.status, textAt(reply.json, 'status')], [202, 'pending_approval'], reply.text)
      assert.deepEqual([at(reply.json, 'id'), at(reply.json, 'thread_id')], [null, null])
      return textAt(reply.json, 'approval_id')
    },
    approve: (id, body = {}, key = approver) => api('POST', `/v1/approvals/${id}/approve`, { body, key }),
    shown,
    stateOf: async (id) => textAt(await shown(id), 'state'),
    async queued({ mailboxId }) {
      const rows = await platform.db
        .selectFrom('outbound_recipients')
        .select('rcpt_to')
        .where('mailbox_id', '=', mailboxId)
        .orderBy('rcpt_to')
        .execute()
      return rows.map(({ rcpt_to }) => rcpt_to)
    },
    sentOf: async ({ mailboxId }) =>
      await messagesIn(platform, mailboxId, await folderIdOf(platform, mailboxId, 'Sent')),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
