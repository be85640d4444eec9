/** That the stand-in for Microsoft refuses what Microsoft refuses: else tests against it prove nothing. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { type MicrosoftStandIn, startMicrosoft } from './microsoft-stand-in.ts'

const user = {
  accountEnabled: true,
  displayName: 'Ann Lee',
  mailNickname: 'ann',
  userPrincipalName: 'ann@demo.example',
  usageLocation: 'DE',
  passwordProfile: { password: 'A good password, 1', forceChangePasswordNextSignIn: false },
}

type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<{ status: number; json: Record<string, unknown>; headers: Headers }>

async function login({ state, loginUrl }: MicrosoftStandIn, form: Record<string, string> = {}) {
  const [secret = ''] = state.secrets
  const whole = {
    client_id: state.clientId,
    client_secret: secret,
    scope: 'https://graph.microsoft.com/.default',
    grant_type: 'client_credentials',
    ...form,
  }
  const url = `${loginUrl}/${state.tenantId}/oauth2/v2.0/token`
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(whole) })
  return { status: response.status, json: Object(await response.json()) }
}

async function asker(microsoft: MicrosoftStandIn): Promise<Ask> {
  const { json } = await login(microsoft)
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${microsoft.graphUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${json.access_token}`,
        'client-request-id': randomUUID(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, json: text === '' ? {} : JSON.parse(text), headers: response.headers }
  }
}

test('the login refuses what is not asked for in its form', async (t) => {
  await using microsoft = await startMicrosoft()
  assert.equal((await login(microsoft)).status, 200)
  const cases: [Record<string, string>, number, number][] = [
    [{ grant_type: 'password' }, 400, 70003],
    [{ scope: 'https://graph.microsoft.com/User.Read.All' }, 400, 70011],
    [{ client_secret: 'x' }, 401, 7000215],
    [{ client_id: 'x' }, 400, 700016],
  ]
  for (const [form, status, code] of cases) {
    await t.test(Object.keys(form).join(), async () => {
      const reply = await login(microsoft, form)
      assert.deepEqual([reply.status, reply.json.error_codes], [status, [code]])
    })
  }
})

test('Graph refuses what it does not know, misses, or keeps to itself', async (t) => {
  await using microsoft = await startMicrosoft()
  const ask = await asker(microsoft)
  const { status, json, headers } = await ask('POST', '/users', user)
  assert.equal(status, 201)
  assert.deepEqual(Object.keys(json).sort(), [
    'displayName',
    'givenName',
    'id',
    'mail',
    'surname',
    'userPrincipalName',
  ])
  assert.match(headers.get('request-id') ?? '', /^[0-9a-f-]{36}$/)
  const path = `/users/${json['id']}`
  const [sku] = microsoft.state.skus
  const licence = { addLicenses: [{ skuId: sku?.skuId }], removeLicenses: [] }
  const { usageLocation: _, ...placeless } = { ...user, userPrincipalName: 'bob@demo.example' }
  const bob = await ask('POST', '/users', placeless)
  const { displayName: __, ...nameless } = user
  const plain = { 'content-type': 'text/plain' }
  const cases: [string, number, Parameters<Ask>][] = [
    ['a property that there is not', 400, ['PATCH', path, { nickname: 'x' }]],
    ['a missing property', 400, ['POST', '/users', nameless]],
    ['aliases', 400, ['PATCH', path, { proxyAddresses: ['smtp:a@demo.example'] }]],
    ['an employeeId of 17 characters', 400, ['PATCH', path, { employeeId: 'x'.repeat(17) }]],
    ['an empty name', 400, ['PATCH', path, { givenName: '' }]],
    ['an empty change', 400, ['PATCH', path, {}]],
    ['a taken name', 400, ['POST', '/users', user]],
    ['a licence without arrays', 400, ['POST', `${path}/assignLicense`, { addLicenses: [] }]],
    ['a licence without a place', 400, ['POST', `/users/${bob.json['id']}/assignLicense`, licence]],
    [
      'an unknown licence',
      400,
      ['POST', `${path}/assignLicense`, { ...licence, addLicenses: [{ skuId: 'x' }] }],
    ],
    ['another content type', 415, ['PATCH', path, { displayName: 'x' }, plain]],
    ['an unknown $select', 400, ['GET', `${path}?$select=password`]],
    ['several clauses without the index', 400, ['GET', "/users?$filter=mail eq 'a' or mail eq 'b'"]],
    ['the index without a count', 400, ['GET', '/users', undefined, { consistencylevel: 'eventual' }]],
    ['no token', 401, ['GET', path, undefined, { authorization: '' }]],
    ['no mailbox', 404, ['GET', `${path}/mailboxSettings`]],
    ['a change', 204, ['PATCH', path, { displayName: 'Ann' }]],
    ['a licence', 200, ['POST', `${path}/assignLicense`, licence]],
    ['a mailbox', 200, ['GET', `${path}/mailboxSettings`]],
    ['a deletion', 204, ['DELETE', path]],
    ['a user that is deleted', 404, ['GET', path]],
    ['a restoration', 200, ['POST', `/directory/deletedItems/${json['id']}/restore`]],
  ]
  for (const [name, expected, call] of cases) {
    await t.test(name, async () => {
      const reply = await ask(...call)
      assert.equal(reply.status, expected, JSON.stringify(reply.json))
      if (expected === 204) assert.deepEqual(reply.json, {})
    })
  }
  assert.deepEqual(microsoft.state.complaints, [])
  await ask('GET', '/groups')
  await ask('GET', path, undefined, { 'client-request-id': 'x' })
  assert.equal(microsoft.state.complaints.length, 2)
})
