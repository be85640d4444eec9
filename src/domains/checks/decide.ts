/** What a look at a domain leads to, as a pure function: states, holds, what drifted, and when the next look is due. */
import type { Config } from '../../platform/config.ts'
import type { DomainState } from '../lifecycle.ts'
import { isSandboxName } from '../names.ts'
import { wantedDnsMode } from '../nameservers.ts'
import type { Domain } from '../tables.ts'
import { nameserversAreOwn } from '../zones/own-names.ts'
import { hasLeft } from './delegation.ts'
import type { Look } from './look.ts'
import { checkPolicy } from './policy.ts'
import { recordKey } from './records.ts'
import type { SeenRecord } from './tables.ts'

/** What is known of the looks before. */
export type Standing = {
  records: readonly SeenRecord[]
  brokenSince: Date | null
  delegatedSince: Date | null
}

export type Judged = Pick<
  Domain,
  'id' | 'name' | 'state' | 'state_changed_at' | 'dns_mode' | 'pending_dns_mode' | 'zone_held'
>

export type Decision = {
  moveTo: Extract<DomainState, 'active' | 'pending_nameservers' | 'pending_records'> | null
  /** Its zone is answered from now on. */
  releasesHold: boolean
  /** The delegation has come to our name servers, or left them: `pending_dns_mode` becomes `dns_mode`. */
  adoptsMode: boolean
  drifted: readonly SeenRecord[]
  brokenSince: Date | null
  delegatedSince: Date | null
  dueAt: Date | null
}

export function decide(
  config: Pick<Config, 'dnsZone' | 'nameservers'>,
  domain: Judged,
  before: Standing,
  look: Look,
): Decision {
  const brokenSince = brokenAfter(before, look)
  const moveTo = moveAfter(domain, brokenSince, look)
  return {
    moveTo,
    releasesHold: endsHold(config, domain, look),
    adoptsMode: hasFollowed(domain, look),
    drifted: domain.state === 'active' ? driftedSince(before, look) : [],
    brokenSince,
    delegatedSince: delegatedAfter(before, look),
    dueAt: nextLook(
      moveTo === null ? domain : { ...domain, state: moveTo, state_changed_at: look.at },
      look.at,
    ),
  }
}

function moveAfter(
  { name, state, zone_held: isHeld, ...modes }: Judged,
  brokenSince: Date | null,
  look: Look,
): Decision['moveTo'] {
  if (isSandboxName(name)) return null
  const mode = wantedDnsMode(modes)
  if (state === 'pending_nameservers' || state === 'pending_records') {
    const isRight = mode === 'served' ? !isHeld && isServedRight(look) : hasAllRequired(look)
    return isRight ? 'active' : null
  }
  if (state !== 'active' || brokenSince === null || look.asked === 'resolver') return null
  const brokenMs = look.at.getTime() - brokenSince.getTime()
  if (brokenMs < checkPolicy.brokenForMsMax || !isMailElsewhere(look)) return null
  return mode === 'served' ? 'pending_nameservers' : 'pending_records'
}

/** The delegation names exactly our name servers, and one of them at least was seen to have the zone. */
function isServedRight({ asked, delegation }: Look): boolean {
  if (delegation.state !== 'ours') return false
  return asked === 'resolver' || delegation.nameservers.some(({ state }) => state === 'right')
}

function hasAllRequired({ records }: Look): boolean {
  return records.every(({ level, status }) => level !== 'required' || status === 'valid')
}

/** Certain knowledge that mail goes elsewhere or nowhere; no answer is no knowledge. */
function isMailElsewhere({ delegation, records }: Look): boolean {
  if (delegation.state === 'ours') return false
  return records.some(
    ({ purpose, status }) => purpose === 'mx' && (status === 'missing' || status === 'wrong'),
  )
}

function isMailHere({ delegation, records }: Look): boolean {
  return (
    delegation.state === 'ours' ||
    records.some(({ purpose, status }) => purpose === 'mx' && status === 'valid')
  )
}

function brokenAfter({ brokenSince }: Standing, look: Look): Date | null {
  if (isMailHere(look)) return null
  return isMailElsewhere(look) ? (brokenSince ?? look.at) : brokenSince
}

function delegatedAfter({ delegatedSince }: Standing, { at, delegation }: Look): Date | null {
  if (delegation.state === 'unanswered') return delegatedSince
  return delegation.state === 'ours' ? (delegatedSince ?? at) : null
}

function hasFollowed({ pending_dns_mode: pending }: Judged, look: Look): boolean {
  return (
    pending !== null && (pending === 'served' ? look.delegation.state === 'ours' : hasLeft(look.delegation))
  )
}

/**
 * A delegation to name servers that only this workspace has means this workspace. With shared names it may be left over:
 * it must have been gone once, or the owner proves the domain where we do not answer.
 */
function endsHold(
  config: Pick<Config, 'dnsZone' | 'nameservers'>,
  { zone_held: isHeld }: Judged,
  look: Look,
): boolean {
  if (!isHeld) return false
  const isOwn = look.delegation.state === 'ours' && nameserversAreOwn(config)
  const isProven = look.records.some(({ purpose, status }) => purpose === 'ownership' && status === 'valid')
  return isOwn || hasLeft(look.delegation) || isProven
}

function driftedSince(before: Standing, look: Look): SeenRecord[] {
  const valid = new Set(before.records.filter(({ status }) => status === 'valid').map(recordKey))
  return look.records.filter(
    (record) => (record.status === 'missing' || record.status === 'wrong') && valid.has(recordKey(record)),
  )
}

/** @returns null for a sandbox, and for a domain that has waited for so long that nobody seems to be at it. */
export function nextLook(
  { id, name, state, state_changed_at: since }: Pick<Judged, 'id' | 'name' | 'state' | 'state_changed_at'>,
  now: Date,
): Date | null {
  if (isSandboxName(name)) return null
  const after = (ms: number): Date => new Date(now.getTime() + ms)
  if (state === 'active') {
    const { activeEveryMs, jitterShare } = checkPolicy
    return after(activeEveryMs * (1 + jitterShare * shareOf(id, now)))
  }
  if (state !== 'pending_nameservers' && state !== 'pending_records') return after(checkPolicy.idleEveryMs)
  const waitedMs = now.getTime() - since.getTime()
  if (waitedMs > checkPolicy.pendingEndsAfterMs) return null
  const { pendingShare, pendingEveryMsMin, pendingEveryMsMax } = checkPolicy
  return after(Math.min(Math.max(waitedMs * pendingShare, pendingEveryMsMin), pendingEveryMsMax))
}

/** From -1 to 1, another one for every domain and every time. */
function shareOf(id: string, now: Date): number {
  const seed = Number.parseInt(id.slice(-6), 16) + now.getTime()
  return ((seed * 2_654_435_761) % 4_294_967_296) / 2_147_483_648 - 1
}
