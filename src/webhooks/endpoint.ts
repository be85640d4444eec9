/** What of a webhook an attempt needs, with its secrets opened. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { livingSecrets, type OpenSecrets, readSecrets } from './secrets.ts'
import { signatureHeaders } from './signing.ts'

export type Endpoint = { webhookId: string; version: number; url: string; secrets: OpenSecrets }

/** Reads endpoints as they are now; a webhook that is gone is left out. */
export async function readEndpoints(
  platform: Platform,
  webhookIds: readonly string[],
  db: Db = platform.db,
): Promise<Map<string, Endpoint>> {
  if (webhookIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('webhooks')
    .select(['id', 'version', 'url'])
    .where(sql<boolean>`id = any(${uuidArray(webhookIds)})`)
    .execute()
  // Read after the version: what is newer than that is read again with the next version.
  const secrets = await readSecrets(
    platform,
    db,
    rows.map(({ id }) => id),
  )
  return new Map(
    rows.flatMap(({ id, version, url }) => {
      const own = secrets.get(id)
      return own === undefined ? [] : [[id, { webhookId: id, version, url, secrets: own }] as const]
    }),
  )
}

/** All headers of an attempt, and the same as they are kept: without the signature and the owner's own values. */
export function requestHeaders(
  { secrets }: Endpoint,
  deliveryId: string,
  at: Date,
  body: string,
): { sent: Record<string, string>; shown: Record<string, string> } {
  const signing = livingSecrets(secrets, at).map(({ secret }) => secret)
  const signed = signatureHeaders(signing, deliveryId, at, body)
  const plain = {
    'content-type': 'application/json',
    'user-agent': 'Mailwright-Webhooks/1',
    'webhook-id': signed['webhook-id'],
    'webhook-timestamp': signed['webhook-timestamp'],
  }
  const hidden = Object.fromEntries(Object.keys(secrets.headers).map((name) => [name, '(hidden)']))
  return {
    sent: { ...secrets.headers, ...plain, 'webhook-signature': signed['webhook-signature'] },
    shown: { ...hidden, ...plain },
  }
}
