/** DNS records in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'

let u: TestVendor
/** One that answers each caller once in a minute. */
let slow: TestVendor
let other: Tenant
let domain = ''
let byHand = ''
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  const environment = {
    MAILWRIGHT_HOSTNAME: 'mx.ours.example',
    MAILWRIGHT_NAMESERVERS: 'ns1.ours.example,ns2.ours.example',
  }
  ;[u, slow] = await Promise.all([
    startTestVendor('zapmail', { environment, requestsPerMinute: 1e6 }),
    startTestVendor('zapmail', { requestsPerMinute: 1 }),
  ])
  const connect = async (name: string, dns_mode: string) =>
    textAt((await u.call('POST', '/v1/domains', { body: { name, dns_mode } })).json, 'id')
  domain = await connect('tryexample.com', 'served')
  byHand = await connect('byhand.example', 'manual')
  await runJobs(u.platform)
  other = await u.tenant()
})
after(() => Promise.all([u, slow].map((one) => one[Symbol.asyncDispose]())))

async function expect(status: number, operation: string, options: VendorCall = {}): Promise<Reply> {
  const reply = await u.operate(operation, options)
  assert.equal(reply.status, status, reply.text)
  assert.equal(at(reply.json, 'status'), status)
  return reply
}

async function listed(id = domain): Promise<{ records: unknown[]; plain: unknown[] }> {
  const { json } = await expect(200, 'listDnsRecords', { query: { id } })
  assert.deepEqual(at(json, 'data', 'disabledRecords'), [])
  return { records: listAt(json, 'data', 'records'), plain: listAt(json, 'data', 'domainDnsRecords') }
}

const add = (records: unknown, status = 200) =>
  expect(status, 'addDnsRecords', { body: { assignedDomainId: domain, records } })

/** What the native API has of the customer's own. */
async function native(): Promise<string[]> {
  const { json } = await u.call('GET', '/v1/domains/tryexample.com/records?managed=false')
  return listAt(json, 'data').map((one) => `${at(one, 'type')} ${at(one, 'name')} ${at(one, 'value')}`)
}

test('a record is added, listed, changed and deleted', async () => {
  const made = await expect(200, 'addDnsRecords', {
    body: { ...Object(u.exampleOf('addDnsRecords')), assignedDomainId: domain },
  })
  const record = at(made.json, 'data', 0)
  assert.deepEqual(
    ['host', 'value', 'recordType', 'priority', 'assignedDomainId', 'cdfResponse'].map((name) =>
      at(record, name),
    ),
    [
      'track.tryexample.com',
      'track.example.net',
      'CNAME',
      null,
      domain,
      { id: at(record, 'id'), name: 'track.tryexample.com', type: 'CNAME', content: 'track.example.net' },
    ],
  )
  const { records, plain } = await listed()
  assert.deepEqual(records.at(-1), record)
  assert.deepEqual(plain.at(-1), {
    id: at(record, 'id'),
    type: 'CNAME',
    name: 'track.tryexample.com',
    content: 'track.example.net',
    ttl: 3600,
    priority: null,
  })
  const change = Object(u.exampleOf('updateDnsRecord'))
  const body = { ...change, assignedDomainId: domain, dnsRecordId: at(record, 'id') }
  await expect(200, 'updateDnsRecord', { body })
  assert.deepEqual(await native(), ['CNAME track.tryexample.com t2.example.net'])
  await expect(400, 'updateDnsRecord', { body: { ...body, recordType: 'TXT' } })
  await expect(400, 'updateDnsRecord', { body: { ...body, dnsRecordId: unknownId } })
  await expect(400, 'updateDnsRecord', { body: { ...body, host: undefined } })
  assert.deepEqual(await native(), ['CNAME track.tryexample.com t2.example.net'])
  const query = { id: textAt(record, 'id'), assignedDomainId: domain }
  await expect(200, 'deleteDnsRecord', { query })
  await expect(400, 'deleteDnsRecord', { query })
  await expect(400, 'deleteDnsRecord', { query: { id: 'no id', assignedDomainId: domain } })
  assert.deepEqual(await native(), [])
})

test('MX has its preference beside its value; other types than the contract’s are in the newer list alone', async () => {
  const made = await add([
    { host: 'mail', value: 'mx.example.net', recordType: 'MX', priority: 5 },
    { host: 'mail', value: '20 mx2.example.net', recordType: 'MX' },
    { host: 'other', value: 'mx3.example.net', recordType: 'MX' },
    { host: '@', value: 'site=abc', recordType: 'TXT' },
  ])
  assert.deepEqual(
    listAt(made.json, 'data').map((one) => [at(one, 'host'), at(one, 'value'), at(one, 'priority')]),
    [
      ['mail.tryexample.com', 'mx.example.net', 5],
      ['mail.tryexample.com', 'mx2.example.net', 20],
      ['other.tryexample.com', 'mx3.example.net', 10],
      ['tryexample.com', 'site=abc', null],
    ],
  )
  const srv = [{ host: '_x._tcp', value: '0 5 443 x.example.net', recordType: 'SRV' }]
  await u.unchecked('addDnsRecords', { body: { assignedDomainId: domain, records: srv } })
  const { records, plain } = await listed()
  assert.ok(plain.some((one) => at(one, 'type') === 'SRV' && at(one, 'name') === '_x._tcp.tryexample.com'))
  assert.ok(records.every((one) => at(one, 'recordType') !== 'SRV'))
})

