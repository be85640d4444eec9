import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { priceLine, sumsOf } from '../amounts.ts'
import type { Payer, PriceRow } from '../payers.ts'
import { periodAfter } from '../periods.ts'
import type { Item, Period } from '../tables.ts'
import { isAtOnce } from './changes.ts'
import type { Terms } from './charges.ts'
import { type Change, changeLines, type PaidPart, prorated } from './proration.ts'
import type { Plan } from './rows.ts'

const start = new Date('2030-01-31T12:00:00Z')

test('a share of an amount, to the minor unit, halves away from zero', () => {
  for (const [amount, left, whole, share] of [
    [1000, 1, 2, 500],
    [1001, 1, 2, 501],
    [-1001, 1, 2, -501],
    [1, 1, 2, 1],
    [1, 1, 3, 0],
    [999, 0, 5, 0],
    [999, 5, 5, 999],
    [1e12, 2_419_199_999, 2_419_200_000, 999_999_999_587],
  ] as const) {
    assert.equal(prorated(amount, left, whole), share, `${amount} * ${left}/${whole}`)
  }
})

const plan = (id: string): Plan => ({
  id,
  code: id,
  name: id,
  description: null,
  slots: 10,
  services: [],
  archived_at: null,
  created_at: start,
  updated_at: start,
})

type Prices = Record<string, number>

function payerAt(now: Date, prices: Prices, { tax = 0, discount = 0 } = {}): Payer {
  const rows = Object.entries(prices).map(([key, unit_amount]): PriceRow => {
    const [plan_id = '', period, item] = key.split(' ')
    return {
      item: (item ?? 'plan') as Item,
      workspace_id: null,
      plan_id,
      service: null,
      period: period as Period,
      unit_amount,
      steps: [],
      valid_from: '2000-01-01T00:00:00Z',
      valid_until: null,
    }
  })
  return {
    organizationId: 'o',
    workspaceId: 'w',
    wallet: {
      workspace_id: 'w',
      organization_id: 'o',
      currency: 'USD',
      balance: 0,
      held: 0,
      credit_limit: 0,
      low_balance: null,
      locked_at: null,
      lock_reason: null,
      auto_top_up_below: null,
      created_at: start,
      updated_at: start,
    },
    taxRateBasisPoints: tax,
    customer: {},
    discounts: [
      { percent_basis_points: discount, items: null, redeemed_at: '2000-01-01T00:00:00Z', ends_at: null },
    ],
    prices: rows,
    now,
  }
}

const prices: Prices = {
  'a monthly': 1000,
  'a yearly': 10_000,
  'b monthly': 3000,
  'b yearly': 30_000,
  'a monthly plan_slot': 100,
  'a yearly plan_slot': 1000,
  'b monthly plan_slot': 50,
  'b yearly plan_slot': 500,
}

type Wanted = [plan: string, period: Period, slots: number]

function changeOf(from: Wanted, to: Wanted, payer: Payer): Change {
  const terms = ([id, period, extraSlots]: Wanted): Terms => ({ plan: plan(id), period, extraSlots })
  const [id, period, slots] = from
  const endsAt = periodAfter(start, period, start)
  const net = (item: Item, quantity: number, unitAmount: number): number =>
    sumsOf([
      priceLine(payer, { kind: 'period', item, subjectId: null, description: '', quantity, unitAmount }),
    ]).subtotal -
    sumsOf([
      priceLine(payer, { kind: 'period', item, subjectId: null, description: '', quantity, unitAmount }),
    ]).discount
  const planNet = net('plan', 1, price(payer, id, period, 'plan'))
  const paid: PaidPart[] = [{ item: 'plan', net: planNet, startsAt: start }]
  if (slots > 0)
    paid.push({
      item: 'plan_slot',
      net: net('plan_slot', slots, price(payer, id, period, 'plan_slot')),
      startsAt: start,
    })
  return { subscriptionId: 's', from: terms(from), to: terms(to), span: { startsAt: start, endsAt }, paid }
}

function price({ prices }: Payer, planId: string, period: Period, item: Item): number {
  const row = prices.find((one) => one.plan_id === planId && one.period === period && one.item === item)
  if (!row) throw new Error('no price')
  return row.unit_amount
}

