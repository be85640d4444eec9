/**
 * What a dialect adds to the native call that does the same: both are called in turn on one connection each, so that
 * whatever else the machine does falls on both. A line of `calls` is one comparison.
 */
import { Agent, request } from 'node:http'
import { type ChildServer, callApi } from '../src/testing/child-server.ts'
import { percentile } from './percentile.ts'
import { makeMailboxes, withServer } from './server.ts'
import type { Row } from './table.ts'

const mailboxes = 1000
const messages = 60
const warmUps = 200
const addsPercentMax = 15
const password = 'correct-horse-42-battery'

/** What there is to call about. */
type Ground = {
  server: ChildServer
  workspaceId: string
  domainId: string
  mailboxIds: string[]
  /** An identity whose mailbox has `messages` in its inbox. */
  agent: { handle: string; address: string; messageId: string }
}

type Call = { method: string; path: string; headers: Record<string, string>; body?: object }

type Comparison = {
  what: string
  /** The n-th call of each kind; `n` rises with every call of either. */
  native: (ground: Ground, n: number) => Call
  dialect: (ground: Ground, n: number) => Call
}

const calls: readonly Comparison[] = [
  {
    what: 'Scaleway: get a mailbox',
    native: (ground, n) => native(ground, 'GET', `/v1/mailboxes/${oneOf(ground.mailboxIds, n)}`),
    dialect: (ground, n) => scaleway(ground, 'GET', `/mailboxes/${oneOf(ground.mailboxIds, n)}`),
  },
  {
    what: 'Scaleway: list 50 mailboxes',
    native: (ground) => native(ground, 'GET', '/v1/mailboxes?limit=50'),
    dialect: (ground) => scaleway(ground, 'GET', '/mailboxes?page_size=50'),
  },
  {
    what: 'Scaleway: create a mailbox',
    native: (ground, n) =>
      native(ground, 'POST', '/v1/mailboxes', { address: `new${n}@bench.test`, password }),
    dialect: (ground, n) =>
      scaleway(ground, 'POST', '/batch-create-mailboxes', {
        domain_id: ground.domainId,
        subscription_period: 'monthly',
        mailboxes: [{ local_part: `new${n}`, password }],
      }),
  },
  {
    what: 'Inkbox: get an identity',
    native: (ground) => native(ground, 'GET', `/v1/identities/${ground.agent.handle}`),
    dialect: (ground) => inkbox(ground, 'GET', `/identities/${ground.agent.handle}`),
  },
  {
    what: 'Inkbox: create an identity',
    native: (ground, n) =>
      native(ground, 'POST', '/v1/identities', { handle: `agent-${n}`, address: `agent-${n}@bench.test` }),
    dialect: (ground, n) => inkbox(ground, 'POST', '/identities', { agent_handle: `agent-${n}` }),
  },
  {
    what: 'Inkbox: list 50 messages',
    native: (ground) => native(ground, 'GET', `${nativeMessages(ground)}?limit=50`),
    dialect: (ground) => inkbox(ground, 'GET', `${inkboxMessages(ground)}?limit=50`),
  },
  {
    what: 'Inkbox: get a message',
    native: (ground) => native(ground, 'GET', `${nativeMessages(ground)}/${ground.agent.messageId}`),
    dialect: (ground) => inkbox(ground, 'GET', `${inkboxMessages(ground)}/${ground.agent.messageId}`),
  },
  {
    what: 'Inkbox: send a message',
    native: (ground) =>
      native(ground, 'POST', nativeMessages(ground), { to: [receiver], subject: 'Hello', text: 'Hello.' }),
    dialect: (ground) =>
      inkbox(ground, 'POST', inkboxMessages(ground), {
        recipients: { to: [receiver] },
        subject: 'Hello',
        body_text: 'Hello.',
      }),
  },
  {
    what: 'InboxKit: get a mailbox',
    native: (ground, n) => native(ground, 'GET', `/v1/mailboxes/${oneOf(ground.mailboxIds, n)}`),
    dialect: (ground, n) => inboxkit(ground, 'GET', `/mailboxes/details?uid=${oneOf(ground.mailboxIds, n)}`),
  },
  {
    what: 'InboxKit: list 50 mailboxes',
    native: (ground) => native(ground, 'GET', '/v1/mailboxes?limit=50'),
    dialect: (ground) => inboxkit(ground, 'POST', '/mailboxes/list', { page: 1, limit: 50 }),
  },
  {
    what: 'InboxKit: list 50 domains',
    native: (ground) => native(ground, 'GET', '/v1/domains?limit=50'),
    dialect: (ground) => inboxkit(ground, 'POST', '/domains/list', { page: 1, limit: 50 }),
  },
  {
    what: 'Zapmail: get a mailbox with its credentials',
    native: (ground, n) => native(ground, 'GET', `/v1/mailboxes/${oneOf(ground.mailboxIds, n)}/credentials`),
    dialect: (ground, n) => zapmail(ground, 'GET', `/mailboxes?id=${oneOf(ground.mailboxIds, n)}`),
  },
  {
    what: 'Zapmail: list DNS records',
    native: (ground) => native(ground, 'GET', '/v1/domains/bench.test/dns'),
    dialect: (ground) => zapmail(ground, 'GET', `/dns?id=${ground.domainId}`),
  },
]

const receiver = 'receiver@bench.test'

function nativeMessages({ agent }: Ground): string {
  return `/v1/mailboxes/${agent.address}/messages`
}

function inkboxMessages({ agent }: Ground): string {
  return `/mail/mailboxes/${agent.address}/messages`
}

