/** What a look at an order can come to, and how long an order may take. */
import type { Money } from '../../platform/money.ts'

export const orderPolicy = {
  /** An order that could not go out fails after this. */
  intentMsMax: 24 * 3600_000,
  /** What was sent and is not seen at the registrar goes out again after this, at the earliest. */
  resendMs: 10 * 60_000,
  sendsMax: 3,
  /** What was sent and has no end by then is for a person to look at. */
  unsettledMsMax: 5 * 24 * 3600_000,
  waitMs: 60_000,
  waitMsMax: 3600_000,
  reviewMs: 24 * 3600_000,
} as const

export type Outcome =
  | { kind: 'done'; expiresAt: Date | null; reference: string | null; locked: boolean | null }
  | { kind: 'pending'; reference: string | null; message: string | null }
  | { kind: 'failed'; code: FailureCode; message: string | null; actual?: Money; expiresAt?: Date }
  | { kind: 'review'; message: string }
  /** `state`: back to intent when it is certain that nothing was done. `isUndone`: that this sending does not count. */
  | {
      kind: 'wait'
      state: 'intent' | 'sent' | 'pending' | 'review'
      message: string | null
      atLeastMs?: number
      isUndone?: boolean
    }

export type FailureCode =
  | 'price_changed'
  | 'domain_unavailable'
  | 'name_not_sold'
  | 'registrar_refused'
  | 'registrar_unavailable'
  | 'already_renewed'
  | 'abandoned'
  | 'unpaid'
