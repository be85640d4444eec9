/** A plan's subscription from one look to the next is what the model makes of it, and so is what was billed for it. */
import assert from 'node:assert/strict'
import { spendable } from './account.ts'
import { endOf } from './calendar.ts'
import { checkLine, type Look, lineTotal, takeLines } from './check-lines.ts'
import type { SeenLine, SeenSubscription } from './observe.ts'
import { costOf } from './plan-lines.ts'
import { advanced, called, type Step, subscribed } from './plan-model.ts'

export function checkSubscription(
  look: Look,
  before: SeenSubscription | undefined,
  after: SeenSubscription,
): void {
  const lines = takeLines(look, after.id)
  const what = (): string => JSON.stringify({ before, after, lines })
  const steps = before === undefined ? [begun(look, after)] : stepsOf(look, before)
  const step = steps.find((one) => isSo(one, after, lines)) ?? steps[0]
  if (step === undefined) assert.fail(`nothing can be so: ${what()}`)
  const seen = shown(after)
  assert.deepEqual(seen, shown(step.row), `it is another than the model reckons: ${what()}`)
  assert.equal(lines.length, step.lines.length, `what is billed: ${what()}`)
  const open = [...lines]
  for (const expected of step.lines) {
    const at = open.findIndex(
      (line) =>
        line.item === expected.item &&
        line.kind === expected.kind &&
        line.start === expected.start &&
        line.unit_amount < 0 === (expected.unitAmounts[0] ?? 0n) < 0n,
    )
    const [line] = at === -1 ? [] : open.splice(at, 1)
    if (line === undefined) assert.fail(`a line is missing, ${expected.item} ${expected.kind}: ${what()}`)
    checkLine(look, line, expected)
    if (expected.part) expected.part.lineId = line.id
  }
  look.account.paidParts = step.parts
}

/** All but when it is looked at next. */
function shown({ next_payment_at: _, ...row }: SeenSubscription): Omit<SeenSubscription, 'next_payment_at'> {
  return row
}

function isSo({ row, cost, lines: expected }: Step, after: SeenSubscription, lines: SeenLine[]): boolean {
  return (
    row.state === after.state &&
    row.end === after.end &&
    row.start === after.start &&
    expected.length === lines.length &&
    cost === lines.reduce((sum, line) => sum + lineTotal(line), 0n)
  )
}

function begun(look: Look, after: SeenSubscription): Step {
  const { account, now } = look
  const call = account.planCall
  assert.equal(call?.kind, 'subscribe', `nobody has asked for it: ${JSON.stringify(after)}`)
  const { planId, period, extraSlots } = call.kind === 'subscribe' ? call.wish : assert.fail()
  const lines = subscribed(look, { planId, period, extraSlots }, spendable(account))
  if ('refusal' in lines) assert.fail(`it should be refused: ${lines.refusal}`)
  const row: SeenSubscription = {
    ...{ id: after.id, workspace_id: account.scope.workspaceId, plan_id: planId, extra_slots: extraSlots },
    ...{ state: 'active', period, next_period: null, next_plan_id: null, next_extra_slots: null },
    ...{ anchor: now, start: now, end: endOf(now, period, now), cancel_at_period_end: false },
    ...{ unpaid_since: null, deletion_at: null, next_payment_at: null },
  }
  return { row, lines, cost: costOf(lines), parts: lines.flatMap(({ part }) => part ?? []) }
}

/** What may become of it: one thing, but where jobs ran at once. */
function stepsOf(look: Look, before: SeenSubscription): Step[] {
  const { account, now, phase, isSettled } = look
  const idle: Step = { row: before, lines: [], cost: 0n, parts: account.paidParts }
  if (before.state === 'canceled') return [{ ...idle, parts: account.paidParts }]
  if (phase === 'calls') {
    const call = account.planCall
    if (call === null || call.kind === 'subscribe') return [idle]
    const step = called(look, before, call, spendable(account))
    if ('refusal' in step) assert.fail(`it should be refused: ${step.refusal}`)
    return [step]
  }
  if (phase === 'queue') return [isSettled ? advanced(look, before, spendable(account)) : idle]
  if ((before.next_payment_at ?? before.end) > now) return [idle]
  return moneysOf(look).map((money) => advanced(look, before, money))
}

/** What the wallet may have had when the plan's turn came: before what the mailboxes cost, or after that. */
function moneysOf({ account, lines, jobs }: Look): bigint[] {
  const money = spendable(account)
  let [due, unpaid] = [0n, 0n]
  for (const [subject, ofSubject] of lines) {
    const mailbox = account.mailboxes.get(subject ?? '')
    if (mailbox === undefined) continue
    const total = ofSubject.reduce((sum, line) => sum + lineTotal(line), 0n)
    if (mailbox.unpaid_since === null) due += total
    else unpaid += total
  }
  if (jobs === 'plans first') return [money]
  if (jobs === 'mailboxes first') return [money - due - unpaid]
  return [money, money - due, money - unpaid, money - due - unpaid]
}
