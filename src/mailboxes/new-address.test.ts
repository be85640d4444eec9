/** Addresses that nobody asked for by name: drawn, drawn again when taken, and never in the way of those asked for. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { drawsMax, newAddress, type RandomAddress, randomName } from './new-address.ts'
import type { NewMailbox } from './new-mailbox.ts'
import { type ProvisionResult, provisionMailboxes } from './provision.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t

function item(address: string | RandomAddress): NewMailbox {
  const people = { displayName: null, firstName: null, lastName: null }
  return { address, ...people, password: null, tags: [], service: 'local' }
}

async function provision(items: readonly NewMailbox[]): Promise<ProvisionResult[]> {
  return await transaction(platform.db, (tx) => provisionMailboxes(platform, tx, scope, items))
}

const outcomes = (results: readonly ProvisionResult[]): string[] =>
  results.map((result) => (result.status === 'failed' ? result.code : result.mailbox.address))

/** Gives these names one after the other, and the last for ever. */
function drawing(...names: string[]): RandomAddress {
  let at = 0
  return { domain: 'demo.test', draw: () => names[Math.min(at++, names.length - 1)] ?? '' }
}

test('a random name begins with a letter, has no vowels and is not drawn twice', () => {
  const names = Array.from({ length: 2000 }, randomName)
  for (const name of names) assert.match(name, /^[bcdfghjkmnpqrstvwxz][bcdfghjkmnpqrstvwxz2-9]{9}$/)
  assert.equal(new Set(names).size, names.length)
})

const refused: [wanted: string | RandomAddress, seen: string[], code: string][] = [
  ['no at', [], 'address_invalid'],
  ['Ann@Demo.test', ['ann@demo.test'], 'address_repeated'],
  [{ domain: 'no domain' }, [], 'domain_not_found'],
  [{ domain: '' }, [], 'domain_not_found'],
  [drawing('ann'), ['ann@demo.test'], 'address_taken'],
]
for (const [wanted, seen, code] of refused) {
  test(`${JSON.stringify(wanted)} is refused: ${code}`, () => {
    const result = newAddress(wanted, new Set(seen))
    assert.ok(result instanceof Refusal)
    assert.equal(result.code, code)
  })
}

test('many get random addresses in one call, beside those that are asked for', async () => {
  const many = Array.from({ length: 1500 }, (_, index) =>
    item(index % 3 === 0 ? `named${index}@demo.test` : { domain: 'DEMO.test' }),
  )
  const made = outcomes(await provision(many))
  assert.equal(new Set(made).size, many.length)
  for (const [index, address] of made.entries()) {
    if (index % 3 === 0) assert.equal(address, `named${index}@demo.test`)
    else assert.match(address, /^[a-z2-9]{10}@demo\.test$/)
  }
})

test('one that is taken is drawn again, and what is found is searched for under its own name', async () => {
  await provision([item('taken1@demo.test'), item('taken2@demo.test')])
  const [result] = await provision([item(drawing('taken1', 'taken2', 'free1'))])
  assert.ok(result?.status === 'created')
  assert.equal(result.mailbox.address, 'free1@demo.test')
  const { search_text } = await platform.db
    .selectFrom('mailboxes')
    .select('search_text')
    .where('id', '=', result.mailbox.id)
    .executeTakeFirstOrThrow()
  assert.match(search_text, /free1/)
  assert.doesNotMatch(search_text, /taken/)
})

test('after some draws it is given up, and the others are made', async () => {
  await provision([item('full@demo.test')])
  let draws = 0
  const full = { domain: 'demo.test', draw: () => `ful${'l'.repeat(Math.min(1, ++draws))}` }
  assert.deepEqual(outcomes(await provision([item(full), item('after@demo.test')])), [
    'address_taken',
    'after@demo.test',
  ])
  assert.ok(draws <= 2 * drawsMax)
})

test('two that draw the same names both get one', async () => {
  const results = await provision([
    item(drawing('same1', 'same2')),
    item(drawing('same1', 'same2')),
    item(drawing('same1', 'same2')),
  ])
  assert.deepEqual(outcomes(results), ['same1@demo.test', 'same2@demo.test', 'address_taken'])
})

test('a random one does not take what a later item asks for', async () => {
  const results = await provision([item(drawing('asked', 'other')), item('asked@demo.test')])
  assert.deepEqual(outcomes(results), ['other@demo.test', 'asked@demo.test'])
})

test('its domain must take mailboxes', async () => {
  assert.deepEqual(outcomes(await provision([item({ domain: 'nowhere.test' })])), ['domain_not_found'])
})
