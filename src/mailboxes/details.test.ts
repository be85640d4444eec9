import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../platform/errors.ts'
import { type Address, parseAddress } from './address.ts'
import { changedDetails, customFieldName, type DetailChanges, type Details, noDetails } from './details.ts'

const parsed = parseAddress('ann@demo.test')
assert.ok(parsed.ok)
const ann: Address = parsed.value
const change = (changes: DetailChanges, before: Details = noDetails): Details =>
  changedDetails(before, changes, ann)

const many = (count: number, value = 'x'): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, value]))

const refused: [what: string, changes: DetailChanges, pointer: string][] = [
  ['a recovery address without @', { recovery: { email: 'ann' } }, '/recovery/email'],
  ['a recovery address without a domain', { recovery: { email: 'ann@' } }, '/recovery/email'],
  ['the mailbox itself', { recovery: { email: 'ANN@demo.TEST' } }, '/recovery/email'],
  ['the mailbox itself with a detail', { recovery: { email: 'ann+x@demo.test' } }, '/recovery/email'],
  ...['030123456', '+0301234567', '+49 30 123456', '+12', '+1234567890123456', 'tel:+4930123456', ''].map(
    (phone): [string, DetailChanges, string] => [
      `the number "${phone}"`,
      { recovery: { phone } },
      '/recovery/phone',
    ],
  ),
  ...['', 'Crm', 'crm-id', 'crm id', '__proto__', '_a', 'é', 'a'.repeat(65)].map(
    (name): [string, DetailChanges, string] => [
      `a field named "${name.slice(0, 20)}"`,
      { customFields: Object.fromEntries([[name, 'x']]) },
      '/custom_fields',
    ],
  ),
  ['long notes', { notes: 'x'.repeat(10_001) }, '/notes'],
  ['a long signature', { signature: { text: 'x'.repeat(10_001) } }, '/signature/text'],
  ['a long signature in HTML', { signature: { html: 'x'.repeat(20_001) } }, '/signature/html'],
  ['a long value', { customFields: { a: 'x'.repeat(1001) } }, '/custom_fields/a'],
  ['51 fields', { customFields: many(51) }, '/custom_fields'],
  ['more than 16 KiB', { customFields: many(20, '€'.repeat(300)) }, '/custom_fields'],
]
for (const [what, changes, pointer] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => change(changes),
      (error) =>
        error instanceof Refusal &&
        error.code === 'mailbox_details_invalid' &&
        error.fields[0]?.pointer === pointer,
    )
  })
}

test('what is left out stays, null clears, fields are merged', () => {
  const full = change({
    notes: 'n',
    signature: { text: 't', html: '<b>h</b>' },
    customFields: { a: '1', b: '2' },
    recovery: { email: 'Ann@Example.ORG', phone: '+4930123456' },
  })
  assert.deepEqual(full, {
    notes: 'n',
    signature_text: 't',
    signature_html: '<b>h</b>',
    custom_fields: { a: '1', b: '2' },
    recovery_email: 'ann@example.org',
    recovery_phone: '+4930123456',
  })
  assert.deepEqual(change({}, full), full)
  assert.deepEqual(
    change({ signature: { html: null }, customFields: { a: null, c: '3' }, recovery: { phone: null } }, full),
    { ...full, signature_html: null, custom_fields: { b: '2', c: '3' }, recovery_phone: null },
  )
  assert.deepEqual(
    change({ notes: null, signature: null, customFields: null, recovery: null }, full),
    noDetails,
  )
})

test('lengths are counted in characters', () => {
  const notes = '😀'.repeat(10_000)
  assert.equal(change({ notes }).notes, notes)
  assert.throws(() => change({ notes: `${notes}x` }), Refusal)
})

test('the bounds hold for what there will be, not for what is named', () => {
  const full = change({ customFields: many(50) })
  assert.throws(() => change({ customFields: { more: 'x' } }, full), Refusal)
  assert.equal(Object.keys(change({ customFields: { f0: null, more: 'x' } }, full).custom_fields).length, 50)
})

test('fields of any good names and values come through as they are, also those that objects have', () => {
  const name = fc.oneof(fc.stringMatching(/^[a-z0-9][a-z0-9_]{0,20}$/), fc.constant('constructor'))
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ maxLength: 100 }), { maxKeys: 50 }), (fields) => {
      assert.ok(Object.keys(fields).every((one) => customFieldName.test(one)))
      assert.deepEqual(change({ customFields: fields }).custom_fields, { ...fields })
    }),
  )
})
