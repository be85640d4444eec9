/** What a sender may send, has sent, and whether it is paused: for people and programs that plan their sending. */
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { type SenderLevel, subjectOf } from '../levels.ts'
import { readDeliveryPolicy } from '../policies.ts'
import { type Limit, limitsOf, rampUpOf } from './limits.ts'
import { type Outcomes, outcomesOf } from './review.ts'
import type { SendingScope } from './tables.ts'
import { countedBy, readUsage, roomUnder, type Usage } from './usage.ts'
import { fitsAt, slidingCount } from './windows.ts'

export type LimitReport = Limit & {
  /** In the sliding window, rounded up. */
  used: number
  remaining: number
  /** When all of the limit is free again, if nothing is sent until then. */
  resetsAt: Date
}

export type SendingReport = {
  scope: SendingScope
  scopeId: string
  /** The nearest level that is paused: the sender itself, or what it belongs to. */
  paused: { scope: SendingScope; since: Date; reason: string; by: string } | null
  firstSentAt: Date | null
  /** Null where the ramp-up does not limit (any more). */
  rampUp: { day: number; max: number } | null
  limits: LimitReport[]
  lastDay: Outcomes
}

/** Of a level its own limits only: a mailbox's key learns nothing of what others send. @param db the transaction, inside one. */
export async function sendingReport(platform: Platform, level: SenderLevel, db: Db): Promise<SendingReport> {
  const now = platform.clock.now()
  const { scope, scopeId, workspaceId, domainId } = level
  const ids = [...new Set([scopeId, domainId ?? workspaceId, workspaceId])]
  const usages = await readUsage(db, ids, now)
  const usage = usages.get(scopeId)
  if (!usage) throw new Error(`no usage was read for ${scopeId}`)
  const policy = await readDeliveryPolicy(db, subjectOf(level))
  const limits = limitsOf(policy, usage.firstSentAt, now).filter((limit) => limit.scope === scope)
  return {
    scope,
    scopeId,
    paused: pausedAt(level, usages),
    firstSentAt: usage.firstSentAt,
    rampUp: scope === 'mailbox' ? rampUpOf(policy, usage.firstSentAt, now) : null,
    limits: limits.map((limit) => limitReport(limit, usage, now)),
    lastDay: await outcomesOf(db, level, now),
  }
}

function limitReport(limit: Limit, usage: Usage, now: Date): LimitReport {
  const windows = countedBy(limit, usage)
  return {
    ...limit,
    used: Math.ceil(slidingCount(windows, now)),
    remaining: roomUnder(limit, usage, now),
    // Free of everything when as much as ever was counted would fit once more.
    resetsAt: fitsAt(windows, 0, 0, now) ?? now,
  }
}

function pausedAt(level: SenderLevel, usages: ReadonlyMap<string, Usage>): SendingReport['paused'] {
  const above = [
    { scope: level.scope, id: level.scopeId },
    ...(level.domainId === null ? [] : [{ scope: 'domain' as const, id: level.domainId }]),
    { scope: 'workspace' as const, id: level.workspaceId },
  ]
  for (const { scope, id } of above) {
    const paused = usages.get(id)?.paused ?? null
    if (paused !== null) return { scope, ...paused }
  }
  return null
}
