/** All that a history has, from one look to the next. */
import assert from 'node:assert/strict'
import { type Account, balanceOf, spendable } from './account.ts'
import { countsOf } from './check-counts.ts'
import { costOf, isAfter, type Look, pricesFor } from './check-lines.ts'
import { checkMailbox, type Tried, waitingStates } from './check-mailboxes.ts'
import { checkSubscription } from './check-subscriptions.ts'
import { totalOf } from './invoices.ts'
import { reckon } from './money.ts'
import type { Seen, SeenHold, SeenLine, SeenMailbox } from './observe.ts'
import { ratesAt, slotsOf, usedSlots } from './units.ts'

export type Moment = Pick<Look, 'shared' | 'now' | 'phase' | 'jobs'>

/** Compares what is seen with what the model knows, and learns it. */
export function checkAccount(account: Account, seen: Seen, moment: Moment): void {
  const { workspaceId } = account.scope
  if (moment.phase === 'queue' && account.comesBack > 0n) {
    account.credited += account.comesBack
    account.comesBack = 0n
    account.isFunded = true
  }
  const isSettled = moment.phase === 'queue' && account.isFunded
  const spent = account.invoiced
  const mailboxes = seen.mailboxes.get(workspaceId) ?? []
  const all = seen.lines.get(workspaceId) ?? []
  checkCredits(
    account,
    all.filter(({ invoice_kind }) => invoice_kind === 'credit_note'),
  )
  const lines = Map.groupBy(
    all.filter(({ invoice_kind }) => invoice_kind === 'invoice'),
    ({ subject_id }) => subject_id,
  )
  const counts = countsOf({ ...moment, account }, mailboxes)
  const look: Look = { ...moment, account, isSettled, lines, counts, paid: [] }
  const hadSlots = moment.phase === 'calls' ? slotsOf(look) : null
  const planBefore = account.invoiced
  for (const row of seen.subscriptions.get(workspaceId) ?? []) {
    checkSubscription(look, account.subscriptions.get(row.id), row)
    account.subscriptions.set(row.id, row)
  }
  // What a plan cost that came after the mailboxes was there when they were tried.
  const planCost = moment.jobs === 'mailboxes first' ? account.invoiced - planBefore : 0n
  const tried = mailboxes.flatMap((row) => checkMailbox(look, account.mailboxes.get(row.id), row))
  assert.deepEqual([...look.lines.values()].flat(), [], 'what is billed is of nothing that there is')
  if (hadSlots !== null) checkSlots(account, hadSlots, mailboxes)
  const before = account.mailboxes
  account.mailboxes = new Map(mailboxes.map((row) => [row.id, row]))
  const putAside = checkHolds(look, seen.holds.get(workspaceId) ?? [], before)
  checkWallet(account, seen)
  for (const one of tried) checkTried(look, one, planCost)
  if (moment.phase === 'calls') checkPreview(account, account.invoiced - spent + putAside)
  account.asked.clear()
  account.counts.clear()
  account.planCall = null
  account.credits = []
  if (moment.phase === 'queue') account.isFunded = false
}

/** What a preview has said is what is then billed and put aside; where the wallet has not so much, at most that. */
function checkPreview(account: Account, spent: bigint): void {
  const { preview } = account
  account.preview = null
  if (preview === null) return
  if (preview.isCovered) assert.equal(spent, preview.amount, 'a preview is its invoice')
  else assert.ok(spent <= preview.amount, `more than the preview has said: ${spent} of ${preview.amount}`)
}

/** Credit notes give back what was reckoned for them, line by line. */
function checkCredits(account: Account, lines: readonly SeenLine[]): void {
  const open = [...account.credits]
  for (const line of lines) {
    const what = JSON.stringify(line)
    const at = open.findIndex(({ lineId }) => lineId === line.credited_line_id)
    const [credit] = at === -1 ? [] : open.splice(at, 1)
    const known = account.lines.get(line.credited_line_id ?? '')
    if (credit === undefined || known === undefined) assert.fail(`nobody asked for this credit: ${what}`)
    const { amount, discount, tax, quantity } = credit
    assert.deepEqual(
      [line.kind, line.quantity, ...[line.amount, line.discount, line.tax].map(BigInt)],
      ['credit', quantity, -amount, -discount, -tax],
      `what is given back: ${what}`,
    )
    const { left } = known
    known.left = { amount: left.amount - amount, discount: left.discount - discount, tax: left.tax - tax }
    account.givenBack += totalOf(credit)
  }
  assert.deepEqual(open, [], 'what was to be given back is not')
}