test('what is at once, and what it costs in the middle of the period', () => {
  const middle = { monthly: new Date('2030-02-14T12:00:00Z'), yearly: new Date('2030-08-02T00:00:00Z') }
  const cases: [from: Wanted, to: Wanted, atOnce: boolean, lines: number[]][] = [
    [['a', 'monthly', 0], ['b', 'monthly', 0], true, [-500, 1500]],
    [['b', 'monthly', 0], ['a', 'monthly', 0], false, [-1500, 500]],
    [['a', 'monthly', 0], ['a', 'monthly', 4], true, [200]],
    [['a', 'monthly', 4], ['a', 'monthly', 6], true, [-200, 300]],
    [['a', 'monthly', 6], ['a', 'monthly', 4], false, [-300, 200]],
    [['a', 'monthly', 4], ['b', 'monthly', 4], true, [-500, -200, 1500, 100]],
    [['b', 'monthly', 0], ['a', 'monthly', 30], true, [-1500, 500, 1500]],
    [['a', 'monthly', 2], ['a', 'yearly', 2], true, [-500, -100, 10_000, 2000]],
    [['b', 'monthly', 0], ['a', 'yearly', 0], true, [-1500, 10_000]],
    [['a', 'yearly', 0], ['b', 'yearly', 0], true, [-5000, 15_000]],
    [['a', 'yearly', 0], ['a', 'monthly', 0], false, [-5000, 500]],
  ]
  for (const [from, to, atOnce, amounts] of cases) {
    const payer = payerAt(middle[from[1]], prices)
    const change = changeOf(from, to, payer)
    const name = `${from} -> ${to}`
    assert.equal(isAtOnce(payer, change), atOnce, name)
    if (from[1] === 'yearly' && to[1] === 'monthly') continue
    const lines = changeLines(payer, change)
    assert.deepEqual(
      lines.map(({ quantity, unitAmount }) => quantity * unitAmount),
      amounts,
      name,
    )
  }
  // A year that costs less than what is left of a month waits.
  const cheap = payerAt(middle.monthly, { ...prices, 'a yearly': 1000 })
  assert.equal(isAtOnce(cheap, changeOf(['b', 'monthly', 0], ['a', 'yearly', 0], cheap)), false)
  const unpriced = payerAt(middle.monthly, { 'a monthly': 1 })
  assert.throws(() => changeLines(unpriced, changeOf(['a', 'monthly', 0], ['b', 'monthly', 0], unpriced)), {
    code: 'item_not_priced',
  })
})

const wanted: fc.Arbitrary<Wanted> = fc.tuple(
  fc.constantFrom('a', 'b'),
  fc.constantFrom('monthly' as const, 'yearly' as const),
  fc.integer({ min: 0, max: 40 }),
)
const amounts = fc.record(
  Object.fromEntries(Object.keys(prices).map((key) => [key, fc.integer({ min: 0, max: 100_000 })])),
)
const terms = fc.record({
  tax: fc.integer({ min: 0, max: 3000 }),
  discount: fc.integer({ min: 0, max: 10_000 }),
})

test('whatever is at once never gives money back, and never costs more than the new price', () => {
  fc.assert(
    fc.property(
      wanted,
      wanted,
      amounts,
      terms,
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (from, to, costs, kind, at) => {
        const end = periodAfter(start, from[1], start)
        const now = new Date(start.getTime() + Math.floor(at * (end.getTime() - start.getTime())))
        const payer = payerAt(now, costs, kind)
        const change = changeOf(from, to, payer)
        if (!isAtOnce(payer, change)) return
        const lines = changeLines(payer, change).map((line) => priceLine(payer, line))
        const sums = sumsOf(lines)
        assert.ok(sums.total >= 0 && sums.subtotal - sums.discount >= 0)
        const full = price(payer, to[0], to[1], 'plan') + to[2] * price(payer, to[0], to[1], 'plan_slot')
        assert.ok(sums.subtotal - sums.discount <= full + 1, `${sums.subtotal - sums.discount} > ${full}`)
      },
    ),
    { numRuns: 1000 },
  )
})

test('there and back at one moment costs nothing beyond a minor unit for each line', () => {
  fc.assert(
    fc.property(
      wanted,
      wanted,
      amounts,
      terms,
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (from, other, costs, kind, at) => {
        const to: Wanted = [other[0], from[1], other[2]]
        const end = periodAfter(start, from[1], start)
        const now = new Date(start.getTime() + Math.floor(at * (end.getTime() - start.getTime())))
        const payer = payerAt(now, costs, kind)
        const there = changeOf(from, to, payer)
        const lines = changeLines(payer, there).map((line) => priceLine(payer, line))
        // What was charged is what is paid for the rest; what has not changed is as it was.
        const paid = (['plan', 'plan_slot'] as const).flatMap((item): PaidPart[] => {
          const charged = lines.filter((line) => line.item === item && line.unit_amount > 0)
          if (!lines.some((line) => line.item === item))
            return there.paid.filter((part) => part.item === item)
          return charged.map(({ unit_amount, discount }) => ({
            item,
            net: unit_amount - discount,
            startsAt: now,
          }))
        })
        const back = changeLines(payer, { ...there, from: there.to, to: there.from, paid }).map((line) =>
          priceLine(payer, line),
        )
        const { total } = sumsOf([...lines, ...back])
        assert.ok(Math.abs(total) <= lines.length + back.length, `${total}`)
        if (kind.tax === 0 && kind.discount === 0) assert.equal(total, 0)
      },
    ),
    { numRuns: 1000 },
  )
})
