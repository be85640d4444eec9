/** How often agents may sign up, and how often a code may be asked for and guessed. */
import { sql } from 'kysely'
import { secondsUntil } from '../../platform/clock.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { canonicalNetwork } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'
import './tables.ts'

const minuteMs = 60_000

export const signupLimits = {
  perNetworkAndHour: 3,
  unclaimedPerHuman: 3,
  codeHours: 48,
  wrongCodesMax: 5,
  /** Between two codes. */
  resendMinutes: 5,
  /** Of one signup: nobody is to be written to for ever. */
  codesMax: 20,
  /** Until an agent that nobody claims is removed. */
  days: 30,
} as const

/**
 * The network that a client is counted by: its address, or its /64 (RFC 6177 §2). The counts are in the database, and so
 * hold over all nodes.
 */
export function signupNetwork(remoteAddress: string): string {
  const own = canonicalNetwork(remoteAddress)
  if (own === null) return 'unknown'
  const [plain = ''] = own.split('/')
  return plain.includes(':') ? (canonicalNetwork(`${plain}/64`) ?? own) : own
}

/**
 * Asked before an agent is signed up; until the transaction ends nobody else from that network or for that human is.
 * @throws Refusal agent_signup_limit_reached.
 */
export async function requireSignupRoom(
  platform: Platform,
  tx: Tx,
  { network, humanEmail }: { network: string; humanEmail: string },
): Promise<void> {
  const now = platform.clock.now()
  const hourAgo = new Date(now.getTime() - 60 * minuteMs)
  for (const key of [`agent_signups network ${network}`, `agent_signups human ${humanEmail}`].sort()) {
    await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(tx)
  }
  const recent = await tx
    .selectFrom('agent_signups')
    .select('created_at')
    .where('network', '=', network)
    .where('created_at', '>', hourAgo)
    .orderBy('created_at', 'desc')
    .limit(signupLimits.perNetworkAndHour)
    .execute()
  const oldest = recent[signupLimits.perNetworkAndHour - 1]
  if (oldest) {
    const until = new Date(oldest.created_at.getTime() + 60 * minuteMs)
    throw limitReached('There were as many signups from this network as there may be in an hour.', until, now)
  }
  const { count } = await tx
    .selectFrom('agent_signups')
    .select((of) => of.fn.countAll<string>().as('count'))
    .where('human_email', '=', humanEmail)
    .where('claimed_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (Number(count) < signupLimits.unclaimedPerHuman) return
  throw new Refusal('agent_signup_limit_reached', 'As many agents wait for this human as may do so.')
}

/** @param until when it can be tried again. */
export function limitReached(detail: string, until: Date, now: Date): Refusal {
  return new Refusal('agent_signup_limit_reached', detail, { retryAfterSeconds: secondsUntil(until, now) })
}
