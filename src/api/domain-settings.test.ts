/** Settings of a domain by API: what they change in DNS, what is refused, and DNS that moves without a gap. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import {
  startTestNameServers,
  type TestNameServer,
  type TestNameServers,
} from '../testing/test-name-servers.ts'

const ours = ['ns1.platform.example', 'ns2.platform.example']
let tree: TestNameServers & { registry: TestNameServer }
let host: TestNameServer
let own: TestNameServer[]
let api: TestApi
before(async () => {
  tree = await startTestNameServers()
  host = await tree.start('ns.host.example')
  own = await Promise.all(ours.map((name) => tree.start(name)))
  api = await startTestApi({
    environment: {
      ...tree.environment,
      MAILWRIGHT_HOSTNAME: 'mx.platform.example',
      MAILWRIGHT_NAMESERVERS: ours.join(','),
    },
  })
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await tree[Symbol.asyncDispose]()
})

async function connect(name: string, dnsMode = 'manual'): Promise<string> {
  const reply = await api.call('POST', '/v1/domains', { body: { name, dns_mode: dnsMode } })
  assert.equal(reply.status, 201, reply.text)
  await runJobs(api.platform)
  return textAt(reply.json, 'id')
}

const patch = (name: string, body: object, headers = {}) =>
  api.call('PATCH', `/v1/domains/${name}`, { body, headers })

function delegate(name: string, servers: readonly TestNameServer[]): void {
  const zone = tree.registry.zones['example'] ?? {}
  const names = servers.map((server) => server.name)
  zone[name] = { NS: names }
  for (const server of servers) {
    server.zones[name] = { ...server.zones[name], [name]: { ...server.zones[name]?.[name], NS: names } }
  }
}

/** What the plan wants, at the owner's host. */
async function publish(name: string): Promise<void> {
  const { json } = await api.call('GET', `/v1/domains/${name}/dns`)
  const zone = host.zones[name] ?? {}
  for (const row of at(json, 'records') as { type: string; name: string; value: string }[]) {
    if (row.type === 'TXT') zone[row.name] = { ...zone[row.name], TXT: [row.value] }
    if (row.type === 'MX') zone[row.name] = { ...zone[row.name], MX: [[10, row.value.slice(3)]] }
  }
  host.zones[name] = zone
}

test('a served domain is told its name servers, from the first reply on', async () => {
  const reply = await api.call('POST', '/v1/domains', {
    body: { name: 'served.example', dns_mode: 'served' },
  })
  assert.deepEqual(at(reply.json, 'nameservers'), ours)
  assert.deepEqual([at(reply.json, 'state'), at(reply.json, 'dns_mode')], ['pending_nameservers', 'served'])
  const pasted = await api.call('POST', '/v1/domains', { body: { name: 'pasted.example' } })
  assert.deepEqual([at(pasted.json, 'nameservers'), at(pasted.json, 'dns_mode')], [[], 'manual'])
  const sandbox = await api.call('POST', '/v1/domains', { body: { name: 'served.test', dns_mode: 'served' } })
  assert.equal(at(sandbox.json, 'state'), 'active')
})

test('verify tells the state of the delegation and of each name server', async () => {
  await connect('told.example', 'served')
  const told = async () => {
    const { json, status } = await api.call('POST', '/v1/domains/told.example/verify')
    assert.equal(status, 200)
    return {
      state: textAt(json, 'domain', 'state'),
      delegation: textAt(json, 'delegation', 'state'),
      servers: (at(json, 'delegation', 'nameservers') as { name: string; state: string }[])
        .map((one) => `${one.name} ${one.state}`)
        .toSorted(),
      problem: at(json, 'problem') !== null,
    }
  }
  assert.deepEqual(await told(), {
    state: 'pending_nameservers',
    delegation: 'none',
    servers: [],
    problem: true,
  })
  delegate('told.example', [own[0] as TestNameServer, host])
  assert.deepEqual(await told(), {
    state: 'pending_nameservers',
    delegation: 'half_changed',
    servers: ['ns.host.example right', 'ns1.platform.example right'],
    problem: true,
  })
  delegate('told.example', own)
  assert.deepEqual(await told(), {
    state: 'active',
    delegation: 'ours',
    servers: ours.map((name) => `${name} right`),
    problem: false,
  })
})

test('what was seen is shown with its time, and looked at again only when asked', async () => {
  await connect('seen.example')
  delegate('seen.example', [host])
  const url = '/v1/domains/seen.example/dns'
  const first = await api.call('GET', `${url}?fresh=true`)
  assert.equal(at(first.json, 'asked'), 'authority')
  const questions = host.questions.length
  assert.ok(questions > 10)
  const again = await api.call('GET', url)
  assert.deepEqual(again.json, first.json)
  assert.equal(host.questions.length, questions)
  await publish('seen.example')
  assert.deepEqual((await api.call('GET', url)).json, first.json)
  const fresh = await api.call('GET', `${url}?fresh=true`)
  assert.notDeepEqual(fresh.json, first.json)
})

