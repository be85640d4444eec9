/**
 * A world: many histories in one database, each a workspace, under one clock that stands still until it is moved. In each
 * round something happens in each history, money that came is used, and the clock moves; after each of that the model looks.
 */

import assert from 'node:assert/strict'
import { createPlan } from '../../billing/catalogue/plans.ts'
import { createPrice, type NewPrice } from '../../billing/catalogue/prices.ts'
import { tallyOf, tryOut } from '../../billing/trials.ts'
import { jobHandlers } from '../../job-handlers.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { JobName } from '../../platform/jobs.ts'
import { startStripeStandIn } from '../stripe-stand-in.ts'
import { at, listAt, startTestApi, type TestApi, textAt } from '../test-api.ts'
import { assertBooks } from '../test-billing.ts'
import { handlersWith, runJobs } from '../test-jobs.ts'
import { type Account, type Shared, unpaidCode } from './account.ts'
import { type Action, chooseAction, type Dice, diceOf } from './actions.ts'
import { cardPlans } from './card-actions.ts'
import { checkAccount } from './check-account.ts'
import type { Look, Phase } from './check-lines.ts'
import { creditPlans } from './credit-actions.ts'
import { leapOf } from './leaps.ts'
import { mailboxPlans } from './mailbox-actions.ts'
import { fromTheBeginning, look } from './observe.ts'
import { planPlans } from './plan-actions.ts'
import { addRule } from './prices.ts'
import { openAccounts } from './surroundings.ts'
import { newMailboxPrice, ruleOf, someAmounts, walletPlans } from './wallet-actions.ts'

export type WorldOptions = {
  seed: number
  histories: number
  rounds: number
  /** Histories to run alone; default: all. */
  only?: readonly number[]
  /** Rounds in which nothing happens in them. */
  leftOut?: ReadonlySet<number>
}

export type WorldCounts = {
  histories: number
  steps: number
  refused: number
  previews: number
  invoices: number
  transfers: number
  days: number
}

/** A history that went wrong: with the seed, its place and its rounds it can be run again. */
export class HistoryFailed extends Error {
  override name = 'HistoryFailed'
  readonly index: number
  readonly round: number
  readonly story: readonly string[]
  constructor({ index, story }: Account, round: number, cause: unknown) {
    super(`history ${index}, round ${round}`, { cause })
    this.index = index
    this.round = round
    this.story = [...story]
  }
}

type World = WorldOptions & {
  test: TestApi
  shared: Shared
  accounts: Account[]
  now: number
  seeing: typeof fromTheBeginning
  counts: WorldCounts
}

const plansOfHistories = [...mailboxPlans, ...planPlans, ...walletPlans, ...creditPlans, ...cardPlans]

/** Short months, the ends of years and leap days are near. */
const beginnings = [
  '2027-01-30T22:30:00.250Z',
  '2027-12-31T23:59:59.999Z',
  '2028-01-31T00:00:00.000Z',
  '2026-08-29T12:00:00.000Z',
  '2031-10-31T06:00:00.001Z',
] as const

export async function runWorld(options: WorldOptions): Promise<WorldCounts> {
  await using stripe = await startStripeStandIn()
  const { environment } = stripe
  await using test = await startTestApi({ environment, requestsPerMinute: 1e9 })
  const dice = diceOf(options.seed, -1, -1)
  const world: World = {
    ...options,
    test,
    shared: {
      stripe,
      rules: [],
      plans: new Map(),
      terms: {
        ...{ suspendAfterDays: 7, deleteAfterDays: 30, deleteNoticeDays: 7 },
        ...{ paymentWaitDays: 3, restoreDays: 30 },
      },
    },
    accounts: [],
    now: Date.parse(dice.pick(beginnings) ?? beginnings[0]),
    seeing: fromTheBeginning,
    counts: { histories: 0, steps: 0, refused: 0, previews: 0, invoices: 0, transfers: 0, days: 0 },
  }
  const begunAt = world.now
  test.platform.clock.now = () => new Date(world.now)
  await setTerms(world, dice)
  world.accounts = await openAccounts(
    test,
    options.only ?? Array.from({ length: options.histories }, (_, index) => index),
  )
  world.counts.histories = world.accounts.length
  for (let round = 0; round < options.rounds; round++) await playRound(world, round)
  await assertBooks(test.platform, { haveLimitsFallen: true })
  world.counts.days = Math.round((world.now - begunAt) / 86_400_000)
  return world.counts
}

