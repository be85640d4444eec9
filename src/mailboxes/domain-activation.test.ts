/** A domain of the real world: what its owner is told, what is seen, and when it and its mailboxes become active. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tryLogin } from '../testing/log-in.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { startTestDns, type TestDns } from '../testing/test-dns.ts'
import { runJobs } from '../testing/test-jobs.ts'

let dns: TestDns
let api: TestApi
before(async () => {
  dns = await startTestDns()
  api = await startTestApi({
    environment: { MAILWRIGHT_RESOLVER: dns.resolver, MAILWRIGHT_HOSTNAME: 'mx.platform.example' },
  })
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

type Row = {
  purpose: string
  type: string
  name: string
  value: string
  level: string
  status: string
  seen: string[]
}

async function connect(name: string): Promise<Row[]> {
  assert.equal((await api.call('POST', '/v1/domains', { body: { name } })).status, 201)
  await runJobs(api.platform)
  return await recordsOf(name)
}

async function recordsOf(name: string): Promise<Row[]> {
  const reply = await api.call('GET', `/v1/domains/${name}/dns?fresh=true`)
  assert.equal(reply.status, 200)
  return at(reply.json, 'records') as Row[]
}

/** Writes records into the zone as their owner would. */
function publish(rows: readonly Row[]): void {
  for (const { type, name, value } of rows) {
    const records = dns.zone[name] ?? {}
    dns.zone[name] = records
    if (type === 'TXT') records.TXT = [...(records.TXT ?? []), value]
    if (type === 'MX') records.MX = [[10, value.slice(3)]]
  }
}

async function verify(name: string): Promise<{ state: string; statuses: string[] }> {
  const { json, status } = await api.call('POST', `/v1/domains/${name}/verify`)
  assert.equal(status, 200)
  const records = at(json, 'records') as Row[]
  return {
    state: textAt(json, 'domain', 'state'),
    statuses: records
      .filter(({ level }) => level !== 'optional')
      .map((row) => `${row.purpose} ${row.status}`),
  }
}

const allMissing = ['ownership', 'mx', 'spf', 'dkim', 'dkim', 'dmarc', 'tls_rpt'].map(
  (one) => `${one} missing`,
)

test('what an owner is told', async () => {
  const rows = await connect('told.example')
  const token = rows[0]?.value ?? ''
  assert.match(token, /^mailwright-verification=[0-9a-f]{32}$/)
  assert.deepEqual(
    rows
      .filter(({ level }) => level !== 'optional')
      .map(
        ({ type, name, value, level }) => `${level} ${name} ${type} ${value.replace(/p=\S{40,}/, 'p=KEY')}`,
      ),
    [
      `required _mailwright.told.example TXT ${token}`,
      'required told.example MX 10 mx.platform.example',
      'recommended told.example TXT v=spf1 mx ~all',
      'recommended mwr1._domainkey.told.example TXT v=DKIM1; k=rsa; p=KEY',
      'recommended mwe1._domainkey.told.example TXT v=DKIM1; k=ed25519; p=KEY',
      'recommended _dmarc.told.example TXT v=DMARC1; p=none; rua=mailto:dmarc-reports@told.example',
      'recommended _smtp._tls.told.example TXT v=TLSRPTv1; rua=mailto:tls-reports@told.example',
    ],
  )
})

test('it becomes active with ownership and MX, and the mailboxes that waited can be used', async () => {
  const rows = await connect('life.example')
  for (const address of ['ann@life.example', 'bob@life.example', 'gone@life.example']) {
    const reply = await api.call('POST', '/v1/mailboxes', {
      body: { address, password: 'correct horse battery' },
    })
    assert.equal(textAt(reply.json, 'state'), 'waiting_domain')
  }
  await api.call('DELETE', '/v1/mailboxes/gone@life.example')
  assert.deepEqual(await verify('life.example'), { state: 'pending_records', statuses: allMissing })
  publish(rows.filter(({ purpose }) => purpose === 'mx'))
  assert.equal((await verify('life.example')).state, 'pending_records')
  publish(rows.filter(({ purpose }) => purpose === 'ownership'))
  const verified = await verify('life.example')
  assert.deepEqual(verified, {
    state: 'active',
    statuses: ['ownership valid', 'mx valid', ...allMissing.slice(2)],
  })
  await runJobs(api.platform)
  const ann = await api.call('GET', '/v1/mailboxes/ann@life.example')
  assert.equal(textAt(ann.json, 'state'), 'active')
  assert.ok(await tryLogin(api.platform, 'imap', 'bob@life.example', 'correct horse battery'))
  const events = await api.platform.db
    .selectFrom('events')
    .select(['type', 'data'])
    .where('type', 'in', ['domain.state_changed', 'mailbox.state_changed'])
    .execute()
  const moves = events.map(
    ({ type, data }) => `${type} ${textAt(data, 'name')} ${textAt(data, 'address')} ${textAt(data, 'to')}`,
  )
  for (const expected of [
    'domain.state_changed life.example undefined active',
    'mailbox.state_changed undefined ann@life.example active',
    'mailbox.state_changed undefined bob@life.example active',
  ]) {
    assert.equal(moves.filter((move) => move === expected).length, 1, expected)
  }
  const restored = await api.call('POST', '/v1/mailboxes/gone@life.example/restore')
  assert.equal(textAt(restored.json, 'state'), 'active')
  publish(rows.filter(({ level }) => level === 'recommended'))
  const again = await verify('life.example')
  assert.equal(again.state, 'active')
  assert.ok(
    again.statuses.every((one) => one.endsWith(' valid')),
    again.statuses.join(),
  )
})

