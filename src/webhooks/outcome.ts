/** What an attempt means for its delivery and for the endpoint. */
import { nextAttemptAt } from '../delivery/outbound/schedule.ts'
import type { Config } from '../platform/config.ts'
import { webhookPolicy } from './policy.ts'
import type { PostResult } from './post.ts'
import type { DeliveryState } from './tables.ts'

export type Verdict = {
  state: DeliveryState
  /** When it is tried again; null: it is not. */
  nextAt: Date | null
  /** The endpoint wants to be left alone until then. */
  restUntil: Date | null
  /** The endpoint says that it wants no more of them. */
  isGone: boolean
  error: string | null
}

/** @param attempts made, this one included. */
export function judge(
  config: Pick<Config, 'webhookRetrySchedule'>,
  result: Pick<PostResult, 'status' | 'error' | 'retryAfter'>,
  { attempts, expiresAt, now }: { attempts: number; expiresAt: Date; now: Date },
): Verdict {
  const { status } = result
  if (status !== null && status >= 200 && status < 300) {
    return { state: 'delivered', nextAt: null, restUntil: null, isGone: false, error: null }
  }
  const error = result.error ?? sentence(status ?? 0)
  if (status === 410) return { state: 'failed', nextAt: null, restUntil: null, isGone: true, error }
  const restUntil = status === 429 || status === 503 ? restOf(result.retryAfter, now) : null
  const planned = nextAttemptAt(now, config.webhookRetrySchedule, attempts, expiresAt)
  if (planned === null) return { state: 'failed', nextAt: null, restUntil, isGone: false, error }
  const wished = restUntil !== null && restUntil > planned ? restUntil : planned
  return { state: 'queued', nextAt: wished < expiresAt ? wished : expiresAt, restUntil, isGone: false, error }
}

function sentence(status: number): string {
  if (status >= 300 && status < 400) return `The endpoint redirects (${status}), which is not followed.`
  return `The endpoint answered ${status}.`
}

/** RFC 9110 §10.2.3: seconds, or a date; within bounds. */
function restOf(header: string | null, now: Date): Date | null {
  if (header === null) return null
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime()
  if (!(ms > 0)) return null
  return new Date(now.getTime() + Math.min(ms, webhookPolicy.retryAfterMsMax))
}

/** How long an endpoint is left alone after so many failures behind each other; 0: not at all. */
export function blockMs(failures: number, random: () => number = Math.random): number {
  const { failuresUntilBlocked, blockMsMin, blockMsMax, jitter } = webhookPolicy
  if (failures < failuresUntilBlocked) return 0
  const doubled = blockMsMin * 2 ** Math.min(20, failures - failuresUntilBlocked)
  return Math.min(doubled, blockMsMax) * (1 - jitter + 2 * jitter * random())
}
