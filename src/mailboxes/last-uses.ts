/** When app passwords were last used: kept for a minute, and written in one statement for all. */
import { sql } from 'kysely'
import { addressBytes, unmapped } from '../platform/address-bytes.ts'
import type { Platform } from '../platform/platform.ts'

export type LastUses = {
  /** Writes what was noted. */
  write(): Promise<void>
  /** Writes what was noted, and stops. */
  stop(): Promise<void>
}

type Use = { at: Date; from: string | null }

const intervalMs = 60_000
const usesMax = 100_000
const noted = new WeakMap<Platform, Map<string, Use>>()

/** Called once, by the composition root. */
export function startLastUses(platform: Platform): LastUses {
  const uses = new Map<string, Use>()
  noted.set(platform, uses)
  const write = (): Promise<void> => writeUses(platform, uses)
  const timer = setInterval(() => void write(), intervalMs)
  return {
    write,
    async stop() {
      clearInterval(timer)
      noted.delete(platform)
      await write()
    },
  }
}

/** Notes a use; nothing is written now. */
export function noteUse(platform: Platform, appPasswordId: string, remoteAddress: string): void {
  const uses = noted.get(platform)
  if (!uses || (uses.size >= usesMax && !uses.has(appPasswordId))) return
  // An address of one link has a zone that means nothing elsewhere (RFC 4007 §11).
  const from = addressBytes(remoteAddress) === null ? null : remoteAddress.replace(/%.*$/, '')
  uses.set(appPasswordId, { at: platform.clock.now(), from: from === null ? null : unmapped(from) })
}

async function writeUses(platform: Platform, uses: Map<string, Use>): Promise<void> {
  if (uses.size === 0) return
  const entries = [...uses]
  uses.clear()
  try {
    await sql`
      update mailbox_passwords set last_used_at = uses.at, last_used_from = uses.used_from
      from unnest(
        ${entries.map(([id]) => id)}::uuid[], ${entries.map(([, { at }]) => at)}::timestamptz[],
        ${entries.map(([, { from }]) => from)}::inet[]
      ) as uses (id, at, used_from)
      where mailbox_passwords.id = uses.id and (last_used_at is null or last_used_at <= uses.at)`.execute(
      platform.db,
    )
  } catch (error) {
    platform.log.warn({ event: 'mailboxes.last_use_failed', cause: error })
  }
}
