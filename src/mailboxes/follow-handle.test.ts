/** Handles that change, and the addresses that follow them: in a domain of one's own, and in another workspace's. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, type Reply, startTestApi, type Tenant, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
let tenant: Tenant
before(async () => {
  api = await startTestApi()
  tenant = await api.tenant()
  await api.connectActiveDomain('other.example')
})
after(() => api[Symbol.asyncDispose]())

const call = (method: string, path: string, body: unknown, key = api.apiKey): Promise<Reply> =>
  api.call(method, path, { body, key })

type Row = {
  what: string
  address?: string
  change: object
  /** The address afterwards, or the code of the refusal. */
  want: string
  alias?: string
}

const own: Row[] = [
  {
    what: 'follows',
    change: { handle: 'HANDLE-2', address_follows: true },
    want: 'HANDLE-2@demo.test',
    alias: 'HANDLE@demo.test',
  },
  { what: 'is not asked to', change: { handle: 'HANDLE-2' }, want: 'HANDLE@demo.test' },
  {
    what: 'has nothing to follow',
    change: { description: 'x', address_follows: true },
    want: 'HANDLE@demo.test',
  },
  { what: 'has the same', change: { handle: '@HANDLE', address_follows: true }, want: 'HANDLE@demo.test' },
  {
    what: 'was another',
    address: 'else@demo.test',
    change: { handle: 'HANDLE-2', address_follows: true },
    want: 'else@demo.test',
  },
  {
    what: 'is in another domain',
    address: 'HANDLE@other.example',
    change: { handle: 'HANDLE-2', address_follows: true },
    want: 'HANDLE@other.example',
  },
  {
    what: 'is another’s address',
    change: { handle: 'mail-name', address_follows: true },
    want: 'handle_taken mail',
  },
  {
    what: 'is another’s handle',
    change: { handle: 'robot', address_follows: true },
    want: 'handle_taken identities',
  },
  {
    what: 'is in another domain, and taken here',
    address: 'HANDLE@other.example',
    change: { handle: 'mail-name', address_follows: true },
    want: 'handle_taken mail',
  },
  { what: 'is nobody’s', change: { handle: 'postmaster', address_follows: true }, want: 'handle_invalid' },
]

async function addressAfter(row: Row, handle: string, key: string, domain = 'demo.test'): Promise<string> {
  const fill = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('HANDLE', handle))
  const address = fill(row.address ?? `HANDLE@${domain}`)
  const made = await call('POST', '/v1/identities', { handle, address }, key)
  assert.equal(made.status, 201, made.text)
  const id = textAt(made.json, 'id')
  const changed = await call('PATCH', `/v1/identities/${id}`, fill(row.change), key)
  if (changed.status === 200) {
    const aliases = await api.call('GET', `/v1/mailboxes/${textAt(made.json, 'mailbox_id')}/aliases`, { key })
    assert.equal(
      at(aliases.json, 'data', 0, 'address'),
      row.alias === undefined ? undefined : fill(row.alias),
    )
    return textAt(changed.json, 'address').replace(handle, 'HANDLE')
  }
  const got = await api.call('GET', `/v1/identities/${id}`, { key })
  assert.deepEqual([at(got.json, 'handle'), at(got.json, 'address')], [handle, address])
  return [at(changed.json, 'code'), at(changed.json, 'blocking_namespace')].filter(Boolean).join(' ')
}

test('in a domain of the workspace', async () => {
  await api.createMailbox('mail-name@demo.test')
  await call('POST', '/v1/identities', { handle: 'robot', address: 'robot@other.example' })
  for (const [index, row] of own.entries()) {
    assert.equal(await addressAfter(row, `own${index}`, api.apiKey), row.want, row.what)
  }
})

const shared: Row[] = [
  {
    what: 'follows',
    change: { handle: 'HANDLE-2', address_follows: true },
    want: 'HANDLE-2@demo.test',
    alias: 'HANDLE@demo.test',
  },
  {
    what: 'follows unasked',
    change: { handle: 'HANDLE-2' },
    want: 'HANDLE-2@demo.test',
    alias: 'HANDLE@demo.test',
  },
  { what: 'is no change', change: { description: 'x' }, want: 'HANDLE@demo.test' },
  { what: 'is another’s address', change: { handle: 'mail-name' }, want: 'handle_taken mail' },
  { what: 'is another’s handle', change: { handle: 'robot' }, want: 'handle_taken identities' },
]

test('in a domain that another workspace shares: the handle is the address', async () => {
  await api.call('PUT', '/v1/domains/demo.test/shared')
  for (const [index, row] of shared.entries()) {
    assert.equal(await addressAfter(row, `shared${index}`, tenant.key), row.want, row.what)
  }
  const { json } = await api.call('GET', '/v1/mailboxes/shared0-2@demo.test', { key: tenant.key })
  const { json: domain } = await api.call('GET', '/v1/domains/demo.test')
  assert.deepEqual([at(json, 'domain_id'), at(json, 'domain')], [at(domain, 'id'), 'demo.test'])
  // The right to it is the identity's alone.
  const other = await call(
    'POST',
    '/v1/mailboxes/shared0-2@demo.test/rename',
    { address: 'x9@demo.test' },
    tenant.key,
  )
  assert.equal(at(other.json, 'code'), 'domain_not_found')
})

test('what a preview says of it', async () => {
  const change = { handle: 'previewed-2', address_follows: true, preview: true }
  await call('POST', '/v1/identities', { handle: 'previewed', address: 'previewed@demo.test' })
  const { json } = await call('PATCH', '/v1/identities/previewed', change)
  assert.equal(at(json, 'objects', 1, 'name'), 'previewed-2@demo.test')
})

test('two that take one name at the same moment: one has it, as a handle and as an address', async () => {
  await Promise.all(
    ['racer-a', 'racer-b'].map((handle) =>
      call('POST', '/v1/identities', { handle, address: `${handle}@demo.test` }),
    ),
  )
  const replies = await Promise.all(
    ['racer-a', 'racer-b'].map((handle) =>
      call('PATCH', `/v1/identities/${handle}`, { handle: 'racer', address_follows: true }),
    ),
  )
  const answers = replies.map(({ status, json }) => `${status} ${textAt(json, 'code')}`).sort()
  assert.deepEqual(answers, ['200 undefined', '409 handle_taken'])
  const { json } = await api.call('GET', '/v1/identities/racer')
  assert.equal(at(json, 'address'), 'racer@demo.test')
})
