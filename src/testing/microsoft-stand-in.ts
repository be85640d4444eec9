/**
 * A stand-in for Microsoft 365: the token endpoint, and Microsoft Graph v1.0 as far as users, licences and mailboxes
 * go. It refuses what Graph refuses; what Graph would pass over and is wrong all the same is noted in `complaints`,
 * which a test expects to be empty.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type GraphReply, routeGraph } from './microsoft-stand-in-graph.ts'
import { answerLogin } from './microsoft-stand-in-login.ts'
import { type MicrosoftState, newState } from './microsoft-stand-in-state.ts'
import { GraphRefusal } from './microsoft-stand-in-users.ts'

type Canned = {
  status: number
  headers?: Record<string, string>
  body?: string
  delayMs?: number
  /** `METHOD path` of the requests that it is for; all, when there is none. */
  only?: RegExp
  /** The request is done all the same. */
  isDone?: boolean
}

export type MicrosoftStandIn = AsyncDisposable & {
  state: MicrosoftState
  /** For MAILWRIGHT_MICROSOFT_GRAPH_URL and MAILWRIGHT_MICROSOFT_LOGIN_URL. */
  graphUrl: string
  loginUrl: string
  /** The stand-in's clock alone. */
  advanceMs(ms: number): void
  /** The next request that fits is answered so instead. */
  answerNext(reply: Canned): void
  /** All tokens that were given are refused from now on. */
  revokeTokens(): void
}

export async function startMicrosoft(): Promise<MicrosoftStandIn> {
  let offsetMs = 0
  const canned: Canned[] = []
  const state = newState(() => Date.now() + offsetMs)
  const server = createServer((request, response) => void answer(state, canned, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  state.graphUrl = `http://127.0.0.1:${port}/v1.0`
  return {
    state,
    graphUrl: state.graphUrl,
    loginUrl: `http://127.0.0.1:${port}/login`,
    advanceMs: (ms) => {
      offsetMs += ms
    },
    answerNext: (reply) => void canned.push(reply),
    revokeTokens: () => state.tokens.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(
  state: MicrosoftState,
  canned: Canned[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer) // a stream without encoding gives buffers
  const body = Buffer.concat(pieces)
  const url = new URL(request.url ?? '', 'http://stand-in')
  const name = `${request.method} ${url.pathname}`
  state.requests.push(name)
  const index = canned.findIndex(({ only }) => only === undefined || only.test(name))
  const [instead] = index < 0 ? [] : canned.splice(index, 1)
  if (instead && !instead.isDone) return sendCanned(instead, response)
  const reply = url.pathname.startsWith('/login/')
    ? loginReply(state, request, url, body)
    : graphReply(state, request, url, body)
  if (instead) return sendCanned(instead, response)
  response.writeHead(reply.status, reply.headers).end(reply.body)
}

function sendCanned({ status, headers, body, delayMs }: Canned, response: ServerResponse): void {
  // Without a status the connection breaks before the answer.
  const send = () => (status === 0 ? response.destroy() : response.writeHead(status, headers).end(body ?? ''))
  if (delayMs === undefined) send()
  else setTimeout(send, delayMs).unref()
}

type Reply = { status: number; headers: Record<string, string>; body: string }

function loginReply(state: MicrosoftState, request: IncomingMessage, url: URL, body: Buffer): Reply {
  const path = url.pathname.slice('/login'.length)
  const type = request.headers['content-type']
  if (request.method !== 'POST')
    state.complaints.push(`${request.method} ${path}: nothing but tokens is here`)
  const { status, body: json } = answerLogin(state, path, type, body.toString())
  const headers = { 'content-type': 'application/json', 'x-ms-request-id': randomUUID() }
  return { status, headers, body: JSON.stringify(json) }
}

function graphReply(state: MicrosoftState, request: IncomingMessage, url: URL, body: Buffer): Reply {
  const requestId = randomUUID()
  state.requestIds.push(requestId)
  const clientRequestId = request.headers['client-request-id']
  if (typeof clientRequestId !== 'string' || !/^[0-9a-f-]{36}$/.test(clientRequestId)) {
    state.complaints.push(`${request.method} ${url.pathname}: client-request-id is a GUID`)
  }
  const ids = { 'request-id': requestId, 'client-request-id': String(clientRequestId) }
  try {
    const reply: GraphReply = routeGraph(state, {
      method: request.method ?? '',
      path: url.pathname.replace(/^\/v1\.0/, ''),
      query: url.searchParams,
      headers: request.headers,
      body,
    })
    if (reply.json === undefined) return { status: reply.status, headers: ids, body: '' }
    const headers = { ...ids, 'content-type': 'application/json' }
    return { status: reply.status, headers, body: JSON.stringify(reply.json) }
  } catch (error) {
    if (!(error instanceof GraphRefusal)) throw error
    const { code, message, details } = error
    const innerError = { date: new Date(state.nowMs()).toISOString(), ...ids }
    const json = { error: { code, message, ...(details.length === 0 ? {} : { details }), innerError } }
    const headers = { ...ids, 'content-type': 'application/json' }
    return { status: error.status, headers, body: JSON.stringify(json) }
  }
}
