/** All that a history has, from one look to the next. */
import assert from 'node:assert/strict'
import { type Account, type Shared, spendable } from './account.ts'
import { costOf, type Look, pricesFor } from './check-lines.ts'
import { checkMailbox, isGone, waitingStates } from './check-mailboxes.ts'
import { checkSubscription, nextCost } from './check-subscriptions.ts'
import { reckon } from './money.ts'
import type { Seen, SeenHold, SeenMailbox } from './observe.ts'

export type Moment = {
  shared: Shared
  now: number
  isAfterJobs: boolean
  /** Whether money has come, and what waits for it has been tried. */
  isSettled: boolean
}

/** Compares what is seen with what the model knows, and learns it. */
export function checkAccount(account: Account, seen: Seen, moment: Moment): void {
  const { workspaceId } = account.scope
  const chargedBefore = account.charged
  const mailboxes = seen.mailboxes.get(workspaceId) ?? []
  const lines = Map.groupBy(seen.lines.get(workspaceId) ?? [], ({ subject_id }) => subject_id)
  const look: Look = { ...moment, account, lines, counts: countsOf(account, mailboxes) }
  checkSlots(look, mailboxes)
  for (const row of seen.subscriptions.get(workspaceId) ?? []) {
    checkSubscription(look, account.subscriptions.get(row.id), row)
    account.subscriptions.set(row.id, row)
  }
  for (const row of mailboxes) checkMailbox(look, account.mailboxes.get(row.id), row)
  assert.deepEqual([...look.lines.values()].flat(), [], 'what is billed is of nothing that there is')
  const before = account.mailboxes
  account.mailboxes = new Map(mailboxes.map((row) => [row.id, row]))
  const putAside = checkHolds(look, seen.holds.get(workspaceId) ?? [])
  checkWallet(account, seen)
  checkUnpaid(look, before)
  checkPreview(account, account.charged - chargedBefore + putAside)
  account.asked.clear()
  account.refused = []
}

function heldOf({ holds }: Account): bigint {
  return [...holds.values()].reduce((sum, { total }) => sum + total, 0n)
}

/** What a preview has said is what is then billed and put aside; where the wallet has not so much, at most that. */
function checkPreview(account: Account, spent: bigint): void {
  const { preview } = account
  account.preview = null
  if (preview === null) return
  if (preview.isCovered) assert.equal(spent, preview.amount, 'a preview is its invoice')
  else assert.ok(spent <= preview.amount, `more than the preview has said: ${spent} of ${preview.amount}`)
}

const counted = ({ in_slot, state }: SeenMailbox): boolean =>
  !in_slot && !['deletion_scheduled', 'deleted', 'failed', 'waiting_payment'].includes(state)

const kindOf = ({ service, period, next_period }: SeenMailbox): string =>
  `${service} ${next_period ?? period}`

/** Units of a kind: at least those that were there all the time, at most all that there were at some time or were asked for. */
function countsOf(account: Account, after: readonly SeenMailbox[]): Look['counts'] {
  const ids = (rows: Iterable<SeenMailbox>, kind: string): Set<string> =>
    new Set([...rows].filter((row) => counted(row) && kindOf(row) === kind).map(({ id }) => id))
  const known = new Map<string, [number, number]>()
  return (mailbox) => {
    const kind = kindOf(mailbox)
    const found = known.get(kind)
    if (found !== undefined) return found
    const [before, now] = [ids(account.mailboxes.values(), kind), ids(after, kind)]
    const refused = account.refused
      .filter(({ service, period }) => `${service} ${period}` === kind)
      .reduce((sum, { count }) => sum + count, 0)
    const both = [...before].filter((id) => now.has(id)).length
    const counts: [number, number] = [both, before.size + now.size - both + refused]
    known.set(kind, counts)
    return counts
  }
}

/** Slots are taken before anything is paid by price, and no more than there are. */
function checkSlots({ account, shared, isAfterJobs }: Look, after: readonly SeenMailbox[]): void {
  if (isAfterJobs) return
  const made = after.filter(({ id }) => !account.mailboxes.has(id))
  if (made.length === 0) return
  const plan = [...account.subscriptions.values()].find(
    ({ state }) => state === 'active' || state === 'past_due',
  )
  const terms = plan === undefined ? undefined : shared.plans.get(plan.plan_id)
  const allocated = terms === undefined ? 0 : terms.slots + (plan?.extra_slots ?? 0)
  const used = after.filter((row) => row.in_slot && !isGone(row) && row.state !== 'failed').length
  const what = JSON.stringify({ made, plan, allocated, used })
  if (made.some(({ in_slot }) => in_slot)) assert.ok(used <= allocated, `more slots than there are: ${what}`)
  const isLeftOut = made.some((row) => !row.in_slot && terms?.services.includes(row.service))
  if (isLeftOut) assert.ok(used >= allocated, `a slot is free, and is not used: ${what}`)
}