test('looks of one domain are counted, and those at the same moment are one', async () => {
  await connect('often.example')
  delegate('often.example', [host])
  const url = '/v1/domains/often.example/dns?fresh=true'
  await api.call('GET', url)
  const before = host.questions.length
  await api.call('GET', url)
  const each = host.questions.length - before
  await Promise.all(Array.from({ length: 5 }, () => api.call('GET', url)))
  assert.ok(host.questions.length - before < 6 * each, 'five at once take less than five looks')
  let last = await api.call('GET', url)
  for (let looks = 0; looks < 25 && last.status === 200; looks++) last = await api.call('GET', url)
  assert.equal(refusal(last), '429 rate_limited')
  assert.equal((await api.call('GET', '/v1/domains/often.example/dns')).status, 200)
})

test('a sandbox is not in DNS, and not looked for there', async () => {
  await connect('sand.test')
  const questions = tree.resolver.questions.length
  const shown = await api.call('GET', '/v1/domains/sand.test/dns?fresh=true')
  const verified = await api.call('POST', '/v1/domains/sand.test/verify')
  assert.deepEqual(
    [shown.status, verified.status, at(verified.json, 'domain', 'state')],
    [200, 200, 'active'],
  )
  const records = at(shown.json, 'records') as { status: string }[]
  assert.deepEqual([...new Set(records.map(({ status }) => status))], ['unchecked'])
  assert.deepEqual([at(shown.json, 'checked_at'), at(shown.json, 'problem')], [null, null])
  assert.equal(tree.resolver.questions.length, questions)
})

const refused: [body: object, expected: string, detail?: RegExp][] = [
  [{ redirect: { url: 'http://x.example/' } }, '422 domain_settings_invalid', /https/],
  [{ redirect: { url: 'https://set.example/' } }, '422 domain_settings_invalid', /leads back/],
  [{ redirect: { url: 'https://WWW.set.example:8443/x' } }, '422 domain_settings_invalid', /leads back/],
  [{ redirect: { url: 'https://user:secret@x.example/' } }, '422 domain_settings_invalid', /no user/],
  [{ redirect: { url: 'https://10.0.0.1/' } }, '422 domain_settings_invalid', /domain name/],
  [{ redirect: { url: 'https://x.example/#a' } }, '422 domain_settings_invalid', /fragment/],
  [{ redirect: { url: 'nonsense' } }, '422 domain_settings_invalid', /URL/],
  [{ redirect: { url: 'https://x.example/', status: 307 } }, '400 invalid_request'],
  [{ redirect: { url: `https://x.example/${'a'.repeat(2000)}` } }, '400 invalid_request'],
  [{ bimi_logo_url: 'javascript:alert(1)' }, '422 domain_settings_invalid', /https/],
  [{ bimi_logo_url: 'https://x.example/a"b' }, '200'],
  [{ dmarc_report_address: 'not an address' }, '422 domain_settings_invalid', /e-mail/],
  [{ dmarc_report_address: 'a;b@x.example' }, '422 domain_settings_invalid', /e-mail/],
  [{ dmarc_report_address: 'a@x.example,mailto:b@y.example' }, '422 domain_settings_invalid', /e-mail/],
  [{ dmarc_report_address: `${'a'.repeat(65)}@x.example` }, '422 domain_settings_invalid', /e-mail/],
  [{ dmarc_policy: 'harsh' }, '400 invalid_request'],
  [{ dns_mode: 'driven' }, '409 domain_state_conflict', /DNS host/],
  [{ name: 'other.example' }, '400 invalid_request'],
]
test('refused settings', async () => {
  await connect('set.example')
  for (const [body, expected, detail] of refused) {
    const reply = await patch('set.example', body)
    const what = JSON.stringify(body).slice(0, 80)
    if (expected === '200') assert.equal(reply.status, 200, what)
    else assert.equal(refusal(reply), expected, what)
    if (detail) assert.match(textAt(reply.json, 'detail'), detail, what)
  }
})

