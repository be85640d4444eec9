import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type MarkupSettings, withMarkup } from './markups.ts'

const usd = (amount: number) => ({ amount, currency: 'USD' })
const none: MarkupSettings = { percent_basis_points: 0, fixed_amount: 0, currency: 'USD', rounding_amount: 1 }

const cases: [cost: number, markup: Partial<MarkupSettings>, price: number][] = [
  [1108, {}, 1108],
  [1000, { percent_basis_points: 2500 }, 1250],
  [1001, { percent_basis_points: 1 }, 1002], // a share below a cent is a cent
  [1000, { fixed_amount: 150 }, 1150],
  [1108, { percent_basis_points: 1000, fixed_amount: 50, rounding_amount: 100 }, 1300],
  [1300, { rounding_amount: 100 }, 1300],
  [0, { percent_basis_points: 5000 }, 0],
]
for (const [cost, markup, price] of cases) {
  test(`${cost} with ${JSON.stringify(markup)} is sold for ${price}`, () => {
    assert.deepEqual(withMarkup(usd(cost), { ...none, ...markup }), usd(price))
  })
}

test('a markup of another currency sells nothing', () => {
  assert.equal(withMarkup(usd(1000), { ...none, currency: 'EUR' }), null)
})

test('never below the cost, always whole, a multiple, and by less than one multiple too much', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 1e9 }),
      fc.nat({ max: 1_000_000 }),
      fc.nat({ max: 1e6 }),
      fc.integer({ min: 1, max: 10_000 }),
      (cost, percent_basis_points, fixed_amount, rounding_amount) => {
        const price = withMarkup(usd(cost), {
          percent_basis_points,
          fixed_amount,
          rounding_amount,
          currency: 'USD',
        })
        assert.ok(price)
        const exact = cost + (cost * percent_basis_points) / 10_000 + fixed_amount
        assert.equal(price.amount % rounding_amount, 0)
        assert.ok(price.amount >= exact - 1e-3 && price.amount < exact + 1 + rounding_amount)
      },
    ),
  )
})
