/** POST /v1/mailboxes with a domain instead of an address. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

const create = (body: unknown): Promise<Reply> => api.call('POST', '/v1/mailboxes', { body })

test('one, which then logs in like any other', async () => {
  const made = await create({ domain: 'demo.test', display_name: 'Robot' })
  assert.equal(made.status, 201)
  assert.match(textAt(made.json, 'address'), /^[a-z][a-z2-9]{9}@demo\.test$/)
  const path = `/v1/mailboxes/${textAt(made.json, 'address')}`
  assert.equal(at((await api.call('GET', path)).json, 'id'), at(made.json, 'id'))
  assert.equal(at((await api.call('GET', `${path}/credentials`)).json, 'username'), at(made.json, 'address'))
})

test('many, and a preview that makes none', async () => {
  const mailboxes = [{ domain: 'demo.test' }, { address: 'named@demo.test' }, { domain: 'none.test' }]
  const seen = await create({ mailboxes, preview: true })
  assert.equal(at(seen.json, 'objects', 2), undefined)
  assert.equal(at(seen.json, 'problems', 0, 'index'), 2)
  const made = await create({ mailboxes })
  assert.match(textAt(made.json, 'data', 0, 'mailbox', 'address'), /@demo\.test$/)
  assert.equal(at(made.json, 'data', 1, 'mailbox', 'address'), 'named@demo.test')
  assert.equal(at(made.json, 'data', 2, 'problem', 'code'), 'domain_not_found')
})

test('sent again with its key, it is the same mailbox', async () => {
  const options = { body: { domain: 'demo.test' }, headers: { 'idempotency-key': 'random-1' } }
  const [first, second] = [
    await api.call('POST', '/v1/mailboxes', options),
    await api.call('POST', '/v1/mailboxes', options),
  ]
  assert.deepEqual(second.json, first.json)
})

test('an address or a domain, not both', async () => {
  const both = { address: 'x@demo.test', domain: 'demo.test' }
  for (const [body, pointer] of [
    [both, '/address'],
    [{}, '/address'],
    [{ mailboxes: [{ domain: 'demo.test' }, both] }, '/mailboxes/1/address'],
    [{ mailboxes: [{ tags: [] }] }, '/mailboxes/0/address'],
  ] as const) {
    const reply = await create(body)
    assert.equal(refusal(reply), '400 invalid_request')
    assert.equal(at(reply.json, 'errors', 0, 'pointer'), pointer)
  }
})
