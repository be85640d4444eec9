/**
 * Every operation of the contract: its documented example goes in, every documented status comes out, and each reply is
 * held to its schema. What no call can provoke is named, with the reason.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { connectDomain } from '../../domains/domains.ts'
import { transaction } from '../../platform/database.ts'
import { at, type Reply, textAt } from '../../testing/test-api.ts'
import { giveMoney, setPrice } from '../../testing/test-billing.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import {
  operate,
  type ScalewayCall,
  startTestScaleway,
  type TestScaleway,
} from '../../testing/test-scaleway.ts'

let s: TestScaleway
/** One that answers each caller once in a minute. */
let slow: TestScaleway
/** One where mailboxes cost money. */
let paid: TestScaleway

/** The ids that the contract's examples have, and those of what there is instead. */
const documented = {
  project: '8c7d1f52-0f6e-4f7b-8a39-2b1f0b0f9d10',
  domain: '5b0f6f0e-2a51-4c0f-9d3a-6f6a7e0c1d21',
  mailbox: '1e9d6f6a-6a1a-4a83-8b7e-3f5f1c2b0a01',
  alias: '77e2a6a0-4d7f-4bb1-9b43-0a9c3de1f701',
}
const made = { project: '', domain: '', mailbox: '', alias: '' }

const domainName = 'post.example.org'
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  s = await startTestScaleway()
  slow = await startTestScaleway({ requestsPerMinute: 1 })
  const environment = { MAILWRIGHT_BILLING: 'on', MAILWRIGHT_DOMAINS_PER_WORKSPACE: '2' }
  paid = await startTestScaleway({ environment })
  made.project = s.scope.workspaceId
})
after(async () => {
  await Promise.all([s, slow, paid].map((one) => one[Symbol.asyncDispose]()))
})

/** A documented example about what there is. */
function exampleOf(id: string): unknown {
  const [example] = s.contract.operation(id).bodies
  let text = JSON.stringify(example)
  for (const kind of ['project', 'domain', 'mailbox', 'alias'] as const) {
    text = text?.replaceAll(documented[kind], made[kind])
  }
  return text === undefined ? undefined : JSON.parse(text)
}

/** The parameters of any path. */
function paramsOf(ids: Partial<typeof made> = made): Record<string, string> {
  return { domain_id: ids.domain ?? '', mailbox_id: ids.mailbox ?? '', alias_id: ids.alias ?? '' }
}

/** Calls an operation with its documented example on what there is. */
function example(id: string, more: ScalewayCall = {}): Promise<Reply> {
  return s.operate(id, { params: paramsOf(), body: exampleOf(id), ...more })
}

function expect(reply: Reply, status: number, ...members: [path: string, value: unknown][]): void {
  assert.equal(reply.status, status, reply.text)
  for (const [path, value] of members) assert.deepEqual(at(reply.json, ...path.split('.')), value, path)
}

test('the documented examples, in the order of a life', async () => {
  const domain = await example('createDomain')
  expect(domain, 200, ['status', 'creating'], ['name', domainName], ['project_id', made.project])
  made.domain = textAt(domain.json, 'id')
  expect(await example('getDomain'), 200, ['status', 'creating'])
  await runJobs(s.platform)
  expect(await example('getDomain'), 200, ['status', 'waiting_validation'])
  expect(await example('validateDomainRecords'), 204)
  const records = await example('getDomainRecords')
  expect(records, 200, ['mx.dns_value', '10 localhost.'], ['domain_validation.level', 'required'])
  expect(records, 200, ['dkim.dns_type', 'txt_dns_type'], ['imap.dns_type', 'srv_dns_type'])
  await s.platform.db.updateTable('domains').set({ state: 'active' }).where('id', '=', made.domain).execute()
  expect(await example('listDomains'), 200, ['total_count', 2])
  const batch = await example('batchCreateMailboxes')
  expect(batch, 200, ['mailboxes.0.email', `ines.moreau@${domainName}`], ['mailboxes.0.status', 'ready'])
  made.mailbox = textAt(batch.json, 'mailboxes', '0', 'id')
  expect(await example('listMailboxes'), 200, ['total_count', 2])
  expect(await example('getMailbox'), 200, ['subscription_period', 'monthly'])
  expect(await example('updateMailbox'), 200, ['next_subscription_period', 'yearly'])
  const alias = await example('createAlias')
  expect(alias, 200, ['email', `billing@${domainName}`], ['description', 'Invoices'], ['status', 'ready'])
  made.alias = textAt(alias.json, 'id')
  expect(await example('listAliases'), 200, ['total_count', 1], ['aliases.0.id', made.alias])
  expect(await example('getAlias'), 200, ['mailbox_id', made.mailbox])
  expect(await example('updateAlias'), 200, ['description', 'Invoices and quotes'])
  const elsewhere = { local_part: 'billing2', description: 'Invoices' }
  expect(await example('createAliasUnderMailbox', { body: elsewhere }), 200, ['mailbox_id', made.mailbox])
  expect(await example('deleteAlias'), 200, ['status', 'deleting'])
  const deleted = await example('deleteMailbox')
  expect(deleted, 200, ['status', 'deletion_scheduled'])
  expect(await example('restoreMailbox'), 200, ['status', 'ready'], ['deletion_scheduled_at', null])
  const spare = await s.operate('createDomain', { body: { name: 'spare.example.org' } })
  const params = { domain_id: textAt(spare.json, 'id') }
  expect(await s.operate('deleteDomain', { params }), 200, ['status', 'deleting'])
  expect(await s.operate('getDomain', { params }), 404)
  const again = await s.operate('createAlias', { body: exampleOf('createAlias') })
  made.alias = textAt(again.json, 'id')
})

