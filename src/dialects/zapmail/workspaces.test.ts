/** Workspaces and their billing details in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'

let u: TestVendor
before(async () => {
  const environment = { MAILWRIGHT_DNS_ZONE: 'mw.example', MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example' }
  u = await startTestVendor('zapmail', { environment })
})
after(() => u[Symbol.asyncDispose]())

const paths = /^\/v2\/(workspaces$|workspaces\/update|billing)/

const list = async (
  query: Record<string, string> = {},
  workspace = u.scope.workspaceId,
): Promise<unknown> => {
  const reply = await u.operate('listWorkspaces', { query, workspace })
  assert.equal(reply.status, 200, reply.text)
  return at(reply.json, 'data')
}
const make = async (name: string): Promise<string> => {
  const reply = await u.operate('createWorkspace', { body: { name } })
  assert.equal(reply.status, 200, reply.text)
  return textAt(reply.json, 'data', 'id')
}
const messageOf = (reply: { status: number; json: unknown }): string =>
  `${reply.status} ${at(reply.json, 'message')}`

test('the account has one workspace at first, which is the present one', async () => {
  const data = await list()
  assert.equal(at(data, 'currentWorkspace', 'id'), u.scope.workspaceId)
  assert.deepEqual(at(data, 'workspaces'), [])
  assert.deepEqual(
    ['totalSearchedCount', 'currentPage', 'nextPage', 'totalPages', 'totalWorkspacesCount'].map((name) =>
      at(data, name),
    ),
    [1, 1, 2, 1, 1],
  )
})

test('one is made as in the example, with billing details and a contact, renamed and deleted', async () => {
  const made = await u.operate('createWorkspace', { body: u.exampleOf('createWorkspace') })
  assert.equal(made.status, 200, made.text)
  const id = textAt(made.json, 'data', 'id')
  const headers = { 'mailwright-workspace': id }
  const details = (await u.call('GET', '/v1/billing-details', { headers })).json
  assert.deepEqual(
    [at(details, 'name'), at(details, 'company'), at(details, 'country'), at(details, 'email')],
    ['Dana Reyes', 'Example Ltd', 'US', 'ops@owner.example'],
  )
  const contacts = listAt((await u.call('GET', '/v1/contacts', { headers })).json, 'data')
  assert.deepEqual(
    contacts.map((contact) => [at(contact, 'phone'), at(contact, 'zip')]),
    [['+1.2175550100', '62701']],
  )
  const renamed = await u.operate('updateWorkspace', { body: { id, name: 'Renamed' } })
  assert.equal(at(renamed.json, 'data', 'name'), 'Renamed')
  assert.equal(at((await u.call('GET', `/v1/workspaces/${id}`)).json, 'name'), 'Renamed')
  assert.equal((await u.operate('deleteWorkspace', { query: { id } })).status, 200)
  assert.equal((await u.call('GET', `/v1/workspaces/${id}`)).status, 404)
})

test('names are unique in the account, whatever their letters', async () => {
  const id = await make('Taken')
  const again = await u.operate('createWorkspace', { body: { name: 'taken' } })
  assert.equal(messageOf(again), '400 There is a workspace of that name already.')
  const other = await make('Other')
  const renamed = await u.operate('updateWorkspace', { body: { id: other, name: 'TAKEN' } })
  assert.equal(renamed.status, 400)
  assert.equal((await u.operate('updateWorkspace', { body: { id, name: 'TAKEN' } })).status, 200)
  const { key, workspaceId } = await u.tenant()
  const elsewhere = await u.operate('createWorkspace', {
    body: { name: 'Taken' },
    key,
    workspace: workspaceId,
  })
  assert.equal(elsewhere.status, 200)
})

test('pages of the others, found by a part of their names, with counts by provider', async () => {
  for (const name of ['Fleet 1', 'Fleet 2', 'Fleet 3']) await make(name)
  const first = await list({ contains: 'fleet', limit: '2', page: '1' })
  const second = await list({ contains: 'fleet', limit: '2', page: '2' })
  const names = [first, second].map((data) => listAt(data, 'workspaces').map((one) => at(one, 'name')))
  assert.deepEqual(names, [['Fleet 1', 'Fleet 2'], ['Fleet 3']])
  assert.deepEqual([at(first, 'totalSearchedCount'), at(first, 'totalPages')], [3, 2])
  const id = textAt(first, 'workspaces', 0, 'id')
  const headers = { 'mailwright-workspace': id }
  for (const body of [{ name: 'one.test' }, { name: 'two.test' }])
    assert.equal((await u.call('POST', '/v1/domains', { body, headers })).status, 201)
  const changed = await u.call('PATCH', '/v1/domains/two.test', { body: { product: 'microsoft' }, headers })
  assert.equal(changed.status, 200, changed.text)
  const box = { address: 'ann@one.test' }
  assert.equal((await u.call('POST', '/v1/mailboxes', { body: box, headers })).status, 201)
  const shown = at(await list({ contains: 'Fleet 1' }), 'workspaces', 0)
  assert.deepEqual(shown, {
    id,
    name: 'Fleet 1',
    domainCountGoogle: '1',
    domainCountMicrosoft: '1',
    activeMailboxCountGoogle: '1',
    activeMailboxCountMicrosoft: '0',
    assignedMailboxesCountGoogle: '1',
    assignedMailboxesCountMicrosoft: '0',
    totalMailboxesPurchasedGoogle: '1',
    totalMailboxesPurchasedMicrosoft: '0',
  })
  const whole = await list()
  assert.deepEqual(
    [at(whole, 'totalDomainsCountMicrosoft'), at(whole, 'totalPurchasedMailboxesCountGoogle')],
    [1, 1],
  )
  const mine = await list({}, id)
  assert.equal(at(mine, 'currentWorkspace', 'domainCountGoogle'), '1')
})

test('a page is read in as many statements, however many workspaces are on it', async () => {
  const statements = (limit: string) => countStatements(() => list({ limit }))
  await list()
  assert.equal(await statements('50'), await statements('1'))
})

test('what is refused: what holds something, the default one, what is another’s, who may not', async () => {
  const id = textAt(await list({ contains: 'Fleet 1' }), 'workspaces', 0, 'id')
  const full = await u.operate('deleteWorkspace', { query: { id } })
  assert.equal(full.status, 400)
  assert.equal((await u.operate('deleteWorkspace', { query: { id: u.scope.workspaceId } })).status, 400)
  const { workspaceId } = await u.tenant()
  const unknown = '00000000-0000-7000-8000-000000000000'
  const foreign = [workspaceId, unknown, 'x'].map(async (one) => [
    (await u.operate('deleteWorkspace', { query: { id: one } })).text,
    (await u.operate('updateWorkspace', { body: { id: one, name: 'Mine' } })).text,
    (await u.operate('createBillingDetails', { body: billing({ workspaceId: one }) })).text,
    (await u.operate('updateBillingDetails', { body: billing({ workspaceId: one }) })).text,
  ])
  const [theirs, missing, odd] = await Promise.all(foreign)
  assert.deepEqual([theirs, odd], [missing, missing])
  const reader = await u.key({ access: 'read' })
  const bound = await u.key({ workspaceId: u.scope.workspaceId })
  for (const key of [reader, bound])
    assert.equal((await u.unchecked('createWorkspace', { body: { name: 'New' }, key })).status, 403)
  for (const name of ['', 'a\nb', 'a\u0000', '\ud800', 'x'.repeat(201), null])
    assert.equal((await u.operate('createWorkspace', { body: { name } })).status, 400)
  assert.equal((await u.operate('updateWorkspace', { body: {} })).status, 400)
  assert.equal((await u.operate('deleteWorkspace')).status, 400)
  assert.equal((await u.unchecked('listWorkspaces', { query: { page: '0' } })).status, 400)
})

function billing(more: object = {}): object {
  return { ...Object(u.exampleOf('createBillingDetails')), workspaceId: u.scope.workspaceId, ...more }
}

test('billing details are replaced, and a contact follows only when something has changed', async () => {
  const contacts = async () => listAt((await u.call('GET', '/v1/contacts')).json, 'data')
  assert.equal((await u.operate('createBillingDetails', { body: billing() })).status, 200)
  assert.equal((await u.operate('updateBillingDetails', { body: billing() })).status, 200)
  assert.equal((await contacts()).length, 1)
  const moved = { city: 'Berlin', country: 'de', phoneCc: '+49', phone: '(030) 1234-567', state: '' }
  assert.equal((await u.operate('updateBillingDetails', { body: billing(moved) })).status, 200)
  const newest = (await contacts()).at(-1)
  assert.deepEqual(
    ['phone', 'country', 'state', 'address2'].map((name) => at(newest, name)),
    ['+49.0301234567', 'DE', null, 'Floor 2'],
  )
  const details = (await u.call('GET', '/v1/billing-details')).json
  assert.deepEqual(
    [at(details, 'city'), at(details, 'address_lines')],
    ['Berlin', ['1 Main Street', 'Floor 2']],
  )
  for (const wrong of [{ country: 'Germany' }, { phone: 'none' }, { firstName: null }, { city: 'a\u0007' }]) {
    assert.equal((await u.operate('createBillingDetails', { body: billing(wrong) })).status, 400)
    assert.equal((await u.operate('updateBillingDetails', { body: billing(wrong) })).status, 400)
  }
})

test('the renewal of all domains is switched for those that there are and those to come', async () => {
  const searched = await u.call('POST', '/v1/domains/search', { body: { names: ['renewed.test'] } })
  const quote = textAt(searched.json, 'data', 0, 'quote_id')
  const bought = await u.call('POST', '/v1/domains/register', {
    body: { name: 'renewed.test', quote_id: quote },
  })
  assert.equal(bought.status, 201, bought.text)
  await runJobs(u.platform)
  const renews = async () =>
    at((await u.call('GET', '/v1/domains/renewed.test/registration')).json, 'auto_renew')
  assert.equal(await renews(), true)
  for (const on of [false, true]) {
    const reply = await u.operate('updateDomainRenewalSettings', { body: { domainRenewalSettings: on } })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(await renews(), on)
  }
  const path = `/v1/workspaces/${u.scope.workspaceId}/domain-settings`
  assert.deepEqual((await u.call('GET', path)).json, { auto_renew: true })
  const body = { domainRenewalSettings: true }
  const nowhere = await u.operate('updateDomainRenewalSettings', { body, workspace: null })
  assert.equal(messageOf(nowhere), '400 x-workspace-key is required')
  assert.equal((await u.operate('updateDomainRenewalSettings', { body: {} })).status, 400)
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', paths)
  u.requireSeen(paths)
})