/** Prices and plans that hold from the beginning. */
async function setTerms(world: World, dice: Dice): Promise<void> {
  const { platform, scope } = world.test
  const price = async (
    wanted: Partial<NewPrice> & Pick<NewPrice, 'item' | 'period' | 'unitAmount'>,
  ): Promise<void> => {
    const none = {
      service: null,
      plan: null,
      tld: null,
      workspaceId: null,
      currency: null,
      steps: [],
      validUntil: null,
    }
    await addPrice(world, { ...none, validFrom: new Date(world.now), ...wanted })
  }
  for (const period of ['monthly', 'yearly'] as const) {
    const factor = period === 'yearly' ? 10 : 1
    await price({
      item: 'mailbox',
      service: 'local',
      period,
      unitAmount: factor * (dice.pick(someAmounts) ?? 1),
    })
  }
  for (const [place, slots] of [2, 5, 9].entries()) {
    const settings = { name: `Plan ${slots}`, description: null, slots, services: ['local'] }
    const { id } = await transaction(platform.db, (tx) =>
      createPlan(platform, tx, scope, { code: `plan-${slots}`, ...settings }),
    )
    world.shared.plans.set(id, { id, slots, services: ['local'] })
    for (const period of ['monthly', 'yearly'] as const) {
      // One has no yearly price, and cannot be had so.
      if (place === 2 && period === 'yearly') continue
      const factor = period === 'yearly' ? 11 : 1
      await price({
        item: 'plan',
        plan: id,
        period,
        unitAmount: factor * (400 * place + (dice.pick(someAmounts) ?? 1)),
      })
      const steps = [{ from: 3, unit_amount: 59 * factor }]
      await price({ item: 'plan_slot', plan: id, period, unitAmount: factor * 77, steps })
    }
  }
}

async function addPrice({ test: { platform, scope }, shared }: World, wanted: NewPrice): Promise<void> {
  await transaction(platform.db, (tx) => createPrice(platform, tx, scope, wanted))
  addRule(shared.rules, ruleOf(wanted))
}

/** The jobs that look what is due. */
const dueJobs = [
  'subscriptions.renew',
  'mailbox.end_periods',
  'mailbox.announce_renewals',
  'billing.number_invoices',
  'mailbox.purge_due',
] as const satisfies readonly JobName[]

async function playRound(world: World, round: number): Promise<void> {
  const { seed } = world
  const dice = diceOf(seed, -1, round)
  await changePrices(world, dice)
  await eachAtOnce(world.accounts, async (account) => {
    if (world.leftOut?.has(round)) return
    await act(world, account, round)
  })
  await lookAtAll(world, round, 'calls')
  await runQueue(world)
  await lookAtAll(world, round, 'queue')
  const leapMs = leapOf(world, dice)
  world.now += leapMs
  for (const account of world.accounts) account.story.push(`${new Date(world.now).toISOString()}`)
  // Now and then no job comes for a while.
  if (dice.oneIn(8)) return
  const jobs = await runDueJobs(world, dice)
  await runQueue(world)
  await lookAtAll(world, round, 'due jobs', jobs)
}

/** They may run twice, in any order, and beside each other. */
async function runDueJobs({ test: { platform } }: World, dice: Dice): Promise<Look['jobs']> {
  const isReversed = dice.oneIn(2)
  const jobs = isReversed ? [...dueJobs].reverse() : [...dueJobs]
  const runs = dice.oneIn(4) ? [...jobs, ...jobs] : jobs
  const isAtOnce = dice.oneIn(3)
  if (isAtOnce) await Promise.all(runs.map((job) => jobHandlers[job](platform, {})))
  for (const job of runs) await jobHandlers[job](platform, {})
  if (isAtOnce) return null
  return isReversed ? 'mailboxes first' : 'plans first'
}

const handlers = handlersWith({
  'domains.make_dkim_keys': async () => undefined,
  // Nobody has a card of his own there.
  'payments.sync_cards': async () => undefined,
})

async function runQueue({ test: { platform } }: World): Promise<void> {
  await runJobs(platform, handlers)
}

