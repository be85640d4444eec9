/** The formats of webhooks beside our own: those of the dialects, which stand above what sends them. */
import { statusFormat } from './dialects/inboxkit/webhook-format.ts'
import { mailboxUrlFormat, subscriptionFormat } from './dialects/inkbox/webhook-format.ts'
import { zapmailFormat } from './dialects/zapmail/webhook-format.ts'
import type { WebhookFormat } from './webhooks/formats.ts'

export const webhookFormats: readonly WebhookFormat[] = [
  subscriptionFormat,
  mailboxUrlFormat,
  statusFormat,
  zapmailFormat,
]
