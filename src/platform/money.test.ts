import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatMoney, minorDigits, parseMoney } from './money.ts'

const cases: [text: string, currency: string, amount: number | null][] = [
  ['11.08', 'USD', 1108],
  ['1.15', 'USD', 115], // times 100 it would be 114.99999999999999
  ['19.99', 'USD', 1999],
  ['7', 'USD', 700],
  ['12.5', 'USD', 1250],
  ['0.01', 'USD', 1],
  ['0', 'USD', 0],
  ['10.0000', 'USD', 1000],
  ['1500', 'JPY', 1500],
  ['1500.5', 'JPY', null],
  ['1.234', 'KWD', 1234],
  ['1.234', 'USD', null],
  ['1,234.00', 'USD', null],
  ['-1', 'USD', null],
  ['+1', 'USD', null],
  ['.5', 'USD', null],
  ['5.', 'USD', null],
  ['1e3', 'USD', null],
  ['NaN', 'USD', null],
  ['', 'USD', null],
  [' 1', 'USD', null],
  ['1', 'usd', null],
  ['1', 'DOLLAR', null],
  ['999999999999999', 'USD', null],
]
for (const [text, currency, amount] of cases) {
  test(`"${text}" ${currency} is ${amount}`, () => {
    assert.deepEqual(parseMoney(text, currency), amount === null ? null : { amount, currency })
  })
}

const money = fc.record(
  {
    amount: fc.integer({ min: 0, max: 1e12 }),
    currency: fc.constantFrom('USD', 'EUR', 'JPY', 'KWD'),
  },
  { noNullPrototype: true },
)

test('what is written is read again as the same amount', () => {
  fc.assert(
    fc.property(money, (one) => {
      assert.deepEqual(parseMoney(formatMoney(one), one.currency), one)
    }),
  )
})

test('zeros at the end change nothing, any other digit beyond the minor unit is refused', () => {
  fc.assert(
    fc.property(money, fc.nat({ max: 5 }), fc.integer({ min: 1, max: 9 }), (one, zeros, digit) => {
      const text = formatMoney(one)
      const point = text.includes('.') ? '' : '.'
      assert.deepEqual(parseMoney(`${text}${point}${'0'.repeat(zeros + 1)}`, one.currency), one)
      assert.equal(parseMoney(`${text}${point}${'0'.repeat(zeros)}${digit}`, one.currency), null)
      assert.equal(minorDigits(one.currency) >= 0, true)
    }),
  )
})

test('no text makes an amount that is not whole', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.float().map(String)), (text) => {
      const parsed = parseMoney(text, 'USD')
      assert.ok(parsed === null || (Number.isSafeInteger(parsed.amount) && parsed.amount >= 0))
    }),
  )
})