/** What is put aside is for mailboxes that wait, at the price of the moment when it was. @returns what is new of it, less what was given back. */
function checkHolds(look: Look, holds: readonly SeenHold[]): bigint {
  let putAside = 0n
  const { account, now } = look
  const byMailbox = new Map(holds.map((hold) => [hold.cause_id, hold]))
  const known = account.holds
  account.holds = new Map()
  for (const mailbox of account.mailboxes.values()) {
    const hold = byMailbox.get(mailbox.id)
    byMailbox.delete(mailbox.id)
    const before = known.get(mailbox.id)
    const isReleased = before !== undefined && before.id !== hold?.id && mailbox.end === null
    if (isReleased) putAside -= before.total
    const what = JSON.stringify({ mailbox, hold })
    if (!waitingStates.includes(mailbox.state) || mailbox.in_slot || mailbox.end !== null) {
      assert.equal(hold, undefined, `money is put aside for what does not wait for it: ${what}`)
      continue
    }
    if (hold !== undefined && before?.id === hold.id) {
      account.holds.set(mailbox.id, before)
      continue
    }
    const { service: of, period } = mailbox
    const unitAmounts = pricesFor(look, { item: 'mailbox', of, period }, now, look.counts(mailbox))
    if (hold === undefined) {
      assert.ok(unitAmounts.includes(0n), `nothing is put aside for it: ${what}`)
      continue
    }
    const unitAmount = BigInt(hold.unit_amount)
    assert.ok(unitAmounts.includes(unitAmount), `a price of ${unitAmounts.join(' or ')}: ${what}`)
    const rates = ratesNow(look)
    const { discount, tax, total } = reckon(1, unitAmount, rates)
    assert.deepEqual([hold.discount, hold.tax, hold.total].map(BigInt), [discount, tax, total], what)
    putAside += total
    account.holds.set(mailbox.id, { id: hold.id, unitAmounts: [unitAmount], ...rates, total })
  }
  assert.deepEqual([...byMailbox.values()], [], 'money is put aside for nothing')
  return putAside
}

function ratesNow({ account, now }: Look) {
  let discountBasisPoints = 0
  for (const { basisPoints, items, from, until } of account.coupons) {
    const holds =
      from <= now && (until === null || until > now) && (items === null || items.includes('mailbox'))
    if (holds) discountBasisPoints = Math.max(discountBasisPoints, basisPoints)
  }
  return { discountBasisPoints, taxBasisPoints: account.taxBasisPoints }
}

/** The wallet has what came in, less what the model reckons that everything cost; and keeps its limit. */
function checkWallet(account: Account, seen: Seen): void {
  const wallet = seen.wallets.get(account.scope.workspaceId)
  const [balance, held] = [BigInt(wallet?.balance ?? 0), BigInt(wallet?.held ?? 0)]
  const putAside = heldOf(account)
  assert.deepEqual(
    [balance + held, held],
    [account.credited - account.charged, putAside],
    'what the wallet has',
  )
  if (!account.isForced) assert.ok(balance >= -account.lowestLimit, 'the wallet is below its limit')
}

/** What is unpaid could not be paid. */
function checkUnpaid(look: Look, before: ReadonlyMap<string, SeenMailbox>): void {
  const { account, isAfterJobs, isSettled, now } = look
  const left = spendable(account)
  for (const mailbox of account.mailboxes.values()) {
    if (mailbox.unpaid_since === null || mailbox.cancel_at_period_end || isGone(mailbox)) continue
    const wasTried = isSettled || (isAfterJobs && before.get(mailbox.id)?.unpaid_since == null)
    if (!wasTried) continue
    // One that has just become unpaid was tried for the time since its end, even if its grace is over.
    const start = isSettled && mailbox.payment_suspension !== null ? now : (mailbox.end ?? now)
    const { service: of, next_period, period } = mailbox
    const priced = { item: 'mailbox', of, period: next_period ?? period } as const
    const prices = pricesFor(look, priced, start, look.counts(mailbox))
    const costs = prices.map((amount) => costOf(look, 'mailbox', 1, amount ?? 0n, start))
    const what = JSON.stringify({ mailbox, left: String(left), costs: costs.map(String) })
    assert.ok(
      costs.some((cost) => cost > left),
      `it could be paid: ${what}`,
    )
  }
  for (const subscription of account.subscriptions.values()) {
    if (subscription.state === 'canceled' || subscription.unpaid_since === null || !isSettled) continue
    const cost = nextCost(look, subscription, subscription.state === 'suspended' ? now : subscription.end)
    assert.ok(cost > left, `it could be paid: ${JSON.stringify(subscription)} ${cost} of ${left}`)
  }
}
