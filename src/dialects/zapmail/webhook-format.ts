/** The format of this API's webhooks: its own body, signed with the secret of the endpoint. */
import { createHmac } from 'node:crypto'
import type { FormattedHeaders, WebhookFormat } from '../../webhooks/formats.ts'
import { sourcesOf, webhookEventTypes } from './webhook-events.ts'
import { payloadsOf } from './webhook-payloads.ts'

export const zapmailFormat: WebhookFormat = {
  name: 'zapmail',
  types: webhookEventTypes,
  signedBy: 'webhook',
  sourcesOf,
  payloadsOf,
  headersOf,
}

const name = 'X-Zapmail-Signature'

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
  const seconds = String(Math.floor(at.getTime() / 1000))
  const sent = { [name]: `t=${seconds},v1=${signatureOf(signingKey, seconds, body)}` }
  return { sent, shown: { [name]: `t=${seconds},v1=(hidden)` } }
}

/** HMAC-SHA-256 under the text of the secret, as it was shown. */
export function signatureOf(secret: string, seconds: string, body: string): string {
  return createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex')
}
