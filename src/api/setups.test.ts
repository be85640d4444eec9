/** Setups: domains, mailboxes and their export in one call, by the API, the sandbox registrar and a stand-in sequencer. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../platform/ids.ts'
import { sequencerPolicy } from '../sequencers/policy.ts'
import { advanceSetups } from '../sequencers/setups/advance.ts'
import { type StageFacts, stageOf } from '../sequencers/setups/stages.ts'
import { startPictureServer } from '../testing/picture-server.ts'
import { startSmartleadStandIn } from '../testing/sequencers/smartlead.ts'
import type { StandIn } from '../testing/sequencers/stand-in.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { publicPorts } from '../testing/test-sequencers.ts'

let api: TestApi
let tool: StandIn
let sequencerId: string

before(async () => {
  api = await startTestApi({ environment: { ...publicPorts, MAILWRIGHT_OUTBOUND_NETWORKS: 'any' } })
  tool = await startSmartleadStandIn()
  const settings = { base_url: tool.url, calls_per_minute: 60_000 }
  const body = { name: 'Ours', platform: 'smartlead', settings, key: tool.key }
  sequencerId = textAt((await api.call('POST', '/v1/sequencers', { body })).json, 'id')
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await tool[Symbol.asyncDispose]()
})

const register = { expected_price: { amount: 1000, currency: 'USD' } }
const box = (local_part: string, more: object = {}) => ({
  local_part,
  product: 'google',
  first_name: 'Ann',
  ...more,
})

function order(domains: readonly object[], more: object = {}): Promise<Reply> {
  return api.call('POST', '/v1/setups', { body: { domains, ...more } })
}

async function advance(): Promise<void> {
  await runJobs(api.platform)
  await advanceSetups(api.platform)
  await runJobs(api.platform)
  await advanceSetups(api.platform)
}

test('a domain is bought, its mailboxes are made and exported, and the setup is completed', async () => {
  const reply = await order(
    [
      { name: 'bought.test', register, mailboxes: [box('ann', { sequencer_id: sequencerId }), box('bob')] },
      { name: 'demo.test', mailboxes: [box('cay')] },
    ],
    { file_platform: 'manual' },
  )
  assert.equal(reply.status, 202, reply.text)
  assert.deepEqual(at(reply.json, 'domains', '0', 'stage'), 'registering')
  assert.equal(at(reply.json, 'domains', '1', 'stage'), 'exporting')
  await advance()
  const done = await api.call('GET', `/v1/setups/${textAt(reply.json, 'id')}`)
  assert.equal(at(done.json, 'state'), 'completed', done.text)
  assert.deepEqual(
    listAt(done.json, 'domains').map((one) => [
      at(one, 'stage'),
      at(one, 'problem'),
      listAt(one, 'export_ids').length,
    ]),
    [
      ['completed', null, 2],
      ['completed', null, 1],
    ],
  )
  assert.deepEqual([...tool.accounts.keys()], ['ann@bought.test'])
  const domain = await api.call('GET', '/v1/domains/bought.test')
  assert.equal(at(domain.json, 'product'), 'google')
  const log = await api.call('GET', '/v1/events?types=setup.*&from=start')
  assert.deepEqual(
    listAt(log.json, 'data').map((event) => at(event, 'type')),
    ['setup.created', 'setup.completed'],
  )
  assert.equal(listAt((await api.call('GET', '/v1/setups')).json, 'data').length, 1)
})

test('where as many exports run as may, a domain waits for the rest, and nothing is exported twice', async () => {
  const { db } = api.platform
  const { organizationId: organization_id, workspaceId: workspace_id } = api.scope
  const others = Array.from({ length: sequencerPolicy.runningExportsMax - 1 }, () => ({
    id: newId(),
    organization_id,
    workspace_id,
    sequencer_id: null,
    platform: 'manual' as const,
    method: 'api' as const,
    state: 'running' as const,
    total: 0,
    created_at: new Date(),
  }))
  await db.insertInto('exports').values(others).execute()
  const exports = () => db.selectFrom('exports').select('id').execute()
  const before = (await exports()).length
  const { json } = await order(
    [{ name: 'demo.test', mailboxes: [box('dee', { sequencer_id: sequencerId }), box('eve')] }],
    { file_platform: 'manual' },
  )
  const state = async () => {
    const { json: setup } = await api.call('GET', `/v1/setups/${textAt(json, 'id')}`)
    const ids = listAt(setup, 'domains', '0', 'export_ids')
    return [at(setup, 'state'), at(setup, 'domains', '0', 'stage'), ids.length]
  }
  await advanceSetups(api.platform)
  assert.deepEqual(await state(), ['running', 'exporting', 1])
  await advance()
  assert.deepEqual(await state(), ['completed', 'completed', 2])
  assert.equal((await exports()).length, before + 2)
})

test('a domain of a setup is renewed as the workspace has said, and one that is bound has other settings', async () => {
  const settings = `/v1/workspaces/${api.scope.workspaceId}/domain-settings`
  assert.equal((await api.call('PUT', settings, { body: { auto_renew: false } })).status, 200)
  const before = await api.call('POST', '/v1/domains', { body: { name: 'unbound.test' } })
  assert.equal(before.status, 201, before.text)
  const { headers } = await api.call('GET', '/v1/domains/unbound.test/settings')
  const ordered = await order([
    { name: 'said.test', register, mailboxes: [] },
    { name: 'unbound.test', mailboxes: [box('fay')] },
  ])
  assert.equal(ordered.status, 202, ordered.text)
  const { json } = await api.call('GET', '/v1/domains/said.test/registration')
  assert.equal(at(json, 'auto_renew'), false)
  const late = await api.call('PATCH', '/v1/domains/unbound.test', {
    body: { product: null },
    headers: { 'if-match': String(headers.get('etag')) },
  })
  assert.equal(refusal(late), '412 edit_conflict')
})

for (const [what, domains, expected] of [
  ['an unknown domain', [{ name: 'nowhere.test', mailboxes: [] }], '404 domain_not_found'],
  [
    'a domain twice',
    [
      { name: 'demo.test', mailboxes: [] },
      { name: 'DEMO.test', mailboxes: [] },
    ],
    '400 invalid_request',
  ],
  ['no price', [{ name: 'new.test', register: {}, mailboxes: [] }], '400 invalid_request'],
  ['a name that is taken', [{ name: 'demo.test', register, mailboxes: [] }], '409 domain_taken'],
  [
    'an address that is taken',
    [
      { name: 'new.test', register, mailboxes: [box('x')] },
      { name: 'demo.test', mailboxes: [box('cay')] },
    ],
    '409 address_taken',
  ],
  [
    'an unknown sequencer',
    [{ name: 'new.test', register, mailboxes: [box('x', { sequencer_id: 'none' })] }],
    '404 sequencer_not_found',
  ],
  ['no domain', [], '400 invalid_request'],
] as const) {
  test(`${what} is refused, and nothing of the setup stays`, async () => {
    assert.equal(refusal(await order(domains)), expected)
    assert.equal((await api.call('GET', '/v1/domains/new.test')).status, 404)
    assert.equal(refusal(await api.call('GET', '/v1/setups/none')), '404 setup_not_found')
  })
}

test('pictures of mailboxes are fetched afterwards', async () => {
  await using pictures = await startPictureServer()
  const mailboxes = [
    box('seen', { picture_url: `${pictures.url}/red.png` }),
    box('unseen', { picture_url: `${pictures.url}/text` }),
    box('plain', { picture_url: null }),
  ]
  const reply = await order([{ name: 'demo.test', mailboxes }])
  assert.equal(reply.status, 202, reply.text)
  assert.deepEqual(pictures.paths, [])
  await runJobs(api.platform)
  const pictureOf = async (name: string): Promise<number> =>
    (await api.call('GET', `/v1/mailboxes/${name}@demo.test/picture`)).status
  assert.deepEqual(await Promise.all(['seen', 'unseen', 'plain'].map(pictureOf)), [200, 404, 404])
  const wrong = await order([{ name: 'demo.test', mailboxes: [box('wrong', { picture_url: 'nothing' })] }])
  assert.equal(refusal(wrong), '422 picture_invalid')
})

test('a name that the registrar does not give fails, and with it the setup', async () => {
  const reply = await order([
    {
      name: 'taken-1.test',
      register: { expected_price: { amount: 1, currency: 'USD' } },
      mailboxes: [box('x')],
    },
  ])
  assert.equal(reply.status, 202, reply.text)
  await advance()
  const done = await api.call('GET', `/v1/setups/${textAt(reply.json, 'id')}`)
  assert.deepEqual([at(done.json, 'state'), at(done.json, 'domains', '0', 'stage')], ['failed', 'failed'])
})

const facts: StageFacts = {
  domain: 'active',
  mailboxes: ['active', 'failed'],
  exports: true,
  isSettled: true,
  isExporting: false,
  hasFailedExport: false,
}
for (const [change, expected] of [
  [{}, 'completed'],
  [{ domain: 'pending_payment' }, 'waiting_for_payment'],
  [{ domain: 'pending_records' }, 'waiting_for_dns'],
  [{ domain: 'deleted' }, 'failed'],
  [{ mailboxes: ['active', 'provisioning'] }, 'creating_mailboxes'],
  [{ mailboxes: ['failed', 'failed'] }, 'failed'],
  [{ mailboxes: [], exports: false }, 'completed'],
  [{ isSettled: false }, 'exporting'],
  [{ isExporting: true }, 'exporting'],
  [{ hasFailedExport: true }, 'failed'],
] as const satisfies [Partial<StageFacts>, string][]) {
  test(`with ${JSON.stringify(change)} a domain is ${expected}`, () => {
    assert.equal(stageOf({ ...facts, ...change }), expected)
  })
}
