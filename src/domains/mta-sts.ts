/** The MTA-STS policy of a domain (RFC 8461): what mta-sts.DOMAIN serves, and the id that _mta-sts.DOMAIN announces. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Config } from '../platform/config.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import type { Domain, MtaStsMode } from './tables.ts'
import { touchZones } from './zones/serial.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'domains.end_mta_sts': Record<string, never>
  }
}

export type MtaStsPolicy = {
  /** The body of the policy (§3.2), with CRLF. */
  text: string
  /** Of the TXT record (§3.1): another text has another id. */
  id: string
}

/** How long senders may keep a policy, in seconds (§3.2): weeks for one that protects, a day for what is tried out. */
export const mtaStsMaxAgeSeconds = {
  enforce: 14 * 86_400,
  testing: 86_400,
  none: 86_400,
} as const satisfies Record<MtaStsMode, number>

const idLength = 32 // §3.1: at most

/**
 * The policy that a domain publishes, or null: it has none, and no record either. A policy that is withdrawn is followed
 * by one of mode `none` until every sender has forgotten the former (§8.3), because without it they hold on to that.
 */
export function mtaStsPolicy(
  { hostname }: Pick<Config, 'hostname'>,
  {
    mta_sts_mode: mode,
    mta_sts_withdrawn_at: withdrawnAt,
  }: Pick<Domain, 'mta_sts_mode' | 'mta_sts_withdrawn_at'>,
): MtaStsPolicy | null {
  if (mode === 'none' && withdrawnAt === null) return null
  const text = [
    'version: STSv1',
    `mode: ${mode}`,
    ...(mode === 'none' ? [] : [`mx: ${hostname.toLowerCase()}`]),
    `max_age: ${mtaStsMaxAgeSeconds[mode]}`,
    '',
  ].join('\r\n')
  return { text, id: createHash('sha256').update(text).digest('hex').slice(0, idLength) }
}

const endedPerRun = 1000

/** Ends the withdrawals that are as old as any policy that a sender may have kept. @returns how many. */
export async function endMtaStsWithdrawals(platform: Platform): Promise<number> {
  const now = platform.clock.now()
  const before = new Date(now.getTime() - mtaStsMaxAgeSeconds.enforce * 1000)
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      update domains set mta_sts_withdrawn_at = null, updated_at = ${now} where id in (
        select id from domains where mta_sts_withdrawn_at < ${before} order by id limit ${endedPerRun} for update
      ) returning id`.execute(tx)
    await touchZones(
      platform,
      tx,
      rows.map(({ id }) => id),
    )
    return rows.length
  })
}
