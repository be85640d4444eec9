/** Signatures by Standard Webhooks: HMAC-SHA-256 over id, timestamp and body, under each secret that is alive. */
import { createHmac } from 'node:crypto'
import { randomBytes } from '../platform/random.ts'
import { webhookPolicy } from './policy.ts'

const prefix = 'whsec_'

/** A secret as its owner sees it: `whsec_` and base64. */
export function newSigningSecret(): string {
  return `${prefix}${randomBytes(webhookPolicy.secretBytes).toString('base64')}`
}

/** The three headers of one attempt. @param secrets the newest first. */
export function signatureHeaders(
  secrets: readonly string[],
  id: string,
  at: Date,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(prefix.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