async function changePrices(world: World, dice: Dice): Promise<void> {
  if (!dice.oneIn(4)) return
  const wanted = newMailboxPrice(world, dice, null)
  try {
    await addPrice(world, wanted)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}

async function lookAtAll(
  world: World,
  round: number,
  phase: Phase,
  jobs: Look['jobs'] = null,
): Promise<void> {
  const { seen, next } = await look(world.test.platform, world.seeing)
  world.seeing = next
  const { shared, now, counts } = world
  for (const account of world.accounts) {
    const { workspaceId } = account.scope
    counts.transfers += seen.transfers.get(workspaceId)?.length ?? 0
    counts.invoices += new Set(seen.lines.get(workspaceId)?.map(({ invoice_id }) => invoice_id)).size
    try {
      checkAccount(account, seen, { shared, now, phase, jobs })
    } catch (error) {
      throw new HistoryFailed(account, round, error)
    }
  }
}

const atOnce = 10

async function eachAtOnce(
  accounts: readonly Account[],
  work: (account: Account) => Promise<void>,
): Promise<void> {
  const open = accounts.values()
  const worker = async (): Promise<void> => {
    for (const account of open) await work(account)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

async function act(world: World, account: Account, round: number): Promise<void> {
  const { counts, shared, now } = world
  const dice = diceOf(world.seed, account.index, round)
  const action = chooseAction(plansOfHistories, { shared, now, account }, dice)
  if (action === null) return
  counts.steps += 1
  const note = (text: string): void => void account.story.push(`  ${action.text} -> ${text}`)
  try {
    account.preview = null
    const expected = [action.refusal(), ...(action.items?.() ?? [])]
    const previewed = action.costs && dice.oneIn(2) ? await previewOf(world, account, action) : null
    if (previewed !== null) counts.previews += 1
    const refusals = await perform(world, account, action)
    const [refusal = null] = refusals
    note(refusals.map((one) => one ?? 'done').join(', '))
    if (refusal !== null) counts.refused += 1
    if (refusal === null) action.learn?.()
    assert.deepEqual(refusals, expected, 'why it is refused')
    checkPreview(account, action, previewed, refusal)
  } catch (error) {
    note('failed')
    throw new HistoryFailed(account, round, error)
  }
}

type Previewed = { refusal: string } | { amount: bigint; isCovered: boolean }

/** A preview is refused as the call is; else it says what the invoice will come to (check-account.ts). */
function checkPreview(
  account: Account,
  { isOtherInTrial = false, items }: Action,
  previewed: Previewed | null,
  refusal: string | null,
): void {
  if (previewed === null) return
  if ('refusal' in previewed) {
    if (previewed.refusal !== refusal && !isOtherInTrial)
      throw new Error(`its preview is refused with ${previewed.refusal}, and it with ${refusal}`)
    return
  }
  if (refusal === null) {
    // What is due and cannot be paid is no part of it; a trial pays it all, at the new terms or the old.
    if (previewed.isCovered || !isOtherInTrial) account.preview = previewed
    return
  }
  // For want of money alone; where what is due before cannot be paid it may end what the call is about.
  const isForMoney = refusal === unpaidCode(account) || (isOtherInTrial && items === undefined)
  if (previewed.isCovered || !isForMoney)
    throw new Error(`its preview is not refused, and it with ${refusal}`)
}

/** Every fourth history is made over the API. */
function isOverApi({ index }: Account): boolean {
  return index % 4 === 3
}

async function previewOf(world: World, account: Account, action: Action): Promise<Previewed> {
  const { platform } = world.test
  if (isOverApi(account) && action.api !== null) {
    const { method, path, body } = action.api
    const reply =
      method === 'DELETE'
        ? await callOf(world, account, method, `${path}${path.includes('?') ? '&' : '?'}preview=true`)
        : await callOf(world, account, method, path, { ...body, preview: true })
    if (reply.status >= 400) return { refusal: textAt(reply.json, 'code') }
    const notes = at(reply.json, 'notes')
    const isCovered = !(
      Array.isArray(notes) && notes.some((note) => String(note).startsWith('The wallet lacks'))
    )
    return { amount: BigInt(textAt(reply.json, 'charge', 'amount')), isCovered }
  }
  try {
    return await tryOut(platform, async (tx) => {
      await action.core(platform, tx)
      const tally = tallyOf(tx)
      return {
        amount: [...(tally?.amounts.values() ?? [])].reduce((sum, amount) => sum + BigInt(amount), 0n),
        isCovered: (tally?.shortfalls ?? []).length === 0,
      }
    })
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.code }
    throw error
  }
}

/** @returns why it was refused, or null; and behind it the same of its items. */
async function perform(world: World, account: Account, action: Action): Promise<(string | null)[]> {
  const { platform } = world.test
  if (isOverApi(account) && action.api !== null) {
    const { method, path, body } = action.api
    const reply = await callOf(world, account, method, path, body, action.api.isOperator)
    if (reply.status >= 400) return [textAt(reply.json, 'code')]
    return [null, ...(action.items === undefined ? [] : refusalsIn(reply.json))]
  }
  try {
    return [null, ...(await transaction(platform.db, (tx) => action.core(platform, tx)))]
  } catch (error) {
    if (error instanceof Refusal) return [error.code]
    throw error
  }
}

function refusalsIn(json: unknown): (string | null)[] {
  return listAt(json, 'data').map((item) =>
    at(item, 'status') === 'failed' ? textAt(item, 'problem', 'code') : null,
  )
}

async function callOf(
  { test }: World,
  account: Account,
  method: string,
  path: string,
  body?: object,
  isOperator = false,
) {
  const headers = isOperator ? {} : { 'mailwright-workspace': account.scope.workspaceId }
  return await test.call(method, path, { headers, ...(body === undefined ? {} : { body }) })
}