/** Slots are taken before anything is paid by price, and no more than there are. */
function checkSlots(
  account: Account,
  { allocated, services }: ReturnType<typeof slotsOf>,
  after: readonly SeenMailbox[],
): void {
  const made = after.filter(({ id }) => !account.mailboxes.has(id))
  if (made.length === 0) return
  const used = usedSlots(after)
  const what = JSON.stringify({ made, allocated, used })
  if (made.some(({ in_slot }) => in_slot) && used > allocated)
    assert.fail(`more slots than there are: ${what}`)
  const isLeftOut = made.some((row) => !row.in_slot && services.includes(row.service))
  if (isLeftOut && used < allocated) assert.fail(`a slot is free, and is not used: ${what}`)
}

/** What is put aside is for mailboxes that wait, at the price of the moment when it was. @returns what is new of it, less what was given back. */
function checkHolds(
  look: Look,
  holds: readonly SeenHold[],
  mailboxesBefore: ReadonlyMap<string, SeenMailbox>,
): bigint {
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
    const isWaiting = waitingStates.includes(mailbox.state) && !mailbox.in_slot && mailbox.end === null
    const old = mailboxesBefore.get(mailbox.id)
    const isAsked = before !== undefined || old?.state !== mailbox.state || old.period !== mailbox.period
    if (hold === undefined && (!isWaiting || !isAsked || isFreeNow(look, mailbox))) continue
    const what = JSON.stringify({ mailbox, hold })
    if (hold === undefined) assert.fail(`nothing is put aside for it: ${what}`)
    if (!isWaiting) assert.fail(`money is put aside for what does not wait for it: ${what}`)
    if (before?.id === hold.id) {
      account.holds.set(mailbox.id, before)
      continue
    }
    const { service: of, period } = mailbox
    const unitAmounts = pricesFor(look, { item: 'mailbox', of, period }, now, look.counts(mailbox))
    const unitAmount = BigInt(hold.unit_amount)
    assert.ok(unitAmounts.includes(unitAmount), `a price of ${unitAmounts.join(' or ')}: ${what}`)
    const rates = ratesAt(look, 'mailbox', now)
    const { discount, tax, total } = reckon(1, unitAmount, rates)
    assert.deepEqual([hold.discount, hold.tax, hold.total].map(BigInt), [discount, tax, total], what)
    putAside += total
    account.holds.set(mailbox.id, { id: hold.id, unitAmounts: [unitAmount], ...rates, total })
  }
  assert.deepEqual([...byMailbox.values()], [], 'money is put aside for nothing')
  return putAside
}

/** Nothing is put aside for what cost nothing when it was asked for. */
function isFreeNow(look: Look, mailbox: SeenMailbox): boolean {
  const { service: of, period } = mailbox
  return pricesFor(look, { item: 'mailbox', of, period }, look.now, look.counts(mailbox)).includes(0n)
}

const spending = ['charge', 'hold']

/** The wallet has what came in, less what the model reckons that everything cost; and nothing is spent beyond its limit. */
function checkWallet(account: Account, seen: Seen): void {
  const { workspaceId } = account.scope
  const wallet = seen.wallets.get(workspaceId)
  const [balance, held] = [BigInt(wallet?.balance ?? 0), BigInt(wallet?.held ?? 0)]
  const reckoned = balanceOf(account)
  const putAside = account.credited - account.invoiced + account.givenBack - reckoned
  assert.deepEqual([balance, held], [reckoned, putAside], 'what the wallet has')
  const transfers = seen.transfers.get(workspaceId) ?? []
  if (!transfers.some(({ kind, wallet: amount }) => spending.includes(kind) && amount < 0)) return
  assert.ok(!account.isLocked, 'something was sold to a wallet that is locked')
  assert.ok(balance >= -account.creditLimit, 'more was spent than the limit lets')
}

/**
 * What is unpaid could not be paid: it costs more than what is left now and what was spent after its turn. Where jobs ran at
 * once, nobody knows whose turn was when: then more than what is left now, as nothing has come since.
 */
function checkTried(look: Look, { mailbox, start, turn }: Tried, planCost: bigint): void {
  const { account } = look
  const { service: of, next_period, period } = mailbox
  const priced = { item: 'mailbox', of, period: next_period ?? period } as const
  const prices = pricesFor(look, priced, start, look.counts(mailbox))
  const isKnown = look.phase === 'queue' || look.jobs !== null
  const later = look.paid.filter((one) => isKnown && isAfter(one, turn))
  const spentLater = later.reduce((sum, { total }) => sum + total, account.isLocked ? 0n : planCost)
  const left = spendable(account) + spentLater
  // What has no price is not sold; what is there already costs nothing then.
  if (mailbox.state === 'waiting_payment' && prices.includes(null)) return
  const costs = prices.map((amount) => costOf(look, amount ?? 0n, start))
  if (costs.some((cost) => cost > 0n && cost > left)) return
  assert.fail(`it could be paid: ${JSON.stringify(mailbox)}, ${costs.join(' or ')} of ${left}`)
}
