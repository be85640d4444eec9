/** DNS lists (RFC 5782): what others say of the client's address. */
import { reversedAddress } from '../../platform/dns.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { plainAddress } from './client-address.ts'
import { inTime, warnNowAndThen } from './deadline.ts'
import { listedScoreMax, scoreOfListing } from './dns-list-scores.ts'
import { type Hit, scored } from './symbols.ts'

/** All lists are asked at once, and none is waited for longer. */
const listMsMax = 3_000
const errorLogMs = 3600_000

/** Asks every configured list. One that does not answer in time says nothing. */
export async function dnsListSigns(
  platform: Platform,
  { remoteAddress }: Pick<Arrival, 'remoteAddress'>,
): Promise<Hit[]> {
  const reversed = reversedAddress(plainAddress(remoteAddress))
  if (reversed === null) return []
  const asked = platform.config.dnsLists.map(async (zone) => ({
    zone,
    answers: await inTime(platform.dns.lookup(`${reversed}.${zone}`, 'A'), listMsMax),
  }))
  const hits: Hit[] = []
  let left = listedScoreMax
  for (const { zone, answers } of await Promise.all(asked)) {
    const listing = worstListing(platform, zone, answers ?? [])
    if (listing === null) continue
    const score = Math.min(left, listing.score)
    left -= score
    hits.push(scored('DNS_LIST', score, listing.detail))
  }
  return hits
}

function worstListing(
  platform: Platform,
  zone: string,
  answers: readonly string[],
): { score: number; detail: string } | null {
  let worst: { score: number; detail: string } | null = null
  for (const answer of answers) {
    const lastByte = listedByte(answer)
    if (lastByte === null) {
      const record = { event: 'spam.dns_list_error', zone, answer }
      warnNowAndThen(platform, errorLogMs, `dns list ${zone}`, record)
      continue
    }
    const { score, meaning } = scoreOfListing(zone, lastByte)
    const detail = `${zone} ${answer}${meaning === null ? '' : ` (${meaning})`}`
    if (worst === null || score > worst.score) worst = { score, detail }
  }
  return worst
}

/**
 * Answers lie in 127.0.0.0/8, by custom from 127.0.0.2 on (RFC 5782 §2.1); 127.0.0.1 is nothing that lists say; in
 * 127.255.255.0/24 they say that they do not answer us. Anything else is a zone that was given up and answers to all.
 */
function listedByte(answer: string): number | null {
  const [, byte] = /^127\.0\.\d{1,3}\.(\d{1,3})$/.exec(answer) ?? []
  return byte === undefined || answer === '127.0.0.1' || answer === '127.0.0.0' ? null : Number(byte)
}
