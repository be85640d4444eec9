/**
 * The format of this API's webhooks: a status that changed, with the digest of an API key in place of a signature. The
 * secrets of mailboxes do not wait with the rest: they are put in when it goes out.
 */
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { tokenDigest } from '../../accounts/tokens.ts'
import type { FormattedAttempt, FormattedHeaders, WebhookFormat } from '../../webhooks/formats.ts'
import { completed, payloadsOf } from './webhook-payloads.ts'
import { sourcesOf, statusEventTypes } from './webhook-statuses.ts'

export const formatName = 'inboxkit'

export const statusFormat: WebhookFormat = {
  name: formatName,
  types: statusEventTypes,
  signedBy: null,
  sourcesOf,
  payloadsOf,
  completed,
  headersOf,
}

const Settings = Type.Object({ key_sha256: Type.String() })

/** What is kept with a webhook. @param token of the key that sets it: of it no more than its digest is kept anywhere. */
export function settingsFor(token: string): { key_sha256: string } {
  return { key_sha256: tokenDigest(token).toString('hex') }
}

function headersOf({ at, body, settings }: FormattedAttempt): FormattedHeaders {
  const event: unknown = Reflect.get(Object(JSON.parse(body)), 'event')
  const shown = {
    'user-agent': 'InboxKit-Webhook/1.0',
    'X-InboxKit-Event': String(event),
    'X-InboxKit-Timestamp': at.toISOString(),
  }
  if (!Value.Check(Settings, settings)) return { sent: shown, shown }
  return { sent: { ...shown, 'X-InboxKit-Signature': `sha256=${settings.key_sha256}` }, shown }
}
