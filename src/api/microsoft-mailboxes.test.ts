/** The life of mailboxes in a Microsoft 365 tenant, by the API and the jobs, against a stand-in for the tenant. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { reconcileDue } from '../mailboxes/engines/due.ts'
import { observeAll } from '../mailboxes/engines/observe.ts'
import { pictureJpeg } from '../mailboxes/pictures.ts'
import { type MicrosoftStandIn, startMicrosoft } from '../testing/microsoft-stand-in.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { skuPartNumber } from '../testing/test-microsoft.ts'
import { plain, red } from '../testing/test-pictures.ts'

type Tenant = AsyncDisposable & {
  api: TestApi
  microsoft: MicrosoftStandIn
  connectionId: string
  /** Asks, and expects a success. */
  ask(method: string, path: string, body?: unknown): Promise<Reply>
  /** Lets time go by on both sides, and does what is due then. */
  later(minutes: number): Promise<void>
  user(): ReturnType<MicrosoftStandIn['state']['users']['get']>
}

async function startTenant(): Promise<Tenant> {
  await using stack = new AsyncDisposableStack()
  const microsoft = stack.use(await startMicrosoft())
  const api = stack.use(
    await startTestApi({
      environment: {
        MAILWRIGHT_MICROSOFT_GRAPH_URL: microsoft.graphUrl,
        MAILWRIGHT_MICROSOFT_LOGIN_URL: microsoft.loginUrl,
      },
    }),
  )
  await api.connectActiveDomain('demo.example')
  const ask = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const reply = await api.call(method, path, body === undefined ? {} : { body })
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`)
    return reply
  }
  const { json } = await ask('POST', '/v1/service-connections', connectionBody(microsoft))
  const running = stack.move()
  return {
    api,
    microsoft,
    connectionId: textAt(json, 'id'),
    ask,
    async later(minutes) {
      api.platform.clock.advance?.(`PT${minutes}M`)
      microsoft.advanceMs(minutes * 60_000)
      await reconcileDue(api.platform)
      await runJobs(api.platform)
    },
    user: () => [...microsoft.state.users.values()][0],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function connectionBody({ state }: MicrosoftStandIn) {
  const { tenantId, clientId, secrets } = state
  return {
    name: 'Our tenant',
    service: 'microsoft',
    secret: secrets[0],
    settings: {
      tenant_id: tenantId,
      client_id: clientId,
      usage_location: 'DE',
      sku_part_number: skuPartNumber,
    },
  }
}

const path = '/v1/mailboxes/ann@demo.example'
const ann = { address: 'ann@demo.example', service: 'microsoft', first_name: 'Ann', last_name: 'Lee' }

const stateOf = async ({ ask }: Tenant): Promise<string> => textAt((await ask('GET', path)).json, 'state')
const remoteOf = async ({ ask }: Tenant): Promise<unknown> => (await ask('GET', `${path}/remote`)).json

test('a mailbox is made, waited for, changed, deleted and restored', async () => {
  await using tenant = await startTenant()
  const { ask, later, microsoft, user } = tenant
  microsoft.state.provisioningMs = 20 * 60_000
  microsoft.state.lagMs = 60_000
  await ask('POST', '/v1/mailboxes', ann)
  await later(0)
  assert.equal(await stateOf(tenant), 'provisioning')
  for (let minute = 0; minute < 25; minute++) await later(1)
  assert.equal(await stateOf(tenant), 'active')
  const remote = await remoteOf(tenant)
  assert.deepEqual(
    ['state', 'last_error', 'drift', 'untold'].map((name) => at(remote, name)),
    ['ready', null, [], []],
  )
  assert.equal(at(remote, 'remote_id'), user()?.id)
  const credentials = await ask('GET', `${path}/credentials`)
  assert.ok(credentials.text.includes(String(user()?.password)))

  await ask('PATCH', path, { first_name: 'Anna', display_name: 'Anna Lee' })
  await later(1)
  assert.deepEqual([user()?.givenName, user()?.displayName], ['Anna', 'Anna Lee'])
  await ask('POST', `${path}/suspend`)
  await later(1)
  assert.deepEqual([user()?.accountEnabled, user()?.sessionsRevoked], [false, 1])
  await ask('POST', `${path}/resume`)
  const before = user()?.password
  await ask('POST', `${path}/password`, {})
  await later(1)
  assert.equal(user()?.accountEnabled, true)
  assert.notEqual(user()?.password, before)

  await ask('POST', `${path}/aliases`, { address: 'a.lee@demo.example' })
  await later(1)
  const shown = await remoteOf(tenant)
  assert.equal(at(shown, 'error_kind'), 'unsupported')
  assert.match(textAt(shown, 'last_error'), /Set-Mailbox .* @\{Add='smtp:a\.lee@demo\.example'\}/)
  assert.equal(await stateOf(tenant), 'active')

  await ask('DELETE', path)
  await later(1)
  assert.equal(microsoft.state.users.size, 0)
  assert.equal(microsoft.state.deleted.size, 1)
  await ask('POST', `${path}/restore`)
  await later(1)
  await later(1)
  assert.equal(user()?.assignedLicenses.length, 1)
  assert.equal(at(await remoteOf(tenant), 'state'), 'ready')
  assert.deepEqual(microsoft.state.complaints, [])
})

test('renamed, with what Graph cannot take away as a step for a person', async () => {
  await using tenant = await startTenant()
  const { ask, later, microsoft, user } = tenant
  await ask('POST', '/v1/mailboxes', ann)
  await later(1)
  const renamed = '/v1/mailboxes/anna@demo.example'
  await ask('POST', `${path}/rename`, { address: 'anna@demo.example', alias_days: 30 })
  await later(1)
  const made = user()
  assert.deepEqual(
    [made?.userPrincipalName, made?.mail, made?.mailNickname, made?.proxyAddresses],
    ['anna@demo.example', 'anna@demo.example', 'anna', ['SMTP:anna@demo.example', 'smtp:ann@demo.example']],
  )
  const remote = (await ask('GET', `${renamed}/remote`)).json
  assert.deepEqual(
    ['state', 'last_error', 'drift', 'untold'].map((name) => at(remote, name)),
    ['ready', null, [], []],
  )
  await ask('DELETE', `${renamed}/aliases/ann@demo.example`)
  await later(1)
  const left = (await ask('GET', `${renamed}/remote`)).json
  assert.deepEqual(at(left, 'drift'), ['The alias ann@demo.example is still there.'])
  assert.match(textAt(left, 'last_error'), /Set-Mailbox .* @\{Remove='smtp:ann@demo\.example'\}/)
  assert.equal(microsoft.state.users.size, 1)
  assert.deepEqual(microsoft.state.complaints, [])
})

test('a picture is there as it is shown here, once there is a mailbox to have it, and goes', async () => {
  await using tenant = await startTenant()
  const { api, ask, later, microsoft, user } = tenant
  microsoft.state.provisioningMs = 20 * 60_000
  const { json } = await ask('POST', '/v1/mailboxes', ann)
  const content_base64 = (await plain(red).png().toBuffer()).toString('base64')
  await ask('PUT', `${path}/picture`, { content_base64 })
  await later(1)
  assert.equal(user()?.photo, null)
  await later(20)
  assert.equal(await stateOf(tenant), 'active')
  assert.deepEqual(user()?.photo, await pictureJpeg(api.platform.db, textAt(json, 'id')))
  await ask('DELETE', `${path}/picture`)
  await later(1)
  assert.equal(user()?.photo, null)
  assert.deepEqual([at(await remoteOf(tenant), 'untold'), microsoft.state.complaints], [[], []])
})

test('a new mailbox waits for the one that had its address before to be deleted there', async () => {
  await using tenant = await startTenant()
  const { ask, later, microsoft, user } = tenant
  await ask('POST', '/v1/mailboxes', ann)
  await later(1)
  const first = user()?.id
  const body = '{"error":{"code":"Request_ResourceNotFound","message":"Not yet."}}'
  microsoft.answerNext({ status: 404, only: /^DELETE /, body })
  await ask('DELETE', `${path}?purge=true`)
  await ask('POST', '/v1/mailboxes', ann)
  await later(0)
  assert.equal(await stateOf(tenant), 'provisioning')
  assert.match(textAt(await remoteOf(tenant), 'last_error'), /still being deleted/)
  await later(1)
  await later(1)
  assert.equal(await stateOf(tenant), 'active')
  assert.notEqual(user()?.id, first)
  assert.deepEqual([...microsoft.state.deleted.keys()], [first])
})

test('a licence that an attempt did not get, or somebody took away, is got by a later one', async () => {
  await using tenant = await startTenant()
  const { ask, later, microsoft, user } = tenant
  microsoft.answerNext({ status: 503, only: /assignLicense$/ })
  await ask('POST', '/v1/mailboxes', ann)
  await later(0)
  assert.equal(user()?.assignedLicenses.length, 0)
  await later(5)
  await later(5)
  assert.equal(user()?.assignedLicenses.length, 1)
  assert.equal(microsoft.state.users.size, 1)
  assert.equal(await stateOf(tenant), 'active')

  user()?.assignedLicenses.pop()
  await observeAll(tenant.api.platform)
  await later(1)
  assert.equal(at(await remoteOf(tenant), 'observed', 'problem'), 'The user has no licence.')
  const looks = tenant.api.platform.db.selectFrom('mailbox_remotes').select(['observed_at', 'usage_at'])
  const { observed_at: seenAt, usage_at: usageAt } = await looks.executeTakeFirstOrThrow()
  assert.deepEqual([seenAt === null, usageAt], [false, null], 'usage is not asked for where it is not told')
  await ask('POST', `${path}/remote/retry`)
  await later(1)
  assert.equal(user()?.assignedLicenses.length, 1)
  assert.equal(at(await remoteOf(tenant), 'observed', 'problem'), null)
})

test('a connection stays with its tenant as long as there is a mailbox in it', async () => {
  await using tenant = await startTenant()
  const { ask, later, microsoft, connectionId } = tenant
  const connection = `/v1/service-connections/${connectionId}`
  await ask('POST', '/v1/mailboxes', ann)
  await later(1)
  const { settings } = connectionBody(microsoft)
  await ask('PATCH', connection, { settings: { ...settings, usage_location: 'FR' } })
  microsoft.state.tenantId = randomUUID()
  const { settings: other } = connectionBody(microsoft)
  const refused = await tenant.api.call('PATCH', connection, { body: { settings: other } })
  assert.equal(refusal(refused), '409 service_connection_in_use')
})

test('a connection is made with what the tenant takes, and waited for when it takes it no more', async () => {
  await using tenant = await startTenant()
  const { ask, later, microsoft, connectionId } = tenant
  const body = connectionBody(microsoft)
  const wrong = await tenant.api.call('POST', '/v1/service-connections', {
    body: { ...body, secret: 'wrong-secret~1' },
  })
  assert.equal(textAt(wrong.json, 'code'), 'service_credentials_refused')
  assert.match(wrong.text, /AADSTS7000215/)
  assert.ok(!wrong.text.includes('wrong-secret'))
  const { sku_part_number: _, ...settings } = body.settings
  const incomplete = await tenant.api.call('POST', '/v1/service-connections', { body: { ...body, settings } })
  assert.equal(textAt(incomplete.json, 'code'), 'invalid_request')

  microsoft.answerNext({ status: 429, headers: { 'retry-after': '120' }, only: /GET \S+\/users\// })
  await ask('POST', '/v1/mailboxes', ann)
  await later(0)
  const asked = microsoft.state.requests.length
  await later(1)
  assert.equal(microsoft.state.requests.length, asked, 'not before two minutes are over')
  const [secret = ''] = microsoft.state.secrets.splice(0)
  microsoft.state.endedSecrets.push(secret)
  microsoft.revokeTokens()
  await later(2)
  const failing = (await ask('GET', `/v1/service-connections/${connectionId}`)).json
  assert.equal(at(failing, 'state'), 'failing')
  assert.match(textAt(failing, 'last_error'), /AADSTS7000222/)
  assert.ok(!JSON.stringify(failing).includes(secret))
  microsoft.state.secrets.push('another-secret~1')
  for (const sku of microsoft.state.skus) sku.seats = 0
  const noSeats = await tenant.api.call('PATCH', `/v1/service-connections/${connectionId}`, {
    body: { secret: 'another-secret~1' },
  })
  assert.match(noSeats.text, /All 0 seats of EXCHANGESTANDARD are taken/)
  for (const sku of microsoft.state.skus) sku.seats = 1
  await ask('PATCH', `/v1/service-connections/${connectionId}`, { secret: 'another-secret~1' })
  await later(5)
  assert.equal(await stateOf(tenant), 'active')
  await ask('POST', '/v1/mailboxes', { ...ann, address: 'bob@demo.example' })
  await later(1)
  const bob = (await ask('GET', '/v1/mailboxes/bob@demo.example/remote')).json
  assert.deepEqual([at(bob, 'state'), at(bob, 'error_kind')], ['failed', 'no_seats'])
  assert.equal(microsoft.state.users.size, 1)
})
