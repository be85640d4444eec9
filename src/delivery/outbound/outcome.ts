/** From what the other server said to what becomes of a recipient. */
import { type Classified, classifyReply, type RemoteReply } from '../bounces/classify.ts'
import type { ClaimedMessage, ClaimedRecipient } from './claim.ts'
import { delayNoticeMs, nextAttemptAt } from './schedule.ts'
import { failureLine, isPermanentReply } from './smtp-client/failure.ts'
import type { RecipientResult } from './smtp-client/transaction.ts'
import type { StepDetail } from './tables.ts'

/** The way that an attempt took, as far as it came: a part of its step. */
export type AttemptDetail = Pick<
  StepDetail,
  'host' | 'address' | 'tls' | 'policy' | 'relay_id' | 'milliseconds' | 'dsn'
>

export type Outcome = {
  message: ClaimedMessage
  recipient: ClaimedRecipient
  state: 'delivered' | 'queued' | 'bounced'
  /** Word for word. */
  reply: string
  class: string | null
  /** For `bounced` by a refusal: what it is about, which suppression lists go by. */
  refusal: Classified | null
  /** For `queued`: not before then. */
  until: Date | null
  /** Whether the sender may have to be told (RFC 3461). */
  isNews: boolean
  detail: AttemptDetail
}

export type OutcomeRules = { now: Date; retrySchedule: readonly number[]; queueLifetimeMs: number }

export function outcomeOf(
  rules: OutcomeRules,
  message: ClaimedMessage,
  recipient: ClaimedRecipient,
  result: RecipientResult,
  detail: AttemptDetail,
): Outcome {
  const base = { message, recipient, detail }
  if (result.ok) {
    const isNews = recipient.notify?.toLowerCase().split(',').includes('success') === true
    return {
      ...base,
      state: 'delivered',
      reply: result.reply,
      class: null,
      refusal: null,
      until: null,
      isNews,
    }
  }
  const { reply } = result
  const classified = classify(reply)
  const said = failureLine(reply)
  const bounced = { ...base, state: 'bounced', reply: said, until: null, isNews: true } as const
  if (classified.isPermanent) return { ...bounced, class: classified.class, refusal: classified }
  const { now, retrySchedule } = rules
  const until = nextAttemptAt(now, retrySchedule, recipient.attempts + 1, recipient.expiresAt)
  if (until === null) return { ...bounced, class: 'expired', refusal: null }
  const queuedAtMs = recipient.expiresAt.getTime() - rules.queueLifetimeMs
  const isNews = !recipient.delayNotified && now.getTime() - queuedAtMs >= delayNoticeMs
  return { ...base, state: 'queued', reply: said, class: classified.class, refusal: null, until, isNews }
}

/** The class of a refusal. Whether it is for good we know ourselves where there was no reply, or it was our login's. */
export function classify(reply: RemoteReply): Classified {
  const classified = classifyReply(reply)
  if (reply.stage === 'auth') return { ...classified, isPermanent: false } // ours to repair, not the message's fault
  return reply.code === 0 ? { ...classified, isPermanent: isPermanentReply(reply) } : classified
}
