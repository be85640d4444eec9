/** What the model knows of one history: a workspace with its wallet, and what was last seen of what it has. */
import type { Scope } from '../../accounts/principals.ts'
import type { StripeStandIn } from '../stripe-stand-in.ts'
import type { KnownInvoice, KnownLine } from './invoices.ts'
import type { SeenMailbox, SeenSubscription } from './observe.ts'
import type { PaidPart, PlanCall } from './plan-terms.ts'
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
  isLocked: boolean
  /** All that came in, less what was taken back. */
  credited: bigint
  /** Those that were paid by card; `left`: what has not gone back. */
  topUps: { id: string; paymentId: string; left: bigint; isDisputed: boolean }[]
  /** What was taken for a refund that will not reach its card. */
  comesBack: bigint
  /** What the model reckons that all invoices come to. */
  invoiced: bigint
  /** What credit notes have given back of that. */
  givenBack: bigint
  invoices: Map<string, KnownInvoice>
  lines: Map<string, KnownLine>
  /** Of mailboxes that wait: what was put aside for each. */
  holds: Map<string, Held>
  /** Of the plan: what was paid for the rest of its period. */
  paidParts: readonly PaidPart[]
  /** What was asked for since the last look, by the mailbox's id. */
  asked: Map<string, 'remove' | 'purge' | 'restore'>
  /** By how many units of a kind goes what was asked for since the last look. */
  counts: Map<string, number>
  /** What was done with its plan since then. */
  planCall: PlanCall | null
  /** What credit notes since then give back, line by line. */
  credits: { lineId: string; amount: bigint; discount: bigint; tax: bigint; quantity: number }[]
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
  paymentWaitDays: number
  restoreDays: number
}

export type Plan = { id: string; slots: number; services: readonly string[] }

/** What all histories of a world share. */
export type Shared = {
  rules: PriceRule[]
  plans: Map<string, Plan>
  terms: Terms
  stripe: StripeStandIn
}

/** An account at a moment: all that decides what something costs. */
export type View = { shared: Shared; account: Account; now: number }

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
    isLocked: false,
    credited: 0n,
    topUps: [],
    comesBack: 0n,
    invoiced: 0n,
    givenBack: 0n,
    invoices: new Map(),
    lines: new Map(),
    holds: new Map(),
    paidParts: [],
    asked: new Map(),
    counts: new Map(),
    planCall: null,
    credits: [],
    mailboxes: new Map(),
    subscriptions: new Map(),
    named: 0,
    isFunded: false,
    preview: null,
    story: [],
  }
}

/** What the wallet has, without what is put aside. */
export function balanceOf({ credited, invoiced, givenBack, holds }: Account): bigint {
  let held = 0n
  for (const { total } of holds.values()) held += total
  return credited - invoiced + givenBack - held
}

/** What could be spent now, of what was seen last. */
export function spendable(account: Account): bigint {
  return account.isLocked ? 0n : balanceOf(account) + account.creditLimit
}

/** Why what costs more than that is refused. */
export function unpaidCode({ isLocked }: Account): string {
  return isLocked ? 'wallet_locked' : 'insufficient_funds'
}