const wrong: [purpose: string, zone: string[], status: string, value?: string][] = [
  ['ownership', ['mailwright-verification=00000000000000000000000000000000'], 'wrong'],
  ['ownership', ['something else'], 'missing'],
  ['spf', ['v=spf1 include:_spf.other.example -all'], 'wrong', 'v=spf1 mx include:_spf.other.example -all'],
  ['spf', ['v=spf1 mx -all', 'v=spf1 -all'], 'wrong', 'v=spf1 mx ~all'],
  ['spf', ['v=spf1 a mx include:_spf.other.example -all', 'unrelated'], 'valid'],
  ['spf', ['v=spf10 mx'], 'missing'],
  ['dmarc', ['v=DMARC1; p=reject'], 'valid'],
  ['dmarc', ['v=DMARC1; rua=mailto:x@y.example'], 'wrong'],
  ['dmarc', ['v=DMARC1; p=none', 'v=DMARC1; p=reject'], 'wrong'],
  ['dkim', ['v=DKIM1; k=rsa; p='], 'wrong'],
  ['tls_rpt', ['v=TLSRPTv1; rua=https://x.example/'], 'valid'],
]
test('records that are there and are not right are told with what was seen', async () => {
  const rows = await connect('wrong.example')
  for (const [purpose, texts, status, value] of wrong) {
    const row = rows.find((one) => one.purpose === purpose)
    assert.ok(row)
    dns.zone[row.name] = { TXT: texts }
    const now = (await recordsOf('wrong.example')).find(
      (one) => one.name === row.name && one.purpose === purpose,
    )
    const what = `${purpose} ${texts.join(' / ')}`
    assert.equal(now?.status, status, what)
    assert.equal(now.value, value ?? row.value, what)
    if (status === 'wrong') assert.deepEqual(now.seen.toSorted(), texts.toSorted(), what)
  }
})

const exchanges: [mx: [number, string][], status: string][] = [
  [[[5, 'MX.platform.example']], 'valid'],
  [
    [
      [5, 'mx.platform.example'],
      [10, 'backup.example'],
    ],
    'valid',
  ],
  [
    [
      [5, 'other.example'],
      [10, 'mx.platform.example'],
    ],
    'wrong',
  ],
  [[[5, 'other.example']], 'wrong'],
]
test('mail must come here first', async () => {
  await connect('mx.example')
  for (const [mx, status] of exchanges) {
    dns.zone['mx.example'] = { MX: mx }
    const now = (await recordsOf('mx.example')).find(({ purpose }) => purpose === 'mx')
    assert.equal(now?.status, status, JSON.stringify(mx))
  }
})

test('no answer is not the same as no record, and nothing becomes active by it', async () => {
  const rows = await connect('silent.example')
  publish(rows)
  dns.zone['_mailwright.silent.example'] = { fails: 'SERVFAIL' }
  const { state, statuses } = await verify('silent.example')
  assert.deepEqual([state, statuses[0]], ['pending_records', 'ownership unanswered'])
})

test('refused: a state that leads nowhere, a key that may only read, a domain that is not there', async () => {
  await connect('asleep.example')
  await api.platform.db
    .updateTable('domains')
    .set({ state: 'suspended' })
    .where('name', '=', 'asleep.example')
    .execute()
  const call = (name: string, key = api.apiKey) => api.call('POST', `/v1/domains/${name}/verify`, { key })
  assert.equal(refusal(await call('asleep.example')), '409 domain_state_conflict')
  assert.equal(refusal(await call('told.example', await api.key({ access: 'read' }))), '403 forbidden')
  assert.equal(refusal(await call('none.example')), '404 domain_not_found')
})

test('another’s proof does not count', async () => {
  const [mine] = await connect('first.example')
  const [theirs] = await connect('second.example')
  assert.ok(mine && theirs)
  assert.notEqual(mine.value, theirs.value)
  publish([{ ...theirs, name: mine.name }])
  assert.equal((await verify('first.example')).statuses[0], 'ownership wrong')
})
