import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anyAddress, tenantAddressRule } from '../../platform/outside-http.ts'
import { type JsonServer, startJsonServer } from '../../testing/json-server.ts'
import { SequencerError } from '../driver.ts'
import type { SequencerCall } from './calls.ts'
import { type PacedCallsOptions, paceCalls } from './paced-calls.ts'

const limits = { perMinute: 60, spacingMs: 200, addSpacingMs: 1500 }
const get = { method: 'GET', path: '/a' } as const

/** A clock that only sleeping moves. */
function openOn({ url }: JsonServer, more: Partial<PacedCallsOptions> = {}, clock = { nowMs: 5000 }) {
  const slept: number[] = []
  const calls = paceCalls({
    baseUrl: `${url}/base/`,
    limits,
    mayAsk: anyAddress,
    nextCallAt: null,
    now: () => clock.nowMs,
    wallNow: () => 1_800_000_000_000 + clock.nowMs,
    sleep: async (ms) => {
      slept.push(ms)
      clock.nowMs += ms
    },
    ...more,
  })
  return { ...calls, slept, clock }
}

async function failureOf(promise: Promise<unknown>): Promise<SequencerError> {
  const error: unknown = await promise.then(
    () => 'none',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof SequencerError, String(error))
  return error
}

test('calls start in order and keep their distances; one that adds waits for the end of the one before', async () => {
  let adding = 0
  await using server = await startJsonServer(async ({ path }) => {
    if (path !== '/base/add') return { status: 200, body: {} }
    adding += 1
    assert.equal(adding, 1)
    await new Promise((resolve) => setImmediate(resolve))
    adding -= 1
    return { status: 200, body: {} }
  })
  const { call, slept } = openOn(server, { limits: { ...limits, perMinute: 140 } }) // four may come at once
  const add = { method: 'POST', path: '/add', body: {}, adds: true } as const
  const replies = await Promise.all([call(get), call(get), call(add), call(add), call(get)])
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  )
  assert.deepEqual(server.requests.map(({ path }) => path).sort(), [
    ...['/base/a', '/base/a', '/base/a'],
    ...['/base/add', '/base/add'],
  ])
  assert.deepEqual(slept, [200, 200, 1500, 200])
})

test('answers that take long are not waited for before the next call, up to a number of them', async () => {
  const release = Promise.withResolvers<void>()
  let [running, most] = [0, 0]
  const full = Promise.withResolvers<void>()
  await using server = await startJsonServer(async () => {
    running += 1
    most = Math.max(most, running)
    if (running === 8) full.resolve()
    await release.promise
    running -= 1
    return { status: 200, body: {} }
  })
  const { call } = openOn(server, { limits: { perMinute: 600, spacingMs: 0, addSpacingMs: 0 } })
  const calls = Array.from({ length: 20 }, () => call(get))
  await full.promise
  release.resolve()
  await Promise.all(calls)
  assert.deepEqual([most, server.requests.length], [8, 20])
})

test('a limit outlives a run: the next begins where the last one ended', async () => {
  await using server = await startJsonServer(() => ({ status: 200, body: {} }))
  const clock = { nowMs: 0 }
  let nextCallAt: Date | null = null
  let called = 0
  while (clock.nowMs < 240_000) {
    const run = openOn(server, { limits: { ...limits, spacingMs: 0 }, nextCallAt }, clock)
    for (let count = 0; count < 7; count++) await run.call(get)
    called += 7
    nextCallAt = run.nextCallAt()
  }
  const minutes = clock.nowMs / 60_000
  assert.ok(called / minutes <= 60.9 && called / minutes >= 0.95 * 60, `${called} in ${minutes} minutes`)
})

test('a failed call takes its turn too, and the next one goes on', async () => {
  let calls = 0
  await using server = await startJsonServer(() => (++calls === 1 ? 'lost' : { status: 200, body: {} }))
  const { call, slept } = openOn(server)
  const [first, second] = await Promise.allSettled([call(get), call(get)])
  assert.deepEqual([first.status, second.status, slept], ['rejected', 'fulfilled', [200]])
})

test('a lost answer leaves a doubt only where something may have been changed', async () => {
  await using server = await startJsonServer(() => 'lost')
  const { call } = openOn(server)
  const cases: [SequencerCall, boolean][] = [
    [get, false],
    [{ method: 'POST', path: '/list', body: {}, reads: true }, false],
    [{ method: 'POST', path: '/add', body: {} }, true],
    [{ method: 'DELETE', path: '/a' }, true],
  ]
  for (const [wanted, maybeDone] of cases) {
    const error = await failureOf(call(wanted))
    assert.deepEqual([error.kind, error.maybeDone], ['unreachable', maybeDone], wanted.method)
  }
  const nobody = openOn({ ...server, url: 'http://127.0.0.1:1' })
  const refused = await failureOf(nobody.call({ method: 'POST', path: '/add', body: {} }))
  assert.equal(`${refused.message} ${refused.maybeDone}`, 'No answer (ECONNREFUSED). false')
})

test('what is in no words: the key of a path', async () => {
  await using lost = await startJsonServer(() => 'lost')
  await using moved = await startJsonServer(() => ({ status: 302, headers: { location: '/k3y' } }))
  const urls = [lost.url, moved.url, 'http://[bad', 'http://127.0.0.1:1']
  for (const url of urls) {
    const { call } = openOn({ ...lost, url })
    const error = await failureOf(call({ method: 'GET', path: '/?api_key=k3y' }))
    const all = `${error.stack} ${JSON.stringify(error)} ${error.cause instanceof Error ? error.cause.stack : ''}`
    assert.doesNotMatch(all, /k3y/)
    assert.equal(error.kind, 'unreachable')
  }
})

test('networks of our own are not called', async () => {
  await using server = await startJsonServer(() => ({ status: 200, body: {} }))
  const mayAsk = tenantAddressRule({ outboundNetworks: 'public' }, [])
  const error = await failureOf(openOn(server, { mayAsk }).call(get))
  assert.match(error.message, /network/)
  assert.equal(server.requests.length, 0)
})

test('waiting for a turn ends with the signal', async () => {
  await using server = await startJsonServer(() => ({ status: 200, body: {} }))
  const stop = new AbortController()
  const { call } = paceCalls({
    baseUrl: server.url,
    limits: { ...limits, spacingMs: 60_000 },
    mayAsk: anyAddress,
    nextCallAt: null,
    signal: stop.signal,
  })
  await call(get)
  const waiting = failureOf(call({ method: 'POST', path: '/', body: {} }))
  stop.abort()
  const error = await waiting
  assert.deepEqual([error.kind, error.maybeDone, server.requests.length], ['unreachable', false, 1])
})

test('a call that has begun ends with the signal, and may have been done', async () => {
  const asked = Promise.withResolvers<void>()
  const never = new Promise<{ status: number; body: object }>(() => undefined)
  await using server = await startJsonServer(() => {
    asked.resolve()
    return never
  })
  const stop = new AbortController()
  const { call } = paceCalls({
    baseUrl: server.url,
    limits,
    mayAsk: anyAddress,
    nextCallAt: null,
    signal: stop.signal,
  })
  const running = failureOf(call({ method: 'POST', path: '/', body: {} }))
  await asked.promise
  stop.abort()
  const error = await running
  assert.deepEqual([error.kind, error.maybeDone], ['unreachable', true])
})
