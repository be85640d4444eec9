/** Delivery policies, sending and the queue over the API. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CommitLane, startCommitLane } from '../delivery/commit-lane.ts'
import { stepsStatement } from '../delivery/outbound/steps.ts'
import { deliveryDefaults } from '../delivery/policies.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { inTransaction } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { addresses, submit } from '../testing/test-sending.ts'

let api: TestApi
let lane: CommitLane
before(async () => {
  api = await startTestApi()
  lane = startCommitLane(api.platform)
})
after(async () => {
  await lane.stop()
  await api[Symbol.asyncDispose]()
})

const workspacePath = (): string => `/v1/workspaces/${api.scope.workspaceId}`

test('a policy: the mailbox’s own, else its domain’s, else its workspace’s, else the default', async () => {
  const box = await api.createMailbox()
  const put = async (path: string, body: object): Promise<void> => {
    const reply = await api.call('PUT', `${path}/delivery-policy`, { body })
    assert.deepEqual([reply.status, at(reply.json, 'settings')], [200, body])
  }
  const path = `/v1/mailboxes/${box.address}`
  const first = await api.call('GET', `${path}/delivery-policy`)
  assert.deepEqual([first.status, first.json], [200, { settings: {}, effective: deliveryDefaults }])
  await put(workspacePath(), { workspace_per_day: 1000, mailbox_per_day: 70, junk_score: 3 })
  await put('/v1/domains/demo.test', { domain_per_hour: 40, mailbox_per_day: 60, dmarc: 'observe' })
  await put(path, { mailbox_per_day: null, ramp_up_start: 10 })
  const effective = at((await api.call('GET', `${path}/delivery-policy`)).json, 'effective')
  assert.deepEqual(effective, {
    ...deliveryDefaults,
    workspace_per_day: 1000,
    junk_score: 3,
    domain_per_hour: 40,
    dmarc: 'observe',
    mailbox_per_day: null,
    ramp_up_start: 10,
  })
  for (const one of [path, '/v1/domains/demo.test', workspacePath()]) await put(one, {})
  assert.deepEqual((await api.call('GET', `${path}/delivery-policy`)).json, first.json)
})

const badSettings: [what: string, path: () => string, body: object][] = [
  ['an unknown word', () => '/v1/domains/demo.test', { dmarc: 'maybe' }],
  ['above the most', () => '/v1/domains/demo.test', { pause_bounce_percent: 101 }],
  ['not a whole number', () => '/v1/domains/demo.test', { mailbox_per_day: 1.5 }],
  ['null where there is no "none"', () => '/v1/domains/demo.test', { ramp_up_percent: null }],
  ['of the level above', () => '/v1/domains/demo.test', { workspace_per_day: 5 }],
  ['unknown', workspacePath, { mailboxPerDay: 5 }],
]
for (const [what, path, body] of badSettings) {
  test(`a setting that is refused: ${what}`, async () => {
    const reply = await api.call('PUT', `${path()}/delivery-policy`, { body })
    assert.equal(refusal(reply), '400 invalid_request')
  })
}

test('who may change what: keys that read, of a mailbox, of a workspace, of the organization', async () => {
  const box = await api.createMailbox()
  const { workspaceId } = api.scope
  const bound = await api.key({ workspaceId, mailboxId: box.mailboxId })
  const reading = await api.key({ access: 'read' })
  const tenant = await api.key({ workspaceId })
  const mailboxPath = `/v1/mailboxes/${box.mailboxId}`
  for (const key of [bound, reading]) {
    assert.equal((await api.call('GET', `${mailboxPath}/delivery-policy`, { key })).status, 200)
    assert.equal((await api.call('GET', `${mailboxPath}/sending`, { key })).status, 200)
    const body = { mailbox_per_day: 1e6 }
    assert.equal(
      refusal(await api.call('PUT', `${mailboxPath}/delivery-policy`, { key, body })),
      '403 forbidden',
    )
    for (const action of ['pause', 'resume']) {
      assert.equal(
        refusal(await api.call('POST', `${mailboxPath}/sending/${action}`, { key })),
        '403 forbidden',
      )
    }
  }
  const reserved = { workspace_per_day: 100, pause_bounce_percent: 10 }
  await api.call('PUT', `${workspacePath()}/delivery-policy`, { body: reserved })
  const put = (body: object): Promise<Reply> =>
    api.call('PUT', `${workspacePath()}/delivery-policy`, { key: tenant, body })
  assert.equal((await put({ ...reserved, mailbox_per_day: 50 })).status, 200)
  for (const body of [{}, { ...reserved, workspace_per_day: 101 }, { ...reserved, pause_minimum: 9 }]) {
    const reply = await put(body)
    assert.equal(refusal(reply), '403 forbidden')
    assert.match(textAt(reply.json, 'detail'), /^Only a key of the whole organization may change /)
  }
  const paused = await api.call('POST', `${workspacePath()}/sending/pause`, { key: tenant })
  assert.equal(paused.status, 200)
  assert.equal(
    refusal(await api.call('POST', `${workspacePath()}/sending/resume`, { key: tenant })),
    '403 forbidden',
  )
  assert.equal((await api.call('POST', `${workspacePath()}/sending/resume`)).status, 200)
  await api.call('PUT', `${workspacePath()}/delivery-policy`, { body: {} })
})

test('what a mailbox may send, has sent, and that it is paused', async () => {
  const box = await api.createMailbox()
  const path = `/v1/mailboxes/${box.address}`
  const body = { mailbox_per_hour: 10, ramp_up_start: 5, mailbox_new_per_day: null }
  await api.call('PUT', `${path}/delivery-policy`, { body })
  await submit(api.platform, lane, box.owner, addresses(3))
  const { status, json } = await api.call('GET', `${path}/sending`)
  assert.equal(status, 200)
  assert.deepEqual(
    [0, 1, 2].map((n) =>
      ['name', 'window', 'counts', 'max', 'used', 'remaining'].map((key) => at(json, 'limits', n, key)),
    ),
    [
      ['mailbox_per_hour', 'hour', 'recipients', 10, 3, 7],
      ['ramp_up', 'day', 'recipients', 5, 3, 2],
      [undefined, undefined, undefined, undefined, undefined, undefined],
    ],
  )
  assert.ok(Date.parse(textAt(json, 'limits', 0, 'resets_at')) > Date.now())
  assert.deepEqual(at(json, 'ramp_up'), { day: 0, max: 5 })
  assert.deepEqual(at(json, 'last_day'), { recipients: 3, bounced: 0, complained: 0 })
  assert.equal(at(json, 'paused'), null)
  const pause = await api.call('POST', `${path}/sending/pause`, { body: { reason: 'an incident' } })
  assert.deepEqual(
    ['scope', 'reason'].map((key) => at(pause.json, 'paused', key)),
    ['mailbox', 'an incident'],
  )
  await runJobs(api.platform)
  const held = await api.call('GET', `${path}/outbound?state=held`)
  assert.equal(at(held.json, 'data', 0, 'held_reason'), 'sending is paused: an incident')
  await api.call('POST', '/v1/domains/demo.test/sending/pause')
  const resumed = await api.call('POST', `${path}/sending/resume`)
  assert.equal(at(resumed.json, 'paused', 'scope'), 'domain')
  assert.equal(at((await api.call('POST', '/v1/domains/demo.test/sending/resume')).json, 'paused'), null)
  await runJobs(api.platform)
  assert.deepEqual(at((await api.call('GET', `${path}/outbound?state=held`)).json, 'data'), [])
})

async function boxWithQueued(count: number, domain?: string): Promise<{ box: TestMailbox; ids: string[] }> {
  const box = await api.createMailbox()
  assert.equal((await submit(api.platform, lane, box.owner, addresses(count, domain))).kind, 'stored')
  const { json } = await api.call('GET', `/v1/mailboxes/${box.mailboxId}/outbound`)
  return { box, ids: Array.from({ length: count }, (_, n) => textAt(json, 'data', n, 'id')) }
}

test('the queue is listed by state, domain and mailbox, in pages', async () => {
  const { box, ids } = await boxWithQueued(3, 'pages.example')
  const first = await api.call('GET', `/v1/outbound?domain=PAGES.example&mailbox=${box.address}&limit=2`)
  const cursor = textAt(first.json, 'next_cursor')
  const second = await api.call('GET', `/v1/outbound?domain=pages.example&limit=2&cursor=${cursor}`)
  assert.deepEqual(
    [at(first.json, 'data', 0, 'id'), at(first.json, 'data', 1, 'id'), at(second.json, 'data', 0, 'id')],
    ids,
  )
  assert.equal(at(second.json, 'next_cursor'), null)
  assert.deepEqual(
    at((await api.call('GET', '/v1/outbound?domain=pages.example&state=held')).json, 'data'),
    [],
  )
  assert.equal(refusal(await api.call('GET', '/v1/outbound?state=lost')), '400 invalid_request')
  assert.equal(refusal(await api.call('GET', '/v1/outbound?mailbox=none@demo.test')), '404 mailbox_not_found')
})

test('a message has a timeline for every recipient, with replies word for word', async () => {
  const { ids } = await boxWithQueued(2)
  const [first = ''] = ids
  const detail = {
    host: 'mx.elsewhere.example',
    address: '192.0.2.1',
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    policy: 'mta-sts',
    reply: '450 4.2.0 "come again", she said',
    class: 'greylisted',
    until: '2026-01-01T00:05:00.000Z',
    milliseconds: 12,
  } as const
  const step = { recipientId: first, step: 'deferred' as const, at: new Date('2026-01-01T00:00:00Z'), detail }
  await inTransaction(api.platform, (tx) => stepsStatement([step]).execute(tx))
  const { status, json } = await api.call('GET', `/v1/outbound/${first}`)
  assert.equal(status, 200)
  assert.equal(at(json, 'recipients', 0, 'timeline', 0, 'step'), 'queued')
  assert.deepEqual(at(json, 'recipients', 0, 'timeline', 1), {
    step: 'deferred',
    at: '2026-01-01T00:00:00.000Z',
    ...detail,
  })
  assert.equal(at(json, 'recipients', 1, 'id'), ids[1])
  assert.deepEqual((await api.call('GET', `/v1/outbound/${textAt(json, 'id')}`)).json, json)
  assert.equal(refusal(await api.call('GET', '/v1/outbound/nope')), '404 outbound_not_found')
})

test('one recipient is held, released, retried and taken back, and no move is made twice', async () => {
  const { ids } = await boxWithQueued(2)
  const [id = ''] = ids
  const act = (name: string, more: object = {}): Promise<Reply> =>
    api.call('POST', `/v1/outbound/${id}/${name}`, more)
  const moves: [name: string, expected: string][] = [
    ['release', '409 outbound_state_conflict'],
    ['hold', 'held'],
    ['hold', '409 outbound_state_conflict'],
    ['retry', '409 outbound_state_conflict'],
    ['release', 'queued'],
    ['retry', 'queued'],
    ['cancel', 'cancelled'],
    ['cancel', '409 outbound_state_conflict'],
  ]
  for (const [name, expected] of moves) {
    const reply = await act(name, { body: { reason: 'a test' } })
    assert.equal(reply.status === 200 ? at(reply.json, 'state') : refusal(reply), expected, name)
  }
  const { json } = await api.call('GET', `/v1/outbound/${id}`)
  const timeline = [0, 1, 2, 3, 4].map((n) => at(json, 'recipients', 0, 'timeline', n, 'step'))
  assert.deepEqual(timeline, ['queued', 'held', 'released', 'retried', 'cancelled'])
  assert.equal(at(json, 'recipients', 0, 'timeline', 1, 'reason'), 'a test')
  assert.match(textAt(json, 'recipients', 0, 'timeline', 1, 'by'), /^api_key:/)
  assert.equal(at(json, 'recipients', 1, 'state'), 'queued')
  const wholeMessage = await api.call('POST', `/v1/outbound/${textAt(json, 'id')}/cancel`)
  assert.equal(refusal(wholeMessage), '404 outbound_not_found')
  const key = await api.key({ access: 'read' })
  assert.equal(refusal(await api.call('POST', `/v1/outbound/${ids[1]}/hold`, { key })), '403 forbidden')
})

test('a key of a mailbox sees and holds its own only; the same call again is not made twice', async () => {
  const [own, other] = [await boxWithQueued(1), await boxWithQueued(1)]
  const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: own.box.mailboxId })
  const { json } = await api.call('GET', '/v1/outbound', { key })
  assert.deepEqual([at(json, 'data', 0, 'id'), at(json, 'data', 1)], [own.ids[0], undefined])
  assert.equal(
    refusal(await api.call('GET', `/v1/outbound/${other.ids[0]}`, { key })),
    '404 outbound_not_found',
  )
  const headers = { 'idempotency-key': 'hold-1' }
  const hold = (): Promise<Reply> => api.call('POST', `/v1/outbound/${own.ids[0]}/hold`, { key, headers })
  const first = await hold()
  assert.deepEqual([(await hold()).json, at(first.json, 'state')], [first.json, 'held'])
})
