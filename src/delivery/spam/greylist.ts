/**
 * Greylisting (RFC 6647): who is not known and proves nothing is asked to come again. A mail server does; much of what
 * sends spam does not. Known are: authors whose domain DMARC proves, senders that a list allows, those whom the mailbox
 * has written to, and triplets of client network, reverse path and recipient that came again before.
 *
 * A message with several recipients is one reply: it is held off only when all of its local recipients want that and
 * none of them knows the sender. rspamd may ask for the same (`greylist`, `soft reject`), whatever the policies say.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { Arrival, ArrivalRefusal, Authentication } from '../inbound/arrival.ts'
import { deliveryPolicyOf } from '../policies.ts'
import type { LocalRecipient } from '../recipients.ts'
import { networkOf } from './client-address.ts'
import { askRspamd } from './rspamd/rspamd.ts'
import { authorsOf, sortBySenderLists } from './sender-lists.ts'

/** The waits and lives of triplets. */
export const greylistTimes = {
  /** A second attempt counts after this. RFC 6647 §5: from one minute to 24 hours. */
  waitSeconds: 60,
  /** A first attempt is remembered for this long. Servers try for some hours at least. */
  retrySeconds: 24 * 3600,
  /** A triplet that came again is remembered from its last message on. §5: at least a week. */
  knownSeconds: 35 * 24 * 3600,
} as const

/** Rows beyond this go at the next clean-up, those first that are forgotten soonest. */
export const tripletsMax = 1_000_000
const deletionsMax = 50_000

/** A mailbox's last messages that its contacts are read of: a bound, and what it wrote to lately is what counts. */
const contactsMax = 500

/** @returns the 451 for a stranger's first attempt, or null. */
export async function greylistArrival(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication,
): Promise<ArrivalRefusal | null> {
  if (arrival.login !== null || arrival.role !== 'mx' || arrival.local.length === 0) return null
  if (authentication.dmarc.result === 'pass') return null
  if (!(await isWanted(platform, arrival))) return null
  if (await isKnown(platform, arrival, authentication)) return null
  if (await noteAttempt(platform, arrival)) return null
  return {
    kind: 'refused',
    code: 451,
    enhanced: '4.7.1',
    text: 'The sender is not known here yet; try again in some minutes',
  }
}

/** Whether all local recipients want it by policy, or rspamd asks for it where the filter is on. */
async function isWanted(platform: Platform, arrival: Arrival): Promise<boolean> {
  const policies = await Promise.all(
    arrival.local.map(({ owner, domainId }) => deliveryPolicyOf(platform, { ...owner, domainId })),
  )
  if (policies.every(({ greylisting }) => greylisting === 'on')) return true
  if (!policies.every(({ spam_filter }) => spam_filter === 'on')) return false
  const answer = await askRspamd(platform, arrival)
  return answer?.action === 'greylist' || answer?.action === 'soft reject'
}

async function isKnown(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication,
): Promise<boolean> {
  for (const recipient of arrival.local) {
    if ((await sortBySenderLists(platform, recipient, arrival, authentication)) === 'inbox') return true
  }
  const senders = [arrival.mailFrom.toLowerCase(), ...authorsOf(arrival).map(({ address }) => address)]
  return await hasWrittenTo(platform, arrival.local, [...new Set(senders)])
}

/** Whether one of the mailboxes has lately sent to one of the addresses. */
async function hasWrittenTo(
  platform: Platform,
  recipients: readonly LocalRecipient[],
  addresses: readonly string[],
): Promise<boolean> {
  const mailboxIds = recipients.map(({ owner }) => owner.mailboxId)
  const { rows } = await sql`/* prepared greylist_contacts */
    select 1 from unnest(${uuidArray(mailboxIds)}) as mailbox (id) cross join lateral (
      select rcpt_to from outbound_recipients where mailbox_id = mailbox.id order by id desc limit ${contactsMax}::int
    ) recent where rcpt_to = any(${[...addresses]}::text[]) limit 1`.execute(platform.db)
  return rows.length > 0
}

/** Writes down the attempt for every recipient. @returns whether one of the triplets has waited long enough. */
async function noteAttempt(platform: Platform, arrival: Arrival): Promise<boolean> {
  const network = networkOf(arrival.remoteAddress)
  const ids = arrival.local.map(({ address }) => tripletOf(network, arrival.mailFrom, address))
  const now = platform.clock.now()
  const seconds = (count: number) => new Date(now.getTime() + count * 1000)
  const { rows } = await sql<{ passed: boolean }>`/* prepared greylist_attempt */
    insert into greylist_triplets as known (triplet, first_seen, passed, expires_at)
    select distinct triplet, ${now}::timestamptz, false, ${seconds(greylistTimes.retrySeconds)}::timestamptz
    from unnest(${uuidArray(ids)}) as attempt (triplet) order by triplet
    on conflict (triplet) do update set
      first_seen = case when known.expires_at <= ${now}::timestamptz then ${now}::timestamptz else known.first_seen end,
      passed = known.expires_at > ${now}::timestamptz
        and (known.passed or known.first_seen <= ${seconds(-greylistTimes.waitSeconds)}::timestamptz),
      expires_at = case
        when known.expires_at <= ${now}::timestamptz then excluded.expires_at
        when known.passed or known.first_seen <= ${seconds(-greylistTimes.waitSeconds)}::timestamptz
          then ${seconds(greylistTimes.knownSeconds)}::timestamptz
        else known.expires_at end
    returning passed`.execute(platform.db)
  return rows.some(({ passed }) => passed)
}

/** 128 bits of a hash: a row is small, and nobody reads in the table who writes to whom. */
function tripletOf(network: string, mailFrom: string, recipient: string): string {
  const hash = createHash('sha256')
    .update([network, mailFrom.toLowerCase(), recipient].join('\0'))
    .digest('hex')
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-${hash.slice(12, 16)}-${hash.slice(16, 20)}-${hash.slice(20, 32)}`
}

/** Deletes a batch of triplets that are forgotten or too many. @returns how many. */
export async function deleteOldTriplets(platform: Platform): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from greylist_triplets where triplet in (
      select triplet from (
        (select triplet from greylist_triplets where expires_at <= ${platform.clock.now()} limit ${deletionsMax})
        union
        (select triplet from greylist_triplets order by expires_at desc offset ${tripletsMax} limit ${deletionsMax})
      ) gone
    )`.execute(platform.db)
  return Number(numAffectedRows ?? 0)
}