test('an MX that is changed without a preference keeps its own; two that differ are refused', async () => {
  const made = await add([{ host: 'kept', value: 'mx.example.net', recordType: 'MX', priority: 30 }])
  const [record] = listAt(made.json, 'data')
  const change = async (status: number, more: object) => {
    const given = { host: 'kept', recordType: 'MX', ...more }
    const body = { assignedDomainId: domain, dnsRecordId: textAt(record, 'id'), ...given }
    await expect(status, 'updateDnsRecord', { body })
    const { records } = await listed()
    const now = records.find((one) => at(one, 'host') === 'kept.tryexample.com')
    return [at(now, 'value'), at(now, 'priority')]
  }
  assert.deepEqual(await change(200, { value: 'mx2.example.net' }), ['mx2.example.net', 30])
  assert.deepEqual(await change(400, { value: '5 mx3.example.net', priority: 7 }), ['mx2.example.net', 30])
  assert.deepEqual(await change(200, { value: '5 mx3.example.net', priority: 5 }), ['mx3.example.net', 5])
})

test('records are added all or none', async () => {
  const before = await native()
  const good = { host: 'a', value: '192.0.2.1', recordType: 'A' }
  await add([good, { host: 'b', value: 'no address', recordType: 'A' }], 400)
  await add([good, { host: '@', value: 'v=spf1 -all', recordType: 'TXT' }], 400)
  await add([good, { host: 'x.other.example.', value: '192.0.2.1', recordType: 'A' }], 400)
  await add([{ ...good, recordType: 'HINFO' }], 400)
  await add([{ host: 'a\u0000', value: '192.0.2.1', recordType: 'A' }], 400)
  await add([{ host: 't', value: 'a\u0000b', recordType: 'TXT' }], 400)
  await add([], 400)
  assert.deepEqual(await native(), before)
})

test('what the platform keeps is listed with ids that stay, and cannot be changed', async () => {
  const own = async () => {
    const { records } = await listed()
    return records.find((one) => at(one, 'recordType') === 'MX' && at(one, 'host') === 'tryexample.com')
  }
  const record = await own()
  assert.deepEqual([at(record, 'value'), at(record, 'priority')], ['mx.ours.example', 10])
  assert.deepEqual(await own(), record)
  const id = textAt(record, 'id')
  const body = {
    assignedDomainId: domain,
    dnsRecordId: id,
    host: '@',
    value: 'x.example.net',
    recordType: 'MX',
  }
  const refused = await expect(400, 'updateDnsRecord', { body })
  assert.match(textAt(refused.json, 'message'), /keeps it/)
  await expect(400, 'deleteDnsRecord', { query: { id, assignedDomainId: domain } })
})

test('of a domain whose owner keeps its DNS the plan is listed, and nothing is added', async () => {
  const { plain } = await listed(byHand)
  assert.ok(plain.some((one) => at(one, 'type') === 'MX' && at(one, 'content') === 'mx.ours.example'))
  assert.ok(plain.some((one) => at(one, 'name') === '_mailwright.byhand.example'))
  assert.ok(plain.every((one) => at(one, 'ttl') === null))
  const records = [{ host: 'a', value: '192.0.2.1', recordType: 'A' }]
  await expect(400, 'addDnsRecords', { body: { assignedDomainId: byHand, records } })
})

test('domains of others are not there, and who may only read changes nothing', async () => {
  const key = await u.key({ access: 'read' })
  await expect(200, 'listDnsRecords', { key, query: { id: domain } })
  const records = [{ host: 'c', value: '192.0.2.1', recordType: 'A' }]
  const reply = await u.unchecked('addDnsRecords', { key, body: { assignedDomainId: domain, records } })
  assert.equal(reply.status, 403)
  const theirs = { key: other.key, workspace: other.workspaceId }
  await expect(400, 'listDnsRecords', { ...theirs, query: { id: domain } })
  await expect(400, 'listDnsRecords', { ...theirs, query: { id: unknownId } })
  await expect(400, 'addDnsRecords', { ...theirs, body: { assignedDomainId: domain, records } })
  await expect(400, 'listDnsRecords')
  await expect(400, 'listDnsRecords', { query: { id: 'tryexample.com' } })
})

test('no key, too many calls, both spellings of the path, and every documented status', async () => {
  assert.equal((await u.at('GET', '/v2/dns', { query: { id: domain } })).status, 200)
  assert.equal((await u.at('GET', '/api/v2/dns/', { query: { id: domain } })).status, 200)
  for (const operation of ['listDnsRecords', 'addDnsRecords', 'updateDnsRecord', 'deleteDnsRecord']) {
    await expect(401, operation, { key: null, body: u.exampleOf(operation) })
  }
  await slow.unchecked('listDnsRecords')
  u.contract.check('listDnsRecords', await slow.unchecked('listDnsRecords'))
  u.requireSeen(/^\/v2\/dns\/?$/)
})
