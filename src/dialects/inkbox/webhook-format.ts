/** The formats of this API's webhooks: those of subscriptions, and the one URL that a mailbox had before them. */
import { createHmac } from 'node:crypto'
import { newId } from '../../platform/ids.ts'
import type { FormattedHeaders, WebhookFormat } from '../../webhooks/formats.ts'
import { mailEventTypes, sourcesOf } from './webhook-events.ts'
import { payloadsOf } from './webhook-payloads.ts'

const common = { types: mailEventTypes, sourcesOf, payloadsOf, headersOf } as const

export const subscriptionFormat: WebhookFormat = { ...common, name: 'inkbox', signedBy: 'identity' }

/** Until 0.4.5; signed with the organization's key. */
export const mailboxUrlFormat: WebhookFormat = {
  ...common,
  name: 'inkbox_mailbox_url',
  signedBy: 'workspace',
}

const names = {
  request: 'X-Inkbox-Request-ID',
  timestamp: 'X-Inkbox-Timestamp',
  signature: 'X-Inkbox-Signature',
} as const

/** Without a key all three are left out. */
function headersOf({
  at,
  body,
  signingKey,
}: {
  at: Date
  body: string
  signingKey: string | null
}): FormattedHeaders {
  if (signingKey === null) return { sent: {}, shown: {} }
  const requestId = `req_${newId()}`
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const shown = { [names.request]: requestId, [names.timestamp]: timestamp }
  const signature = signatureOf(signingKey, requestId, timestamp, body)
  return { sent: { ...shown, [names.signature]: signature }, shown }
}

/** HMAC-SHA-256 under the text of the key, without its prefix and not decoded. */
export function signatureOf(key: string, requestId: string, timestamp: string, body: string): string {
  const secret = key.replace(/^whsec_/, '')
  return `sha256=${createHmac('sha256', secret).update(`${requestId}.${timestamp}.`).update(body).digest('hex')}`
}

/** What a signed request has, for those who write a receiver. */
export const exampleHeaders: Record<string, string> = {
  [names.request]: 'req_example',
  [names.timestamp]: '1777888800',
  [names.signature]: signatureOf('whsec_example', 'req_example', '1777888800', '{}'),
}
