/**
 * Every route of the running server, as everybody who must not: with ids of another's, with too few rights, with no key.
 * The routes come from the server itself, so that one that is new is called here before anybody thought of it.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { may, roles } from '../accounts/roles.ts'
import { type ListedRoute, listRoutes } from '../testing/route-list.ts'
import { type Caller, makeCallers } from '../testing/tenant-callers.ts'
import {
  bodyOf,
  callAs,
  comparable,
  type Filled,
  type Form,
  filled,
  formsOf,
  inParallel,
  plainForm,
  referencesOf,
} from '../testing/tenant-calls.ts'
import { makeTenantObjects, type TenantObjects } from '../testing/tenant-objects.ts'
import { differences, rowsOf, type TenantRows } from '../testing/tenant-rows.ts'
import { type Reply, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { loggedIn } from '../testing/test-members.ts'

/** Routes that ask for no caller, or are pages for people: what they show is nobody's or comes with a token. */
const callerless = [
  'GET /',
  'GET /.well-known/acme-challenge/{token}',
  'GET /docs',
  'GET /docs/',
  'GET /docs/errors/{code}',
  'GET /docs/js/scalar.js',
  'GET /healthz',
  'GET /metrics',
  'GET /o/{file}',
  'GET /readyz',
  'GET /unsubscribe/{token}',
  'GET /v1/openapi.json',
  'POST /unsubscribe/{token}',
  'POST /v1/invitations/accept',
  'POST /v1/payments/stripe/webhook',
  'POST /v1/sessions',
]

/** POSTs that only look, and keep at most the price that they showed: who may only read may make them. */
const looking = [
  'POST /v1/domains/search',
  'POST /v1/domains/{domain}/renewal-quotes',
  'POST /v1/mailboxes/{mailbox}/filters/check',
]

/** They ask a vendor with the credentials given, for whoever may have a connection of their own. */
const askingVendors = ['POST /v1/dns-hosts', 'POST /v1/service-connections', 'POST /v1/sequencers']

/** It has no end that a call could wait for: events.test.ts calls it as everybody who must not. */
const endless = 'GET /v1/events/stream'

/** It ends the session that calls it, which has more to call. */
const endingItself = 'DELETE /v1/sessions/current'

/** Who is bound to a mailbox makes keys that are bound to it, too. */
const makingKeys = 'POST /v1/api-keys'

/** What the organization has, whatever workspace a call is about; and what its operator sets for all. */
const organizationWide =
  /^\/v1\/(?:invoices\/\{invoice\}\/credit-notes|workspaces|members|invitations|api-keys|mailbox-limits|destinations|dns-secondaries|domain-markups|tsig-keys|prices|plans|coupons|wallets|wallet\/top-ups\/\{top_up\}\/refunds|billing-settings)\b/

/** What the operator offers to everybody. */
const offers = ['GET /v1/plans', 'GET /v1/plans/{plan}']

/** What a workspace says of itself and for each of its mailboxes: who is bound to one may read it. */
const holdingForEach = [
  'GET /v1/workspaces/{workspace}',
  'GET /v1/workspaces/{workspace}/mailbox-settings',
  'GET /v1/workspaces/{workspace}/policy',
  'GET /v1/workspaces/{workspace}/service-mapping',
]

let api: TestApi
let routes: ListedRoute[]
let objects: TenantObjects
let otherWorkspaceId: string
let rowsBefore: TenantRows

let strangers: Caller[]
let neighbours: Caller[]
let readers: Caller[]
let nobodies: Caller[]

