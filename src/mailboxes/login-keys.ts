/** API keys as passwords: one that is bound to a mailbox, and may write, logs in to its mail. */
import { sql } from 'kysely'
import { looksLikeKey } from '../accounts/key-formats.ts'
import { tokenDigest } from '../accounts/tokens.ts'
import type { Platform } from '../platform/platform.ts'
import type { AppPasswordScope } from './tables.ts'

/** `expiresAt`: null where it has no end. */
export type MailboxKey = { id: string; expiresAt: Date | null }

/**
 * @param mailboxId null where there is nobody to log in: it takes as long.
 * @returns the key, or null when it is none, is revoked or over, or is not of this mailbox alone.
 */
export async function findMailboxKey(
  platform: Platform,
  { protocol }: { protocol: AppPasswordScope },
  mailboxId: string | null,
  password: string,
): Promise<MailboxKey | null> {
  if (protocol === 'api' || !looksLikeKey(password)) return null // the API takes it as a bearer token
  const now = platform.clock.now()
  const { rows } = await sql<MailboxKey>`/* prepared find_mailbox_key */
    select id, expires_at as "expiresAt" from api_keys where token_sha256 = ${tokenDigest(password)} and mailbox_id = ${mailboxId}::uuid
      and access = 'write' and revoked_at is null and (expires_at is null or expires_at > ${now})`.execute(
    platform.db,
  )
  const key = rows[0] ?? null
  if (key !== null) await noteKeyUse(platform, key.id, now)
  return key
}

const useIntervalMs = 60_000

/** To the minute, as for other uses of keys. */
async function noteKeyUse(platform: Platform, id: string, now: Date): Promise<void> {
  const before = new Date(now.getTime() - useIntervalMs)
  await sql`update api_keys set last_used_at = ${now}
    where id = ${id}::uuid and (last_used_at is null or last_used_at < ${before})`.execute(platform.db)
}