test('no key: denied_authentication, for every operation', async () => {
  for (const { id } of s.contract.operations) {
    expect(await example(id, { key: null }), 401, ['type', 'denied_authentication'])
  }
})

const callers: [what: string, headers: Record<string, string>, method: string, reason: string][] = [
  ['no key', {}, 'api_key', 'invalid_argument'],
  ['an empty key', { 'x-auth-token': '' }, 'api_key', 'invalid_argument'],
  ['no token', { 'x-auth-token': 'a b' }, 'api_key', 'invalid_argument'],
  ['an unknown key', { 'x-auth-token': unknownId }, 'api_key', 'not_found'],
  ['an unknown session', { 'x-session-token': 'aaa.bbb.ccc' }, 'jwt', 'not_found'],
]
for (const [what, headers, method, reason] of callers) {
  test(`${what} is denied`, async () => {
    const reply = await s.operate('listDomains', { key: null, headers })
    expect(reply, 401, ['method', method], ['reason', reason], ['message', 'authentication is denied'])
  })
}

test('the rate is passed: too_many_requests, for every operation', async () => {
  assert.equal((await slow.operate('listDomains')).status, 200)
  for (const { id } of s.contract.operations) {
    const reply = await operate(slow, s.contract, id, { params: paramsOf(), body: exampleOf(id) })
    expect(reply, 429, ['type', 'too_many_requests'], ['limit.quota', 1], ['limit.window_seconds', 60])
    assert.equal(reply.headers.get('x-ratelimit-limit'), '1, 1;w=60')
    assert.equal(reply.headers.get('x-ratelimit-remaining'), '0')
  }
})

const changing = ['createDomain', 'deleteDomain', 'validateDomainRecords', 'batchCreateMailboxes']
changing.push('updateMailbox', 'deleteMailbox', 'restoreMailbox', 'createAlias', 'updateAlias', 'deleteAlias')
changing.push('createAliasUnderMailbox')

test('a key that may only read: permissions_denied, for everything that changes', async () => {
  const key = await s.key({ access: 'read' })
  for (const id of changing) {
    const resource = id.includes('Domain') ? 'domain' : id.includes('Alias') ? 'alias' : 'mailbox'
    const reply = await example(id, { key })
    expect(reply, 403, ['type', 'permissions_denied'], ['details.0', { action: 'write', resource }])
  }
})

test('a key of one mailbox: permissions_denied, for all of domains', async () => {
  const key = await s.key({ workspaceId: s.scope.workspaceId, mailboxId: made.mailbox })
  for (const id of ['listDomains', 'getDomain', 'getDomainRecords']) {
    expect(await example(id, { key }), 403, ['details.0', { action: 'read', resource: 'domain' }])
  }
  expect(await example('getMailbox', { key }), 200)
  expect(await example('listMailboxes', { key }), 200, ['total_count', 1])
})