before(async () => {
  api = await startTestApi({
    requestsPerMinute: 1e9,
    environment: { MAILWRIGHT_HOSTNAME: 'mx.ours.example', MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.80' },
  })
  routes = (await listRoutes(api)).filter(({ isOpen, name }) => !isOpen && name !== endless)
  objects = await makeTenantObjects(api)
  otherWorkspaceId = textAt(
    (await api.call('POST', '/v1/workspaces', { body: { name: 'Other' } })).json,
    'id',
  )
  ;({ strangers, neighbours, readers, nobodies } = await makeCallers(api, otherWorkspaceId))
  rowsBefore = await tenantRows()
})
after(() => api[Symbol.asyncDispose]())

const tenantRows = () => rowsOf(api.platform.db, api.scope.organizationId, api.scope.workspaceId)

type Called = { caller: Caller; route: ListedRoute; path: Filled; form: Form }

/** Every form of a call of these routes, filled with what the tenant has. */
function callsOf(caller: Caller, chosen: readonly ListedRoute[]): Called[] {
  return chosen.flatMap((route) =>
    filled(route, objects, caller.own).flatMap((path) =>
      (caller.isLikeAnother ? [plainForm(route)] : formsOf(route)).map((form) => ({
        caller,
        route,
        path,
        form,
      })),
    ),
  )
}

const changes = (route: ListedRoute): boolean => route.method !== 'GET' && !looking.includes(route.name)
const hasNames = ({ path }: ListedRoute): boolean => path.includes('{')

/** Makes the calls, and says of each that is not answered as it must be what it was. */
async function wrongAnswers(
  calls: readonly Called[],
  wrong: (reply: Reply, call: Called) => Promise<string | null> | string | null,
): Promise<string[]> {
  const found: string[] = []
  await inParallel(calls, async (call) => {
    const reply = await callAs(api, call.caller, call.route, call.path.seen, call.form)
    const what = await wrong(reply, call)
    const { caller, route, path, form } = call
    if (what !== null) found.push(`${caller.name}: ${route.method} ${path.seen}${form.query}: ${what}`)
  })
  return found.sort()
}

const shown = ({ status, text }: Reply): string => `${status} ${text.slice(0, 200)}`

/** @returns what is wrong with a reply of any other status. */
function answeredWith(...statuses: number[]): (reply: Reply) => string | null {
  return (reply) => (statuses.includes(reply.status) ? null : shown(reply))
}

test('every route is one that this test can call, or is named as one that asks for no caller', () => {
  const problems: string[] = []
  for (const route of routes) {
    try {
      filled(route, objects)
      bodyOf(route)
      referencesOf(route, objects, strangers[0]?.own)
    } catch (error) {
      problems.push(
        `${route.name}: ${error instanceof Error ? error.message : error}. Make one in src/testing/tenant-objects.ts, ` +
          'or write the body down in src/testing/tenant-calls.ts.',
      )
    }
  }
  assert.deepEqual(problems, [])
  const called = new Set(routes.map(({ name }) => name))
  const all = api.server.routes.map((name) => name.replace(/:(\w+)/g, '{$1}'))
  const left = all.filter((name) => !called.has(name)).sort()
  assert.deepEqual(
    left,
    [...callerless, endless].sort(),
    'a route that asks for no caller must be named above, with a reason',
  )
})

test('the tenant itself finds what it has', async () => {
  const chosen = routes.filter(({ method, path }) => method === 'GET' && objects.byPath.has(path))
  const caller: Caller = { name: 'the tenant', key: api.apiKey, isLikeAnother: true }
  assert.deepEqual(await wrongAnswers(callsOf(caller, chosen), answeredWith(200)), [])
})

test('what is another’s is refused like what does not exist, byte for byte', async () => {
  const calls = strangers.flatMap((caller) => callsOf(caller, foreignTo(caller).filter(hasNames)))
  const wrong = await wrongAnswers(calls, async (reply, { caller, route, path, form }) => {
    if (caller.isLikeAnother) return answeredWith(403, 404)(reply)
    const missing = await callAs(api, caller, route, path.missing, form)
    const seen = comparable(
      reply,
      path.names.map(({ foreign }) => foreign),
    )
    const unseen = comparable(
      missing,
      path.names.map(({ unknown }) => unknown),
    )
    if (isDeepStrictEqual(seen, unseen)) return answeredWith(403, 404)(reply)
    return `${shown(reply)}, but of what does not exist: ${shown(missing)}`
  })
  assert.deepEqual(wrong, [])
})

/** The routes of which a caller may have nothing of the tenant's. */
function foreignTo({ reachesOrganization = false }: Caller): ListedRoute[] {
  return routes.filter(
    ({ name, path }) => !offers.includes(name) && !(reachesOrganization && organizationWide.test(path)),
  )
}

test('what is of another mailbox is refused to who is bound to one', async () => {
  const chosen = routes.filter((route) => hasNames(route) && !holdingForEach.includes(route.name))
  const calls = neighbours.flatMap((caller) => callsOf(caller, chosen))
  assert.deepEqual(await wrongAnswers(calls, answeredWith(403, 404)), [])
})

/** Calls of routes without names in their path, of which the body or the query may have some. */
function plainCalls(caller: Caller, chosen: readonly ListedRoute[]): Called[] {
  return chosen
    .filter((route) => !hasNames(route))
    .flatMap((route) => formsOf(route).map((form) => ({ caller, route, form, path: unnamed(route) })))
}

function unnamed({ path }: ListedRoute): Filled {
  return { seen: path, missing: path, names: [] }
}

test('lists and replies have nothing of another’s', async () => {
  const foreign = [...objects.byPath.values()].flat().map((one) => one.foreign)
  const marks = [...foreign, ...objects.secrets].filter((mark) => mark.length > 5)
  const calls = [...strangers, ...neighbours].flatMap((caller) => {
    const left = [...askingVendors, endingItself, ...(neighbours.includes(caller) ? [makingKeys] : [])]
    return plainCalls(
      caller,
      foreignTo(caller).filter(({ name }) => !left.includes(name)),
    )
  })
  const wrong = await wrongAnswers(calls, (reply, { caller, form }) => {
    const known = JSON.stringify([form.body ?? null, [...(caller.sees ?? [])]])
    const found = marks.filter((mark) => reply.text.includes(mark) && !known.includes(mark))
    if (found.length > 0) return `has ${found.join(', ')}: ${shown(reply)}`
    return reply.status >= 500 || [400, 401, 405, 415, 429].includes(reply.status) ? shown(reply) : null
  })
  assert.deepEqual(wrong, [])
})

test('what is another’s cannot be named beside one’s own, nor does its existence show', async () => {
  const references = [...strangers, ...neighbours].flatMap((caller) =>
    foreignTo(caller).flatMap((route) =>
      referencesOf(route, objects, caller.own)
        .filter(({ property }) => !caller.mayName?.includes(property))
        .map((reference) => ({ caller, route, ...reference })),
    ),
  )
  const wrong: string[] = []
  await inParallel(references, async ({ caller, route, path, property, names, seen, missing }) => {
    const reply = await callAs(api, caller, route, path, seen)
    const other = await callAs(api, caller, route, path, missing)
    const isLook = route.method === 'GET' || property === 'ids'
    const isRefused = isLook ? reply.status < 500 : reply.status > 400 && reply.status < 500
    const isAlike = isDeepStrictEqual(comparable(reply, [names.foreign]), comparable(other, [names.unknown]))
    if (isRefused && isAlike) return
    wrong.push(`${caller.name}: ${route.name} ${property}: ${shown(reply)}, but ${shown(other)}`)
  })
  assert.deepEqual(wrong.sort(), [])
})

test('who may only read changes nothing', async () => {
  const chosen = routes.filter((route) => changes(route) && route.name !== endingItself)
  const calls = readers.flatMap((caller) => [...callsOf(caller, chosen), ...plainCalls(caller, chosen)])
  assert.deepEqual(await wrongAnswers(calls, answeredWith(403)), [])
})

test('who may only read sees no secret', async () => {
  const chosen = routes.filter((route) => !changes(route))
  const calls = readers.flatMap((caller) => [...callsOf(caller, chosen), ...plainCalls(caller, chosen)])
  const wrong = await wrongAnswers(calls, (reply) => {
    const found = objects.secrets.filter((secret) => reply.text.includes(secret))
    if (found.length > 0) return `has the secret ${found}`
    return reply.status === 400 || reply.status >= 500 ? shown(reply) : null
  })
  assert.deepEqual(wrong, [])
})

test('who has no key that counts is told so by every route', async () => {
  const calls = nobodies.flatMap((caller) =>
    routes.map((route) => ({
      caller,
      route,
      path: filled(route, objects)[0] ?? unnamed(route),
      form: plainForm(route),
    })),
  )
  const wrong = await wrongAnswers(calls, (reply) =>
    reply.status === 401 && textAt(reply.json, 'code') === 'unauthenticated' ? null : shown(reply),
  )
  assert.deepEqual(wrong, [])
})

/** Changes of what is the whole organization's, which take `manage_organization` or `manage_members`. */
const organizationChanges = [
  'DELETE /v1/coupons/{coupon}',
  'DELETE /v1/destinations/{domain}',
  'DELETE /v1/dns-secondaries/{dns_secondary}',
  'DELETE /v1/domain-markups/{tld}',
  'DELETE /v1/domains/{domain}/shared',
  'DELETE /v1/invitations/{invitation}',
  'DELETE /v1/mailbox-limits/{limit}',
  'DELETE /v1/members/{member}',
  'DELETE /v1/plans/{plan}',
  'DELETE /v1/prices/{price}',
  'DELETE /v1/tsig-keys/{tsig_key}',
  'DELETE /v1/workspaces/{workspace}',
  'PATCH /v1/billing-settings',
  'PATCH /v1/coupons/{coupon}',
  'PATCH /v1/invitations/{invitation}',
  'PATCH /v1/members/{member}',
  'PATCH /v1/plans/{plan}',
  'PATCH /v1/prices/{price}',
  'PATCH /v1/wallets/{workspace}',
  'POST /v1/coupons',
  'POST /v1/dns-secondaries',
  'POST /v1/domain-orders/{order}/abandon',
  'POST /v1/invitations',
  'POST /v1/invoices/{invoice}/credit-notes',
  'POST /v1/members',
  'POST /v1/plans',
  'POST /v1/prices',
  'POST /v1/test/clock',
  'POST /v1/tsig-keys',
  'POST /v1/wallet/top-ups/{top_up}/refunds',
  'POST /v1/wallets/{workspace}/credits',
  'POST /v1/workspaces',
  'POST /v1/workspaces/{workspace}/sending/resume',
  'PUT /v1/destinations/{domain}',
  'PUT /v1/domain-markups/{tld}',
  'PUT /v1/domains/{domain}/shared',
  'PUT /v1/mailbox-limits',
  'PUT /v1/wallets/{workspace}/tax',
]

test('each role may change what the table of roles says', async () => {
  const chosen = routes.filter(
    (route) => changes(route) && !askingVendors.includes(route.name) && route.name !== endingItself,
  )
  for (const role of roles.filter((one) => may(one, 'write'))) {
    const { key } = await loggedIn(api, role)
    const refused = may(role, 'manage_organization') ? [] : organizationChanges
    // What does not exist is not found, in a workspace where what is made is in nobody's way.
    const elsewhere = { name: role, key, headers: { 'mailwright-workspace': otherWorkspaceId } }
    const tried = [...callsOf(elsewhere, chosen), ...plainCalls(elsewhere, chosen)].map((call) => ({
      ...call,
      path: { ...call.path, seen: call.path.missing },
    }))
    const wrong = await wrongAnswers(tried, (reply, { route }) => {
      const isWrong = [400, 401].includes(reply.status) || reply.status >= 500
      return isWrong || (reply.status === 403 && !refused.includes(route.name)) ? shown(reply) : null
    })
    assert.deepEqual(wrong, [])
    const its = chosen.filter(({ name }) => refused.includes(name))
    assert.equal(its.length, refused.length, 'a route in the list is gone')
    const caller = { name: role, key }
    const calls = [...callsOf(caller, its), ...plainCalls(caller, its)]
    assert.deepEqual(await wrongAnswers(calls, answeredWith(403)), [])
  }
})

test('an owner is out of an admin’s reach', async () => {
  const { key } = await loggedIn(api, 'admin')
  for (const [method, body] of [['PATCH', { role: 'viewer' }], ['DELETE']] as const) {
    const reply = await api.call(method, `/v1/members/${objects.ownerId}`, { key, body })
    assert.equal(reply.status, 403, reply.text)
  }
})

test('nothing of it had an effect on what the tenant has', async () => {
  const found = differences(rowsBefore, await tenantRows())
  // A quote is what a reader's search leaves; it is a price that was shown, and it goes in half an hour.
  assert.deepEqual(
    found.filter((one) => !one.startsWith('domain_quotes + ')),
    [],
  )
})