test('a preview tells the records that change, and changes nothing; the call does', async () => {
  await connect('plan.example')
  const body = {
    dmarc_policy: 'quarantine',
    dmarc_report_address: 'dmarc@reports.example',
    mta_sts_mode: 'testing',
    redirect: { url: 'https://shop.example/a' },
  }
  const before = await api.call('GET', '/v1/domains/plan.example')
  const preview = await patch('plan.example', { ...body, preview: true })
  assert.equal(preview.status, 200)
  const changes = at(preview.json, 'dns_changes') as {
    action: string
    type: string
    name: string
    value: string
  }[]
  assert.deepEqual(
    changes.map(({ action, type, name }) => `${action} ${type} ${name}`),
    [
      'remove TXT _dmarc.plan.example',
      'add TXT _dmarc.plan.example',
      'add TXT _mta-sts.plan.example',
      'add CNAME mta-sts.plan.example',
      'add CNAME www.plan.example',
    ],
  )
  assert.match(changes[1]?.value ?? '', /p=quarantine; rua=.*,mailto:dmarc@reports\.example$/)
  assert.deepEqual((await api.call('GET', '/v1/domains/plan.example')).json, before.json)
  const done = await patch('plan.example', body)
  assert.deepEqual(
    [at(done.json, 'dmarc_policy'), at(done.json, 'mta_sts_mode'), at(done.json, 'redirect')],
    ['quarantine', 'testing', { url: 'https://shop.example/a', status: 301, keep_path: true }],
  )
  const events = await api.platform.db
    .selectFrom('events')
    .select(['type', 'data'])
    .where('type', 'in', ['domain.settings_changed', 'domain.zone_changed'])
    .execute()
  const types = events.filter(({ data }) => textAt(data, 'name') === 'plan.example').map(({ type }) => type)
  assert.ok(types.includes('domain.settings_changed') && types.includes('domain.zone_changed'))
  const cleared = await patch('plan.example', { redirect: null, dmarc_report_address: null })
  assert.deepEqual([at(cleared.json, 'redirect'), at(cleared.json, 'dmarc_report_address')], [null, null])
})

test('an edit of what someone else has changed is refused', async () => {
  await connect('etag.example')
  const { headers } = await api.call('GET', '/v1/domains/etag.example')
  const etag = headers.get('etag') ?? ''
  const first = await patch('etag.example', { dmarc_policy: 'reject' }, { 'if-match': etag })
  assert.equal(first.status, 200)
  const late = await patch('etag.example', { dmarc_policy: 'none' }, { 'if-match': etag })
  assert.equal(refusal(late), '412 edit_conflict')
  const now = await patch(
    'etag.example',
    { dmarc_policy: 'none' },
    { 'if-match': first.headers.get('etag') ?? '' },
  )
  assert.equal(now.status, 200)
})

/** state, dns_mode and pending_dns_mode. */
async function standing(name: string): Promise<unknown[]> {
  const { json } = await api.call('GET', `/v1/domains/${name}`)
  return [at(json, 'state'), at(json, 'dns_mode'), at(json, 'pending_dns_mode')]
}

test('an active domain comes to our name servers and leaves them without a gap', async () => {
  await connect('moving.example')
  delegate('moving.example', [host])
  await publish('moving.example')
  await api.call('POST', '/v1/domains/moving.example/verify')
  assert.deepEqual(await standing('moving.example'), ['active', 'manual', null])
  // It is answered at once, and stays active while the old host still has the delegation.
  await patch('moving.example', { dns_mode: 'served' })
  assert.deepEqual(await standing('moving.example'), ['active', 'served', null])
  const waiting = await api.call('POST', '/v1/domains/moving.example/verify')
  assert.deepEqual(
    [textAt(waiting.json, 'domain', 'state'), textAt(waiting.json, 'delegation', 'state')],
    ['active', 'elsewhere'],
  )
  delegate('moving.example', own)
  const arrived = await api.call('POST', '/v1/domains/moving.example/verify')
  assert.equal(textAt(arrived.json, 'delegation', 'state'), 'ours')
  // Away: we answer until the delegation has left.
  await patch('moving.example', { dns_mode: 'manual' })
  assert.deepEqual(await standing('moving.example'), ['active', 'served', 'manual'])
  const plan = await api.call('GET', '/v1/domains/moving.example/dns')
  assert.ok(
    (at(plan.json, 'records') as { purpose: string }[]).some(({ purpose }) => purpose === 'ownership'),
  )
  await api.call('POST', '/v1/domains/moving.example/verify')
  assert.deepEqual(await standing('moving.example'), ['active', 'served', 'manual'])
  delegate('moving.example', [host])
  await api.call('POST', '/v1/domains/moving.example/verify')
  assert.deepEqual(await standing('moving.example'), ['active', 'manual', null])
})