test('an unknown id: not_found, for every operation that has one', async () => {
  const unknown = { domain: unknownId, mailbox: unknownId, alias: unknownId }
  for (const { id, path } of s.contract.operations) {
    const [, kind] = /\{(\w+)_id\}/.exec(path) ?? []
    if (kind === undefined) continue
    const resource = id === 'createAliasUnderMailbox' ? 'mailbox' : kind
    const reply = await example(id, { params: paramsOf(unknown) })
    expect(reply, 404, ['type', 'not_found'], ['resource', resource], ['resource_id', unknownId])
    const odd = await example(id, { params: paramsOf({ domain: 'x y', mailbox: 'x y', alias: 'x y' }) })
    expect(odd, 404, ['resource_id', 'x y'])
  }
})

type Refused = [
  what: string,
  id: string,
  more: ScalewayCall,
  status: number,
  ...[path: string, value: unknown][],
]

/** Each argument that is wrong, where an example is right. */
const wrong: [id: string, change: object, argument: string, reason: string][] = [
  ['createDomain', { name: undefined }, 'name', 'required'],
  ['createDomain', { name: '' }, 'name', 'constraint'],
  ['createDomain', { name: 5 }, 'name', 'format'],
  ['createDomain', { name: 'not a name' }, 'name', 'format'],
  ['createDomain', { name: 'localhost' }, 'name', 'format'],
  ['createDomain', { project_id: 'x' }, 'project_id', 'format'],
  ['batchCreateMailboxes', { domain_id: 'x' }, 'domain_id', 'format'],
  ['batchCreateMailboxes', { subscription_period: '' }, 'subscription_period', 'required'],
  ['batchCreateMailboxes', { subscription_period: 'canceled' }, 'subscription_period', 'constraint'],
  ['batchCreateMailboxes', { mailboxes: [] }, 'mailboxes', 'constraint'],
  ['batchCreateMailboxes', { mailboxes: [{ local_part: 'a' }] }, 'password', 'required'],
  ['batchCreateMailboxes', { mailboxes: [{ local_part: 'a', password: 'short' }] }, 'password', 'constraint'],
  [
    'batchCreateMailboxes',
    { mailboxes: [{ local_part: 'a', password: 'aaaaaaaaaaaaa' }] },
    'password',
    'constraint',
  ],
  [
    'batchCreateMailboxes',
    { mailboxes: [{ local_part: 'a@b', password: 'correct-horse-42-battery' }] },
    'local_part',
    'format',
  ],
  [
    'batchCreateMailboxes',
    { mailboxes: ['x', 'X'].map((local_part) => ({ local_part, password: 'correct-horse-42-battery' })) },
    'local_part',
    'constraint',
  ],
  ['updateMailbox', { subscription_period: 'weekly' }, 'subscription_period', 'constraint'],
  ['updateMailbox', { new_password: 'aaaaaaaaaaaaa' }, 'new_password', 'constraint'],
  ['updateMailbox', { new_password: 'x'.repeat(129) }, 'new_password', 'constraint'],
  ['createAlias', { mailbox_id: undefined }, 'mailbox_id', 'required'],
  ['createAlias', { local_part: 'a b' }, 'local_part', 'format'],
  ['createAlias', { description: 'x'.repeat(129) }, 'description', 'constraint'],
  ['createAliasUnderMailbox', { local_part: '' }, 'local_part', 'constraint'],
  ['updateAlias', { description: 7 }, 'description', 'format'],
]
for (const [id, change, argument, reason] of wrong) {
  test(`${id} ${JSON.stringify(change)}: invalid_arguments ${argument} ${reason}`, async () => {
    const reply = await example(id, { body: { ...Object(exampleOf(id)), ...change } })
    expect(reply, 400, ['type', 'invalid_arguments'], ['message', 'invalid argument(s)'])
    expect(reply, 400, ['details.0.argument_name', argument], ['details.0.reason', reason])
    assert.ok(textAt(reply.json, 'details', 0, 'help_message').length > 5)
  })
}

