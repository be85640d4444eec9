/** Mailboxes bought as products: all or none, set up as their vendors' are, in domains that may be bound to one product. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Product } from '../domains/products.ts'
import { transaction } from '../platform/database.ts'
import { at, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { buyMailboxes, type PurchaseTerms, type WantedMailbox } from './purchases.ts'
import { viewSecrets } from './secrets.ts'
import { totpCodeAt } from './totp-codes.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  for (const name of ['one.test', 'two.test', 'bound.test', 'waiting.example']) {
    await api.call('POST', '/v1/domains', { body: { name } })
  }
  await api.call('PATCH', '/v1/domains/bound.test', { body: { product: 'microsoft' } })
})
after(() => api[Symbol.asyncDispose]())

const usual: PurchaseTerms = { waitsForDomain: false, bindsDomain: false }

function wanted(localPart: string, domain: string, product: Product): WantedMailbox {
  return { localPart, domain, product, firstName: 'Ann', lastName: 'Lee' }
}

async function buy(items: readonly WantedMailbox[], terms = usual) {
  return await transaction(api.platform.db, (tx) => buyMailboxes(api.platform, tx, api.scope, items, terms))
}

async function secretsOf(ids: readonly string[]) {
  return await transaction(api.platform.db, (tx) => viewSecrets(api.platform, tx, api.scope, ids))
}

test('mailboxes of several products and domains come in order, each set up as its product is', async () => {
  const made = await buy([
    wanted('ann', 'two.test', 'google'),
    wanted('bob', 'one.test', 'azure'),
    wanted('cay', 'one.test', 'smtp'),
  ])
  assert.deepEqual(
    made.map(({ address, product, state }) => [address, product, state]),
    [
      ['ann@two.test', 'google', 'active'],
      ['bob@one.test', 'azure', 'active'],
      ['cay@one.test', 'smtp', 'active'],
    ],
  )
  const secrets = await secretsOf(made.map(({ id }) => id))
  const [ann, bob, cay] = made.map(({ id }) => secrets.get(id))
  assert.ok(ann?.totpSecret && ann.appPassword && bob?.appPassword && cay?.password)
  assert.deepEqual([bob.totpSecret, cay.totpSecret, cay.appPassword], [null, null, null])
  const shown = await api.call('GET', '/v1/mailboxes/ann@two.test/credentials')
  assert.deepEqual([at(shown.json, 'password'), at(shown.json, 'password_usable')], [ann.password, false])
  const code = totpCodeAt(base32(ann.totpSecret), api.platform.clock.now())
  const checked = await api.call('POST', '/v1/mailboxes/ann@two.test/totp/check', { body: { code } })
  assert.equal(at(checked.json, 'valid'), true, checked.text)
  const log = await api.call('GET', '/v1/events?types=workspace.credentials_viewed&from=start')
  assert.equal(at(log.json, 'data', 'length'), 1, log.text)
})

test('one that cannot be had keeps all from being made, and is named', async () => {
  const items = [wanted('dan', 'one.test', 'google'), wanted('ann', 'two.test', 'google')]
  await assert.rejects(buy(items), { code: 'address_taken', index: 1 })
  assert.equal((await api.call('GET', '/v1/mailboxes/dan@one.test')).status, 404)
})

test('a domain of one product refuses others; the first purchase may bind it', async () => {
  await assert.rejects(buy([wanted('eve', 'bound.test', 'google')]), { code: 'domain_product_differs' })
  await buy([wanted('eve', 'bound.test', 'microsoft')])
  await buy([wanted('fay', 'one.test', 'google')], { ...usual, bindsDomain: true })
  const domain = await api.call('GET', '/v1/domains/one.test')
  assert.equal(at(domain.json, 'product'), 'google')
  await assert.rejects(buy([wanted('gus', 'one.test', 'azure')]), { code: 'domain_product_differs' })
  const native = await api.call('POST', '/v1/mailboxes', { body: { address: 'gus@one.test' } })
  assert.equal(native.status, 201, 'a mailbox of no product is none of another')
})

test('in a domain that is not active only what may wait is bought', async () => {
  const items = [wanted('hal', 'waiting.example', 'google')]
  await assert.rejects(buy(items), { code: 'domain_not_usable', index: 0 })
  const [made] = await buy(items, { ...usual, waitsForDomain: true })
  assert.equal(made?.state, 'waiting_domain')
  assert.ok((await secretsOf([made.id])).get(made.id)?.totpSecret)
  await runJobs(api.platform)
})

test('secrets of another workspace’s mailboxes are left out, and a reading key sees none', async () => {
  const [made] = await buy([wanted('ida', 'two.test', 'google')])
  assert.ok(made)
  const { json } = await api.call('POST', '/v1/workspaces', { body: { name: 'Other' } })
  const scope = { ...api.scope, workspaceId: textAt(json, 'id') }
  const { platform } = api
  const foreign = await transaction(platform.db, (tx) => viewSecrets(platform, tx, scope, [made.id]))
  assert.equal(foreign.size, 0)
  await assert.rejects(
    transaction(platform.db, (tx) => viewSecrets(platform, tx, { ...api.scope, access: 'read' }, [made.id])),
    { code: 'forbidden' },
  )
})

// RFC 4648 §6.
function base32(text: string): Buffer {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...text.replaceAll(/[\s=]/g, '')]
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [])
}
