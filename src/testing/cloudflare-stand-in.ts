/**
 * A stand-in for Cloudflare's API v4, as far as DNS goes. It keeps zones and records, and holds every request against
 * the contract: what does not fit is noted in `complaints`, which a test expects to be empty.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type CloudflareRecord = {
  id: string
  type: string
  name: string
  content: string
  ttl: number
  proxied: boolean
  priority?: number
  data?: Record<string, unknown>
  comment?: string | null
}

export type CloudflareZone = {
  id: string
  name: string
  status: string
  accountId: string
  records: CloudflareRecord[]
}

export type CloudflareStandIn = AsyncDisposable & {
  /** For MAILWRIGHT_CLOUDFLARE_API_URL. */
  url: string
  token: string
  accountId: string
  zones: CloudflareZone[]
  /** `METHOD path` of every request. */
  requests: string[]
  complaints: string[]
  addZone(name: string, records?: Omit<CloudflareRecord, 'id'>[]): CloudflareZone
  /** The next batch is done, but its reply never arrives. */
  loseNextBatch(): void
  /** The next requests are answered so instead. */
  answerNext(reply: {
    status: number
    headers?: Record<string, string>
    body: string
    delayMs?: number
  }): void
}

type Failure = { status: number; code: number; message: string }
type Result = { result: unknown; result_info?: unknown } | { failure: Failure }

const operationsMax = 200
const perPageMax = 5_000_000

