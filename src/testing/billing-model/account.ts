/** What the model knows of one history: a workspace with its wallet, and what was last seen of what it has. */
import type { Scope } from '../../accounts/principals.ts'
import type { Period } from './calendar.ts'
import type { SeenMailbox, SeenSubscription } from './observe.ts'
import type { CouponInUse, PriceRule } from './prices.ts'

export type Account = {
  /** Its place among the histories of the world; with the world's seed it decides all that happens in it. */
  index: number
  scope: Scope
  activeDomain: { id: string; name: string }
  /** Mailboxes in it wait, until the history has it found. */
  waitingDomain: { id: string; name: string; isActive: boolean }
  taxBasisPoints: number
  coupons: CouponInUse[]
  creditLimit: bigint
  /** The largest that it ever had: what was bought on it may be unpaid still. */
  lowestLimit: bigint
  isLocked: boolean
  /** Whether money was taken back, so that the balance may be below its limit. */
  isForced: boolean
  /** All that came in, less what was taken back. */
  credited: bigint
  /** What the model reckons that everything billed so far comes to. */
  charged: bigint
  /** Of mailboxes that wait: what was put aside for each. */
  holds: Map<string, Held>
  /** Of the plan: what was paid for the rest of its period. */
  paidParts: PaidPart[]
  /** What the history itself has done away with since the last look. */
  asked: Set<string>
  /** What it asked for since then and did not get: the price went by their number, too. */
  refused: { service: string; period: Period; count: number }[]
  mailboxes: Map<string, SeenMailbox>
  subscriptions: Map<string, SeenSubscription>
  /** Names of mailboxes are counted. */
  named: number
  /** Whether it can pay more than at the last look. */
  isFunded: boolean
  /** What a preview said of what is done now, and whether the wallet has it. */
  preview: { amount: bigint; isCovered: boolean } | null
  /** What was done so far, for whoever reads of a failure. */
  story: string[]
}

export type PaidPart = {
  item: 'plan' | 'plan_slot' /** Without tax and discount. */
  net: bigint
  start: number
  lineId: string
}

/** What was priced when the money was put aside. */
export type Held = {
  id: string
  unitAmounts: readonly bigint[]
  discountBasisPoints: number
  taxBasisPoints: number
  total: bigint
}

export type Terms = {
  suspendAfterDays: number
  deleteAfterDays: number
  deleteNoticeDays: number
}

export type Plan = { id: string; slots: number; services: readonly string[] }

/** What all histories of a world share. */
export type Shared = {
  rules: PriceRule[]
  plans: Map<string, Plan>
  terms: Terms
}

export function newAccount(
  index: number,
  scope: Scope,
  domains: Pick<Account, 'activeDomain' | 'waitingDomain'>,
): Account {
  return {
    index,
    scope,
    ...domains,
    taxBasisPoints: 0,
    coupons: [],
    creditLimit: 0n,
    lowestLimit: 0n,
    isLocked: false,
    isForced: false,
    credited: 0n,
    charged: 0n,
    holds: new Map(),
    paidParts: [],
    asked: new Set(),
    refused: [],
    mailboxes: new Map(),
    subscriptions: new Map(),
    named: 0,
    isFunded: false,
    preview: null,
    story: [],
  }
}

/** What could be spent now, of what was seen last. */
export function spendable({ isLocked, credited, charged, creditLimit, holds }: Account): bigint {
  if (isLocked) return 0n
  let held = 0n
  for (const { total } of holds.values()) held += total
  return credited - charged - held + creditLimit
}