/** @param count calls of each kind. */
export async function dialects(count = 2000): Promise<Row[]> {
  return await withServer(async (server) => {
    const ground = await makeGround(server)
    const rows: Row[] = []
    for (const comparison of calls) rows.push(...(await compare(ground, comparison, count)))
    return rows
  })
}

async function makeGround(server: ChildServer): Promise<Ground> {
  await makeMailboxes(server, 'user', mailboxes)
  const domain = await callApi<{ id: string }>(server, 'GET', '/v1/domains/bench.test')
  const page = await callApi<{ data: { id: string }[] }>(server, 'GET', '/v1/mailboxes?limit=200')
  const workspaces = await callApi<{ data: { id: string }[] }>(server, 'GET', '/v1/workspaces')
  const agent = await makeAgent(server)
  return {
    server,
    workspaceId: workspaces.data[0]?.id ?? '',
    domainId: domain.id,
    mailboxIds: page.data.map(({ id }) => id),
    agent,
  }
}

async function makeAgent(server: ChildServer): Promise<Ground['agent']> {
  const [handle, address] = ['bench-agent', 'bench-agent@bench.test']
  await callApi(server, 'POST', '/v1/identities', { handle, address })
  await callApi(server, 'POST', '/v1/mailboxes', { address: receiver })
  const message = { to: [address], subject: 'A message of the bench', text: 'Some words. '.repeat(50) }
  for (let sent = 0; sent < messages; sent++) {
    await callApi(server, 'POST', `/v1/mailboxes/${receiver}/messages`, message)
  }
  const page = await callApi<{ data: { id: string }[] }>(
    server,
    'GET',
    `/v1/mailboxes/${address}/messages?limit=1`,
  )
  return { handle, address, messageId: page.data[0]?.id ?? '' }
}

async function compare(ground: Ground, comparison: Comparison, count: number): Promise<Row[]> {
  using nativeAgent = oneConnection()
  using dialectAgent = oneConnection()
  const times = { native: [] as number[], dialect: [] as number[] }
  const callNative = async (n: number): Promise<number> =>
    times.native.push(await timeOf(ground, nativeAgent.agent, comparison.native(ground, n)))
  const callDialect = async (n: number): Promise<number> =>
    times.dialect.push(await timeOf(ground, dialectAgent.agent, comparison.dialect(ground, n)))
  for (let round = 0; round < warmUps + count; round++) {
    if (round === warmUps) for (const kind of Object.values(times)) kind.length = 0
    // Whoever is second finds warmer caches: they take turns at that, too.
    const [first, second] = round % 2 === 0 ? [callNative, callDialect] : [callDialect, callNative]
    await first(2 * round)
    await second(2 * round + 1)
  }
  const [nativeMs, dialectMs] = [percentile(times.native, 0.5), percentile(times.dialect, 0.5)]
  const { what } = comparison
  return [
    { what: `${what}: natively, median`, value: nativeMs, unit: 'ms' },
    { what: `${what}: in the dialect, median`, value: dialectMs, unit: 'ms' },
    {
      what: `${what}: the dialect adds`,
      value: (dialectMs / nativeMs - 1) * 100,
      unit: '%',
      goal: { atMost: addsPercentMax },
    },
  ]
}

function oneConnection(): Disposable & { agent: Agent } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return { agent, [Symbol.dispose]: () => agent.destroy() }
}

/** @returns milliseconds until the whole reply is there. @throws for one that is no success. */
async function timeOf(
  { server }: Ground,
  agent: Agent,
  { method, path, headers, body }: Call,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const text = body === undefined ? undefined : JSON.stringify(body)
  const from = performance.now()
  const sent = request(new URL(path, server.endpoints.http ?? ''), {
    method,
    agent,
    headers: text === undefined ? headers : { ...headers, 'content-type': 'application/json' },
  })
  sent.on('error', reject)
  sent.on('response', (response) => {
    const { statusCode = 0 } = response
    response.on('error', reject)
    response.on('end', () => (statusCode < 300 ? resolve() : reject(new Error(`${path}: ${statusCode}`))))
    response.resume()
  })
  sent.end(text)
  await promise
  return performance.now() - from
}

function native({ server }: Ground, method: string, path: string, body?: object): Call {
  const call = { method, path, headers: { authorization: `Bearer ${server.apiKey}` } }
  return body === undefined ? call : { ...call, body }
}

function scaleway({ server }: Ground, method: string, path: string, body?: object): Call {
  const headers = { 'x-auth-token': server.apiKey }
  const call = { method, path: `/scaleway/mailbox/v1alpha1${path}`, headers }
  return body === undefined ? call : { ...call, body }
}

function inkbox({ server }: Ground, method: string, path: string, body?: object): Call {
  const call = { method, path: `/inkbox/api/v1${path}`, headers: { 'x-api-key': server.apiKey } }
  return body === undefined ? call : { ...call, body }
}

function inboxkit({ server, workspaceId }: Ground, method: string, path: string, body?: object): Call {
  const headers = { authorization: `Bearer ${server.apiKey}`, 'x-workspace-id': workspaceId }
  const call = { method, path: `/inboxkit/v1/api${path}`, headers }
  return body === undefined ? call : { ...call, body }
}

function zapmail({ server }: Ground, method: string, path: string): Call {
  return { method, path: `/zapmail/api/v2${path}`, headers: { 'x-auth-zapmail': server.apiKey } }
}

function oneOf(ids: readonly string[], n: number): string {
  return ids[(n * 7919) % ids.length] ?? ''
}
