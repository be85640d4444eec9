/** What of a webhook an attempt needs, with its secrets opened. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type FormattedHeaders, formatOf, nativeFormat, type WebhookFormat } from './formats.ts'
import { livingSecrets, type OpenSecrets, readSecrets } from './secrets.ts'
import { signatureHeaders } from './signing.ts'
import { readSigningKeys } from './signing-keys.ts'

export type Endpoint = {
  webhookId: string
  version: number
  url: string
  secrets: OpenSecrets
  /** Null: it sends in our own format. */
  formatted: { format: WebhookFormat; signingKey: string | null; settings: unknown } | null
}

/** Reads endpoints as they are now; a webhook that is gone, or in a format that nobody knows here, is left out. */
export async function readEndpoints(
  platform: Platform,
  webhookIds: readonly string[],
  db: Db = platform.db,
): Promise<Map<string, Endpoint>> {
  if (webhookIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('webhooks')
    .select(['id', 'version', 'url', 'format', 'settings'])
    .where(sql<boolean>`id = any(${uuidArray(webhookIds)})`)
    .execute()
  // Read after the version: what is newer than that is read again with the next version.
  const secrets = await readSecrets(
    platform,
    db,
    rows.map(({ id }) => id),
  )
  const formats = new Map(rows.map((row) => [row.id, formatOf(platform, row.format)]))
  const signed = rows.flatMap(({ id }) => {
    const signedBy = formats.get(id)?.signedBy ?? null
    return signedBy === null || signedBy === 'webhook' ? [] : [{ id, signedBy }]
  })
  const keys = await readSigningKeys(platform, db, signed)
  const found = new Map<string, Endpoint>()
  for (const { id, version, url, format: name, settings } of rows) {
    const own = secrets.get(id) ?? (name === nativeFormat ? undefined : noSecrets)
    const format = formats.get(id) ?? null
    if (own === undefined || (format === null && name !== nativeFormat)) continue
    const key = format?.signedBy === 'webhook' ? own.signing[0]?.secret : keys.get(id)
    const formatted = format === null ? null : { format, signingKey: key ?? null, settings }
    found.set(id, { webhookId: id, version, url, secrets: own, formatted })
  }
  return found
}

const noSecrets: OpenSecrets = { signing: [], headers: {} }

/** The body of an attempt: what is kept, and what may not wait in the log. */
export async function bodyOf(platform: Platform, { formatted }: Endpoint, payload: string): Promise<string> {
  const completed = formatted?.format.completed
  return completed === undefined ? payload : await completed(platform, platform.db, payload)
}

/** All headers of an attempt, and the same as they are kept: without the signature and the owner's own values. */
export function requestHeaders(
  { secrets, formatted }: Endpoint,
  deliveryId: string,
  at: Date,
  body: string,
): FormattedHeaders {
  const hidden = Object.fromEntries(Object.keys(secrets.headers).map((name) => [name, '(hidden)']))
  if (formatted !== null) {
    const { format, signingKey, settings } = formatted
    const { sent, shown } = format.headersOf({ at, body, signingKey, settings })
    return { sent: { ...secrets.headers, ...common, ...sent }, shown: { ...hidden, ...common, ...shown } }
  }
  const signing = livingSecrets(secrets, at).map(({ secret }) => secret)
  const signed = signatureHeaders(signing, deliveryId, at, body)
  const plain = {
    ...common,
    'webhook-id': signed['webhook-id'],
    'webhook-timestamp': signed['webhook-timestamp'],
  }
  return {
    sent: { ...secrets.headers, ...plain, 'webhook-signature': signed['webhook-signature'] },
    shown: { ...hidden, ...plain },
  }
}

const common = { 'content-type': 'application/json', 'user-agent': 'Mailwright-Webhooks/1' } as const