const wrongQueries: [id: string, query: string, argument: string, reason: string][] = [
  ['listDomains', 'page_size=1001', 'page_size', 'constraint'],
  ['listDomains', 'statuses=ready&statuses=gone', 'statuses', 'constraint'],
  ['listMailboxes', 'page=0', 'page', 'constraint'],
  ['listMailboxes', 'page=x', 'page', 'format'],
  ['listMailboxes', 'domain_id=x', 'domain_id', 'format'],
  ['listMailboxes', 'order_by=name_asc', 'order_by', 'constraint'],
  ['listAliases', 'page_size=101', 'page_size', 'constraint'],
  ['listAliases', 'project_id=x', 'project_id', 'format'],
]
for (const [id, query, argument, reason] of wrongQueries) {
  test(`${id}?${query}: invalid_arguments`, async () => {
    const reply = await s.operate(id, { query })
    expect(reply, 400, ['details.0.argument_name', argument], ['details.0.reason', reason])
  })
}

const broken: Refused[] = [
  ['a body that is no JSON', 'createDomain', { body: '{' }, 400, ['details.0.argument_name', 'body']],
  ['no body', 'createDomain', { body: undefined }, 400, ['type', 'invalid_arguments']],
  [
    'a body of another type',
    'createDomain',
    { body: 'name=x', headers: { 'content-type': 'text/plain' } },
    400,
    ['details.0.argument_name', 'content_type'],
  ],
]
for (const [what, id, more, status, ...members] of broken) {
  test(`${id} with ${what}`, async () => expect(await s.operate(id, more), status, ...members))
}

test('what there is already: already_exists, with what was asked for', async () => {
  const domain = await example('createDomain')
  expect(domain, 409, ['type', 'already_exists'], ['resource', 'domain'], ['resource_id', domainName])
  const mailbox = await example('batchCreateMailboxes', {
    body: {
      ...Object(exampleOf('batchCreateMailboxes')),
      mailboxes: ['free', 'hello'].map((local_part) => ({
        local_part,
        password: 'correct-horse-42-battery',
      })),
    },
  })
  expect(mailbox, 409, ['type', 'already_exists'], ['resource', 'mailbox'], ['resource_id', 'hello'])
  expect(await s.operate('listMailboxes', { query: 'search=free' }), 200, ['total_count', 0])
  for (const id of ['createAlias', 'createAliasUnderMailbox']) {
    expect(await example(id), 409, ['resource', 'alias'], ['resource_id', 'billing'])
  }
})

test('in the way of a call stands a state: transient_state, precondition_failed', async () => {
  const { db } = s.platform
  const busy = await transaction(db, (tx) => connectDomain(s.platform, tx, s.scope, 'busy.example.org'))
  const params = { domain_id: busy.id }
  await db.updateTable('domains').set({ state: 'registering' }).where('id', '=', busy.id).execute()
  for (const id of ['deleteDomain', 'validateDomainRecords']) {
    const reply = await s.operate(id, { params })
    expect(reply, 409, ['type', 'transient_state'], ['current_state', 'creating'], ['resource_id', busy.id])
  }
  const used = await example('deleteDomain')
  expect(used, 412, ['type', 'precondition_failed'], ['precondition', 'resource_still_in_use'])
  const alive = await example('restoreMailbox')
  expect(alive, 412, ['type', 'precondition_failed'], ['precondition', 'resource_not_usable'])
  expect(await example('deleteMailbox'), 200)
  expect(await example('deleteMailbox'), 409, ['current_state', 'deletion_scheduled'])
  const canceled = await example('updateMailbox', { body: { subscription_period: 'canceled' } })
  expect(canceled, 409, ['type', 'transient_state'], ['resource', 'mailbox'])
  expect(await example('restoreMailbox'), 200)
  await s.call('DELETE', `/v1/domains/${made.domain}?with_mailboxes=true`)
  expect(await example('restoreMailbox'), 409, ['current_state', 'deletion_scheduled'])
  await s.call('POST', `/v1/domains/${made.domain}/restore`)
})

test('an unknown domain or mailbox in a body: not_found', async () => {
  const batch = { ...Object(exampleOf('batchCreateMailboxes')), domain_id: unknownId }
  const reply = await s.operate('batchCreateMailboxes', { body: batch })
  expect(reply, 404, ['resource', 'domain'], ['resource_id', unknownId])
  const alias = { ...Object(exampleOf('createAlias')), mailbox_id: unknownId }
  const other = await s.operate('createAlias', { body: alias })
  expect(other, 404, ['resource', 'mailbox'], ['resource_id', unknownId])
})

