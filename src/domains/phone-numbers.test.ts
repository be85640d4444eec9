/** Telephone numbers as people write them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePhoneNumber } from './phone-numbers.ts'

test('numbers with the code of their country', () => {
  const forms = [
    ['+49.301234567', '+49.301234567'],
    ['+49 30 1234-567', '+49.301234567'],
    ['0049 (30) 1234567', '+49.301234567'],
    ['+15550100', '+1.5550100'],
    ['+1.555.010.0123', '+1.5550100123'],
    ['+353 1 234 5678', '+353.12345678'],
    ['+7 495 123 45 67', '+7.4951234567'],
  ] as const
  for (const [text, wanted] of forms) assert.equal(parsePhoneNumber(text), wanted, text)
})

test('what is none', () => {
  for (const text of [
    '',
    '030 1234567',
    '+',
    '+49',
    '+49 30',
    '+0 1234567',
    '+49x301234567',
    `+1${'5'.repeat(20)}`,
  ]) {
    assert.equal(parsePhoneNumber(text), null, text)
  }
})
