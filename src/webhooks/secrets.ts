/** What of a webhook is sealed: the secrets that sign, two at the most, and the owner's own headers. */
import type { Selectable } from 'kysely'
import { privateKeyContext } from '../domains/reseal.ts'
import type { Db, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { newSigningSecret } from './signing.ts'
import type { WebhookSecretsTable } from './tables.ts'

type SecretRow = Selectable<WebhookSecretsTable>

export type SigningSecret = { secret: string; expiresAt: Date | null }

export type OpenSecrets = {
  /** The newest first; those that have expired too. */
  signing: SigningSecret[]
  headers: Record<string, string>
}

/** The secrets of these webhooks, opened. */
export async function readSecrets(
  { vault }: Platform,
  db: Db,
  webhookIds: readonly string[],
): Promise<Map<string, OpenSecrets>> {
  const rows =
    webhookIds.length === 0
      ? []
      : await db
          .selectFrom('webhook_secrets')
          .selectAll()
          .where('webhook_id', 'in', [...webhookIds])
          .orderBy('id', 'desc')
          .execute()
  const found = new Map<string, OpenSecrets>()
  for (const row of rows) {
    const secrets = found.get(row.webhook_id) ?? { signing: [], headers: {} }
    const text = vault.open(row.sealed_private_key, privateKeyContext('webhook_secrets', row.id)).toString()
    if (row.kind === 'headers') secrets.headers = parseHeaders(text)
    else secrets.signing.push({ secret: text, expiresAt: row.expires_at })
    found.set(row.webhook_id, secrets)
  }
  return found
}

function parseHeaders(text: string): Record<string, string> {
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null) return {}
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
}

/** Those that sign at a moment. */
export function livingSecrets({ signing }: OpenSecrets, now: Date): SigningSecret[] {
  return signing.filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
}

/** Makes the first secret, or one beside it. @returns it. */
export async function addSigningSecret(platform: Platform, tx: Tx, webhookId: string): Promise<string> {
  const secret = newSigningSecret()
  await insert(platform, tx, webhookId, 'signing', secret)
  return secret
}

/** Puts the owner's own headers in place of those that there were. */
export async function putHeaders(
  platform: Platform,
  tx: Tx,
  webhookId: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  await tx
    .deleteFrom('webhook_secrets')
    .where('webhook_id', '=', webhookId)
    .where('kind', '=', 'headers')
    .execute()
  if (Object.keys(headers).length > 0) {
    await insert(platform, tx, webhookId, 'headers', JSON.stringify(headers))
  }
}

async function insert(
  platform: Platform,
  tx: Tx,
  webhookId: string,
  kind: SecretRow['kind'],
  text: string,
): Promise<void> {
  const id = newId()
  await tx
    .insertInto('webhook_secrets')
    .values({
      id,
      webhook_id: webhookId,
      kind,
      sealed_private_key: platform.vault.seal(text, privateKeyContext('webhook_secrets', id)),
      key_id: platform.vault.keyId,
      created_at: platform.clock.now(),
      expires_at: null,
    })
    .execute()
}

/** Makes a new secret; the present one signs too until `until`, and the one before it no more. */
export async function rotateSigningSecret(
  platform: Platform,
  tx: Tx,
  webhookId: string,
  until: Date,
): Promise<void> {
  await removePreviousSecrets(tx, webhookId)
  await tx
    .updateTable('webhook_secrets')
    .set({ expires_at: until })
    .where('webhook_id', '=', webhookId)
    .where('kind', '=', 'signing')
    .execute()
  await addSigningSecret(platform, tx, webhookId)
}

/** Removes all but the newest. @returns whether there was one. */
export async function removePreviousSecrets(tx: Tx, webhookId: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('webhook_secrets')
    .where('webhook_id', '=', webhookId)
    .where('kind', '=', 'signing')
    .where('id', 'not in', (query) =>
      query
        .selectFrom('webhook_secrets')
        .select('id')
        .where('webhook_id', '=', webhookId)
        .where('kind', '=', 'signing')
        .orderBy('id', 'desc')
        .limit(1),
    )
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}