test('a domain that takes no mailboxes: invalid_arguments domain_id', async () => {
  await s.call('POST', `/v1/domains/${made.domain}/suspend`)
  const body = {
    ...Object(exampleOf('batchCreateMailboxes')),
    mailboxes: [{ local_part: 'new', password: 'correct-horse-42-battery' }],
  }
  const reply = await s.operate('batchCreateMailboxes', { body })
  expect(reply, 400, ['details.0.argument_name', 'domain_id'])
  const alias = await s.operate('createAlias', { body: { mailbox_id: made.mailbox, local_part: 'new' } })
  expect(alias, 400, ['details.0.argument_name', 'mailbox_id'])
  await s.call('POST', `/v1/domains/${made.domain}/resume`)
})

test('a quota is used up: quotas_exceeded, with its numbers', async () => {
  const limit = { per: 'domain', domain_id: made.domain, mailboxes_max: 2 }
  assert.equal((await s.call('PUT', '/v1/mailbox-limits', { body: limit })).status, 200)
  const body = {
    ...Object(exampleOf('batchCreateMailboxes')),
    mailboxes: [{ local_part: 'new', password: 'correct-horse-42-battery' }],
  }
  const reply = await s.operate('batchCreateMailboxes', { body })
  const detail = { current: 2, project_id: made.project, quota: 2, resource: 'mailbox' }
  expect(reply, 403, ['type', 'quotas_exceeded'], ['details', [detail]])
})

test('as many aliases as a mailbox may have', async () => {
  await sql`insert into addresses (address, kind, workspace_id, domain_id, mailbox_id, created_at)
    select 'many' || n || '@post.example.org', 'alias', workspace_id, domain_id, id, created_at
    from mailboxes, generate_series(1, 200) n where id = ${made.mailbox}::uuid`.execute(s.platform.db)
  const reply = await s.operate('createAlias', { body: { mailbox_id: made.mailbox, local_part: 'more' } })
  expect(reply, 403, ['type', 'quotas_exceeded'], ['details.0.resource', 'alias'], ['details.0.quota', 200])
})

test('money: a mailbox waits for it, and a change that it does not reach for is locked', async () => {
  for (const [period, amount] of [
    ['monthly', 100],
    ['yearly', 1000],
  ] as const) {
    await setPrice(paid.platform, { item: 'mailbox', unit_amount: amount, period, service: 'local' })
  }
  await giveMoney(paid.platform, paid.scope, 100)
  const on = (id: string, more: ScalewayCall) => operate(paid, s.contract, id, more)
  const domain = await on('createDomain', { body: { name: 'paid.example' } })
  const mailboxes = ['one', 'two'].map((local_part) => ({ local_part, password: 'correct-horse-42-battery' }))
  const body = { domain_id: textAt(domain.json, 'id'), subscription_period: 'monthly', mailboxes }
  const batch = await on('batchCreateMailboxes', { body })
  expect(batch, 200, ['mailboxes.0.status', 'waiting_domain'], ['mailboxes.1.status', 'waiting_payment'])
  expect(batch, 200, ['mailboxes.1.subscription_period', 'unknown_subscription_period'])
  expect(batch, 200, ['mailboxes.1.next_subscription_period', 'monthly'])
  const params = { mailbox_id: textAt(batch.json, 'mailboxes', 0, 'id') }
  const changed = await on('updateMailbox', { params, body: { subscription_period: 'yearly' } })
  expect(changed, 423, ['type', 'locked'], ['resource', 'mailbox'], ['resource_id', params.mailbox_id])
  expect(await on('getMailbox', { params }), 200, ['next_subscription_period', 'monthly'])
  const third = await on('createDomain', { body: { name: 'third.example' } })
  const detail = { current: 2, project_id: paid.scope.workspaceId, quota: 2, resource: 'domain' }
  expect(third, 403, ['type', 'quotas_exceeded'], ['details', [detail]])
})

/** What is documented and cannot come about here. */
const exceptions: Record<string, string> = {
  'listMailboxes 403': 'whoever has a key may read what it reaches',
  'getMailbox 403': 'the same',
  'listAliases 403': 'the same',
  'getAlias 403': 'the same',
  'deleteAlias 409': 'an alias is never in a transient state here',
}

test('every documented status was seen, but those that cannot come about', () => {
  assert.deepEqual(s.contract.unseen().sort(), Object.keys(exceptions).sort())
})
