/** Inkbox with its webhooks, and another mail server that takes, refuses or puts off: for tests of what is told of mail. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { startOutbound } from '../delivery/outbound/sender.ts'
import { createIdentity, type Identity } from '../mailboxes/identities.ts'
import { transaction } from '../platform/database.ts'
import { type RemoteSmtp, startRemoteSmtp } from './remote-smtp.ts'
import { listAt, textAt } from './test-api.ts'
import { startTestDns } from './test-dns.ts'
import { startInkbox, type TestInkbox } from './test-inkbox.ts'
import { type Received, runWebhooks } from './test-webhooks.ts'

export type InkboxWebhooks = TestInkbox & {
  remote: RemoteSmtp
  /** An identity that may send to the outside, with a key of its own. */
  sender(handle: string): Promise<{ identity: Identity; mailboxId: string; address: string; key: string }>
  /** Sends by the native API. @returns the id of the copy in Sent. */
  send(mailboxId: string, message: object): Promise<string>
  /** Waits until the log of a subscription fulfils something. */
  logged(subscriptionId: string, isEnough: (rows: unknown[]) => boolean): Promise<unknown[]>
}

export async function startInkboxWebhooks(): Promise<InkboxWebhooks> {
  await using stack = new AsyncDisposableStack()
  const remote = stack.use(await startRemoteSmtp())
  const dns = stack.use(
    await startTestDns({
      'remote.example': { MX: [[10, 'mx.remote.example']] },
      'mx.remote.example': { A: ['127.0.0.1'] },
    }),
  )
  const inkbox = stack.use(
    await startInkbox({
      MAILWRIGHT_RESOLVER: dns.resolver,
      MAILWRIGHT_OUTBOUND_PORT: String(remote.port),
      MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
      MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8',
      MAILWRIGHT_WEBHOOK_TIMEOUT: '2s',
      MAILWRIGHT_WEBHOOK_RETRY_SCHEDULE: '1s',
    }),
  )
  const { platform, scope } = inkbox
  await inkbox.connectActiveDomain('sender.example')
  const outbound = await startOutbound(platform, { drainMs: 500 })
  stack.defer(() => outbound.stop())
  await runWebhooks(stack, platform)
  const running = stack.move()
  return {
    ...inkbox,
    remote,
    async sender(handle) {
      const address = `${handle}@sender.example`
      const wanted = { handle, displayName: null, description: null, owner: 'test', mailbox: { address } }
      const identity = await transaction(platform.db, (tx) => createIdentity(platform, tx, scope, wanted))
      const mailboxId = String(identity.mailbox_id)
      const key = await inkbox.key({ workspaceId: scope.workspaceId, mailboxId })
      return { identity, mailboxId, address, key }
    },
    async send(mailboxId, message) {
      const reply = await inkbox.call('POST', `/v1/mailboxes/${mailboxId}/messages`, { body: message })
      assert.equal(reply.status, 202, reply.text)
      return textAt(reply.json, 'id')
    },
    async logged(subscriptionId, isEnough) {
      for (;;) {
        const query = { subscription_id: subscriptionId }
        const { json } = await inkbox.inkbox('listWebhookDeliveries', { query })
        const rows = listAt(json, 'deliveries')
        if (isEnough(rows)) return rows
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Whether a request is signed under a key, as receivers reckon it. */
export function isSignedBy({ headers, body }: Received, key: string): boolean {
  const { 'x-inkbox-request-id': id, 'x-inkbox-timestamp': at, 'x-inkbox-signature': signature } = headers
  const mac = createHmac('sha256', Buffer.from(key.startsWith('whsec_') ? key.slice(6) : key))
  return signature === `sha256=${mac.update(`${id}.${at}.${body}`).digest('hex')}`
}

/** What stands in a request. @throws unless it is a payload as the contract has it. */
export function payloadIn({ body }: Received): unknown {
  const payload: unknown = JSON.parse(body)
  validator ??= makeValidator()
  assert.ok(validator(payload), JSON.stringify(validator.errors))
  return payload
}

let validator: ReturnType<typeof makeValidator> | null = null

function makeValidator() {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  const file = new URL('../../test/contracts/inkbox.json', import.meta.url)
  ajv.addSchema(JSON.parse(readFileSync(file, 'utf8')), 'contract')
  return ajv.compile({ $ref: 'contract#/components/schemas/MailWebhookPayload' })
}