export async function startCloudflare(): Promise<CloudflareStandIn> {
  const state: State = {
    token: `cf-${randomBytes(16).toString('hex')}`,
    accountId: randomBytes(16).toString('hex'),
    zones: [],
    requests: [],
    complaints: [],
    canned: [],
    losesBatch: false,
  }
  const server = createServer((request, response) => void answer(state, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...state,
    url: `http://127.0.0.1:${port}/client/v4`,
    loseNextBatch: () => {
      state.losesBatch = true
    },
    addZone: (name, records = []) => addZone(state, name, records),
    answerNext: (reply) => void state.canned.push(reply),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

type Canned = { status: number; headers?: Record<string, string>; body: string; delayMs?: number }
type State = Pick<CloudflareStandIn, 'token' | 'accountId' | 'zones' | 'requests' | 'complaints'> & {
  canned: Canned[]
  losesBatch: boolean
}

function addZone(state: State, name: string, records: Omit<CloudflareRecord, 'id'>[]): CloudflareZone {
  const zone = {
    id: newId(),
    name,
    status: 'active',
    accountId: state.accountId,
    records: records.map((record) => ({ ...record, id: newId() })),
  }
  state.zones.push(zone)
  return zone
}

const newId = (): string => randomBytes(16).toString('hex')

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer) // a stream without encoding gives buffers
  const text = Buffer.concat(pieces).toString()
  const url = new URL(request.url ?? '', 'http://stand-in')
  state.requests.push(`${request.method} ${url.pathname}${url.search}`)
  const canned = state.canned.shift()
  if (canned) {
    const send = () => response.writeHead(canned.status, canned.headers).end(canned.body)
    if (canned.delayMs === undefined) send()
    else setTimeout(send, canned.delayMs).unref()
    return
  }
  const result = route(state, request, url, text)
  if (state.losesBatch && url.pathname.endsWith('/batch')) {
    state.losesBatch = false
    response.destroy()
    return
  }
  const failed = 'failure' in result
  const status = failed ? result.failure.status : 200
  const body = {
    success: !failed,
    errors: failed ? [{ code: result.failure.code, message: result.failure.message }] : [],
    messages: [],
    ...(failed ? { result: null } : result),
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function fail(status: number, code: number, message: string): { failure: Failure } {
  return { failure: { status, code, message } }
}

function route(state: State, request: IncomingMessage, url: URL, text: string): Result {
  const complain = (what: string): void => {
    state.complaints.push(`${request.method} ${url.pathname}${url.search}: ${what}`)
  }
  const { authorization = '' } = request.headers
  if (!/^Bearer [\x21-\x7e]+$/.test(authorization)) return fail(400, 9106, 'Missing X-Auth-Key')
  if (authorization !== `Bearer ${state.token}`) return fail(403, 10000, 'Authentication error')
  if (request.method === 'POST' && request.headers['content-type'] !== 'application/json') {
    complain('a body must be application/json')
  }
  if (request.method === 'GET' && text !== '') complain('a GET has no body')
  const path = url.pathname.replace('/client/v4', '')
  const body: unknown = text === '' ? {} : JSON.parse(text)
  if (path === '/zones' && request.method === 'GET') return listZones(state, url, complain)
  if (path === '/zones' && request.method === 'POST') return createZone(state, Object(body), complain)
  const [, id = '', rest = ''] = /^\/zones\/([^/]+)(\/.*)?$/.exec(path) ?? []
  const zone = state.zones.find((one) => one.id === id)
  if (!/^[0-9a-f]{32}$/.test(id)) {
    return fail(400, 7003, `Could not route to ${path}, perhaps your object identifier is invalid?`)
  }
  if (!zone) return fail(404, 1001, 'Invalid zone identifier')
  if (rest === '/dns_records' && request.method === 'GET') return listRecords(zone, url, complain)
  if (rest === '/dns_records/batch' && request.method === 'POST') return batch(zone, Object(body), complain)
  complain('there is no such route')
  return fail(400, 7000, `No route for that URI`)
}

type Complain = (what: string) => void

function knownParameters(url: URL, known: readonly string[], complain: Complain): void {
  for (const name of url.searchParams.keys()) if (!known.includes(name)) complain(`no parameter ${name}`)
}

function listZones(state: State, url: URL, complain: Complain): Result {
  knownParameters(url, ['name', 'per_page', 'page', 'account.id', 'status'], complain)
  const perPage = Number(url.searchParams.get('per_page') ?? 20)
  if (perPage < 5 || perPage > 50) complain('per_page of zones is from 5 to 50')
  const [name, account] = [url.searchParams.get('name'), url.searchParams.get('account.id')]
  const found = state.zones.filter(
    (zone) => (name === null || zone.name === name) && (account === null || zone.accountId === account),
  )
  const page = Number(url.searchParams.get('page') ?? 1)
  const shown = found.slice((page - 1) * perPage, page * perPage)
  return { result: shown.map(zoneView), result_info: pageInfo(page, perPage, found.length) }
}

function zoneView({ id, name, status, accountId }: CloudflareZone) {
  const servers = ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com']
  return { id, name, status, type: 'full', account: { id: accountId }, name_servers: servers }
}

function pageInfo(page: number, perPage: number, total: number) {
  return {
    page,
    per_page: perPage,
    count: total,
    total_count: total,
    total_pages: Math.max(Math.ceil(total / perPage), 1),
  }
}

function createZone(state: State, body: Record<string, unknown>, complain: Complain): Result {
  const { account, name, type, ...more } = body
  if (Object(account).id !== state.accountId) return fail(403, 1068, 'Permission denied')
  if (type !== 'full' || Object.keys(more).length > 0) complain('a zone is of the type full')
  if (typeof name !== 'string' || !/^[a-z0-9-]+\.[a-z]+$/.test(name)) {
    return fail(400, 1049, `${name} is not a registered domain`)
  }
  if (state.zones.some((zone) => zone.name === name)) return fail(400, 1061, `${name} already exists`)
  const zone = addZone(state, name, [])
  zone.status = 'pending'
  return { result: zoneView(zone) }
}

function listRecords(zone: CloudflareZone, url: URL, complain: Complain): Result {
  knownParameters(url, ['type', 'name', 'per_page', 'page'], complain)
  const perPage = Number(url.searchParams.get('per_page') ?? 100)
  const page = Number(url.searchParams.get('page') ?? 1)
  if (!(perPage >= 1 && perPage <= perPageMax)) complain('per_page is out of bounds')
  const records = zone.records.slice((page - 1) * perPage, page * perPage)
  return { result: records, result_info: pageInfo(page, perPage, zone.records.length) }
}

/** Deletes, then posts, all or nothing. */
function batch(zone: CloudflareZone, body: Record<string, unknown>, complain: Complain): Result {
  const { deletes = [], posts = [], ...more } = body
  if (Object.keys(more).length > 0) complain(`unexpected in a batch: ${Object.keys(more)}`)
  if (!Array.isArray(deletes) || !Array.isArray(posts)) return fail(400, 1004, 'DNS Validation Error')
  if (deletes.length + posts.length === 0) complain('an empty batch')
  if (deletes.length + posts.length > operationsMax) return fail(400, 81045, 'Too many operations in a batch')
  let records = [...zone.records]
  for (const one of deletes) {
    if (Object.keys(Object(one)).join() !== 'id') complain('a delete has an id and nothing else')
    if (!records.some(({ id }) => id === Object(one).id)) return fail(404, 81044, 'Record does not exist.')
    records = records.filter(({ id }) => id !== Object(one).id)
  }
  const made: CloudflareRecord[] = []
  for (const one of posts) {
    const record = newRecord(Object(one), complain)
    const clash = clashOf([...records, ...made], record, zone.name)
    if (clash) return clash
    made.push(record)
  }
  zone.records.splice(0, zone.records.length, ...records, ...made)
  return { result: { deletes, patches: [], puts: [], posts: made } }
}

function clashOf(records: readonly CloudflareRecord[], record: CloudflareRecord, apex: string) {
  const there = records.filter(({ name }) => name === record.name)
  const same = (one: CloudflareRecord): boolean =>
    one.type === record.type && one.content === record.content && one.priority === record.priority
  if (there.some(same)) return fail(400, 81058, 'An identical record already exists.')
  const isAddress = (type: string): boolean => ['A', 'AAAA', 'CNAME'].includes(type)
  const cname = there.some(({ type }) => type === 'CNAME')
  if (cname && isAddress(record.type))
    return fail(400, 81054, 'A CNAME record with that host already exists.')
  if (record.type === 'CNAME' && there.some(({ type }) => isAddress(type) || record.name !== apex)) {
    return fail(400, 81053, 'An A, AAAA, or CNAME record with that host already exists.')
  }
  return null
}

const dataOf: Record<string, (data: Record<string, unknown>) => string> = {
  SRV: ({ weight, port, target }) => `${weight} ${port} ${target}`,
  CAA: ({ flags, tag, value }) => `${flags} ${tag} "${value}"`,
  TLSA: ({ usage, selector, matching_type, certificate }) =>
    `${usage} ${selector} ${matching_type} ${certificate}`,
}

/** A record as it would be kept; what is wrong with the request is said. */
function newRecord(given: Record<string, unknown>, complain: Complain): CloudflareRecord {
  const { type, name, content, ttl, proxied, priority, data, comment, ...more } = given
  if (Object.keys(more).length > 0) complain(`unexpected in a record: ${Object.keys(more)}`)
  if (typeof type !== 'string' || typeof name !== 'string') complain('a record has a type and a name')
  if (typeof name === 'string' && (name.endsWith('.') || name !== name.toLowerCase()))
    complain(`bad name ${name}`)
  if (ttl !== 1 && !(typeof ttl === 'number' && ttl >= 60 && ttl <= 86_400)) complain(`bad ttl ${ttl}`)
  if (proxied !== false) complain('what mail needs is not proxied')
  if (typeof comment === 'string' && comment.length > 100) complain('a comment has at most 100 characters')
  const compose = dataOf[String(type)]
  if ((compose !== undefined) !== (data !== undefined)) complain(`${type} and data`)
  if ((compose === undefined) !== (typeof content === 'string')) complain(`${type} and content`)
  if ((type === 'MX') !== (typeof priority === 'number')) complain('MX, and only it, has a priority')
  if (type === 'TXT' && !/^"(?:[^"\\]|\\.)*"(?: "(?:[^"\\]|\\.)*")*$/.test(String(content))) {
    complain(`a text stands in quotes: ${content}`)
  }
  if (
    ['MX', 'CNAME', 'NS', 'PTR'].includes(String(type)) &&
    String(content).endsWith('.') &&
    content !== '.'
  ) {
    complain(`a name without the final dot: ${content}`)
  }
  const fields = Object(data)
  return {
    id: newId(),
    type: String(type),
    name: String(name),
    content: compose === undefined ? String(content) : compose(fields),
    ttl: Number(ttl),
    proxied: proxied === true,
    comment: typeof comment === 'string' ? comment : null,
    ...(compose === undefined ? {} : { data: fields }),
    ...(type === 'MX' ? { priority: Number(priority) } : {}),
    ...(type === 'SRV' ? { priority: Number(fields.priority) } : {}),
  }
}