test('a move that has not begun is taken back, and one of a waiting domain is made at once', async () => {
  await connect('back.example', 'served')
  delegate('back.example', own)
  await api.call('POST', '/v1/domains/back.example/verify')
  await patch('back.example', { dns_mode: 'manual' })
  assert.deepEqual(await standing('back.example'), ['active', 'served', 'manual'])
  await patch('back.example', { dns_mode: 'served' })
  assert.deepEqual(await standing('back.example'), ['active', 'served', null])
  // A look that got no answer does not say that the delegation has left.
  const { zones } = tree.registry
  tree.registry.zones = {}
  tree.resolver.zone['back.example'] = { fails: 'SERVFAIL' }
  const blind = await api.call('POST', '/v1/domains/back.example/verify')
  assert.equal(textAt(blind.json, 'delegation', 'state'), 'unanswered')
  tree.registry.zones = zones
  await patch('back.example', { dns_mode: 'manual' })
  assert.deepEqual(await standing('back.example'), ['active', 'served', 'manual'])
  await connect('waiting.example')
  await patch('waiting.example', { dns_mode: 'served' })
  assert.deepEqual(await standing('waiting.example'), ['pending_nameservers', 'served', null])
  await patch('waiting.example', { dns_mode: 'manual' })
  assert.deepEqual(await standing('waiting.example'), ['pending_records', 'manual', null])
})

test('a signed zone does not leave while its parent has the DS record of our key', async () => {
  const name = 'signed.example'
  await connect(name, 'served')
  delegate(name, own)
  tree.resolver.zone[name] = {}
  await api.call('POST', `/v1/domains/${name}/verify`)
  await api.call('PUT', `/v1/domains/${name}/dnssec`, { body: { enabled: true } })
  await runJobs(api.platform)
  const { json } = await api.call('GET', `/v1/domains/${name}/dnssec`)
  const other = { keyTag: 1, algorithm: 13, digestType: 2, digest: Buffer.alloc(32) }
  const digest = Buffer.from(textAt(json, 'ds', 'digest'), 'hex')
  const leave = (preview = false) => patch(name, { dns_mode: 'manual', preview })
  tree.resolver.zone[name] = { DS: [{ ...other, keyTag: Number(at(json, 'ds', 'key_tag')), digest }, other] }
  assert.equal(refusal(await leave()), '409 dnssec_parent_has_ds')
  assert.equal(refusal(await leave(true)), '409 dnssec_parent_has_ds')
  const toHost = await api.call('PUT', `/v1/domains/${name}/dns-host`, { body: { dns_host_id: 'any' } })
  assert.equal(refusal(toHost), '409 dnssec_parent_has_ds')
  assert.equal((await patch(name, { dns_mode: 'served', dmarc_policy: 'reject' })).status, 200)
  tree.resolver.zone[name] = { fails: 'SERVFAIL' }
  assert.equal(refusal(await leave()), '409 dnssec_parent_unanswered')
  assert.deepEqual(await standing(name), ['active', 'served', null])
  // Of a key of others, where the domain is already: it is they who sign.
  tree.resolver.zone[name] = { DS: [other] }
  assert.equal((await leave()).status, 200)
  assert.deepEqual(await standing(name), ['active', 'served', 'manual'])
})

test('keys by API: listed, changed once at a time', async () => {
  await connect('keys.example')
  const states = async () => {
    const { json } = await api.call('GET', '/v1/domains/keys.example/dkim')
    return (at(json, 'keys') as { selector: string; state: string }[])
      .map(({ selector, state }) => `${selector} ${state}`)
      .toSorted()
  }
  assert.deepEqual(await states(), ['mwe1 active', 'mwr1 active'])
  assert.equal((await api.call('POST', '/v1/domains/keys.example/dkim/rotate')).status, 202)
  await runJobs(api.platform)
  assert.deepEqual(await states(), ['mwe1 active', 'mwe2 pending', 'mwr1 active', 'mwr2 pending'])
  const again = await api.call('POST', '/v1/domains/keys.example/dkim/rotate')
  assert.equal(refusal(again), '409 domain_state_conflict')
  const reader = await api.key({ access: 'read' })
  for (const [method, path] of [
    ['POST', '/v1/domains/keys.example/dkim/rotate'],
    ['PATCH', '/v1/domains/keys.example'],
  ] as const) {
    const body = method === 'PATCH' ? { dmarc_policy: 'none' } : undefined
    assert.equal(refusal(await api.call(method, path, { key: reader, body })), '403 forbidden')
  }
})

test('without name servers nothing is served', async () => {
  await using bare = await startTestApi()
  const reply = await bare.call('POST', '/v1/domains', { body: { name: 'a.example', dns_mode: 'served' } })
  assert.equal(refusal(reply), '422 nameservers_unavailable')
  await bare.call('POST', '/v1/domains', { body: { name: 'a.example' } })
  const patched = await bare.call('PATCH', '/v1/domains/a.example', { body: { dns_mode: 'served' } })
  assert.equal(refusal(patched), '422 nameservers_unavailable')
})
