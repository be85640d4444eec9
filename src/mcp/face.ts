/**
 * /mcp: the Model Context Protocol over streamable HTTP (MCP 2025-11-25, Basic/Transports). Each request stands alone:
 * there are no sessions, so that any node answers any request. The SDK negotiates the protocol's version.
 */
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Caller, type Callers, rateFields } from '../mailboxes/callers.ts'
import { type ErrorCode, errorCatalogue, Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { mcpLimits } from './limits.ts'
import { isOwnOrigin } from './origin.ts'
import { internalRefusal, rpcErrorOf } from './rpc-errors.ts'
import { createRunning, type Running } from './running.ts'

const path = '/mcp'

/** What adds this face to a listener that has a `caller` on its requests. */
export function mcpFace(platform: Platform): (app: FastifyInstance, callers: Callers) => void {
  const version = ownVersion()
  return (app, callers) => {
    const stopping = new AbortController()
    const running = createRunning(mcpLimits.runningPerCallerMax)
    // Before the listener waits for running requests: one that waits for mail ends now.
    app.addHook('preClose', (done) => {
      stopping.abort()
      done()
    })
    app.setErrorHandler<FastifyError>((error, request, reply) => answerError(platform, error, request, reply))
    app.addHook('onRequest', async (request, reply) => {
      const { origin } = request.headers
      if (origin !== undefined && !isOwnOrigin(platform, origin)) {
        throw new Refusal('forbidden', 'Pages of this origin may not call.')
      }
      if (request.method !== 'POST') {
        // There is no stream without a request, and no session to end.
        void reply.header('allow', 'POST')
        throw new Refusal('method_not_allowed', `${path} knows POST.`)
      }
      const workspace = request.headers['mailwright-workspace']
      const credentials = {
        authorization: request.headers.authorization,
        workspaceId: typeof workspace === 'string' ? workspace : null,
        remoteAddress: request.ip,
      }
      const caller = await callers.admit(credentials, (turn) => void reply.headers(rateFields(turn)))
      request.caller = isReadOnly(request.query) ? readOnly(caller) : caller
    })
    app.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
      url: path,
      exposeHeadRoute: false,
      bodyLimit: mcpLimits.bodyBytesMax,
      handler: (request, reply) =>
        answer({ platform, callers, version, stopping: stopping.signal, running }, request, reply),
    })
  }
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(version)
}

/** `?read_only=true`. @throws Refusal invalid_request. */
function isReadOnly(query: unknown): boolean {
  const value = typeof query === 'object' && query !== null ? Reflect.get(query, 'read_only') : undefined
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw new Refusal('invalid_request', 'read_only is either true or false.')
}

function readOnly({ principal, scope }: Caller): Caller {
  return { principal: { ...principal, access: 'read' }, scope: { ...scope, access: 'read' } }
}

type Face = {
  platform: Platform
  callers: Callers
  version: string
  stopping: AbortSignal
  running: Running
}

async function answer(
  { platform, callers, version, stopping, running }: Face,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller, body } = request
  if (caller === null) throw new Error('a request of MCP has no caller')
  takeTurns(callers, caller, body)
  const { id } = caller.principal
  const session = {
    platform,
    caller,
    requestId: request.id,
    stopping,
    run: <T>(work: () => Promise<T>) => running.run(id, work),
  }
  // The SDK is 200 modules, which a start does not wait for.
  const { createSessionServer, createTransport } = await import('./session.ts')
  const transport = createTransport({ inOnePiece: !wantsStream(body) })
  const server = createSessionServer(session, version)
  await server.connect(transport)
  // At the end, and when the client leaves before: what runs for it is told by its signal.
  reply.raw.once('close', () => void server.close())
  const response = await transport.handleRequest(webRequest(request), { parsedBody: body ?? null })
  void reply.code(response.status).header('cache-control', 'no-store')
  for (const [name, value] of response.headers) {
    if (name !== 'connection') void reply.header(name, value)
  }
  if (response.body === null) return reply.send()
  if (!/^text\/event-stream/.test(response.headers.get('content-type') ?? '')) {
    return reply.send(await response.text())
  }
  return reply.send(Readable.fromWeb(response.body as ReadableStream))
}

/** A batch is as many requests as it has messages. @throws Refusal invalid_request, rate_limited. */
function takeTurns(callers: Callers, { principal }: Caller, body: unknown): void {
  if (!Array.isArray(body)) return
  if (body.length > mcpLimits.batchMax) {
    throw new Refusal('invalid_request', `A batch may have at most ${mcpLimits.batchMax} messages.`)
  }
  for (const _ of body.slice(1)) callers.takeTurn(principal)
}

/** Tools that wait, and calls whose progress the client wants to hear of, are answered by a stream; others in one piece. */
function wantsStream(body: unknown): boolean {
  return [body].flat().some((message) => {
    const params = field(message, 'params')
    return (
      field(params, 'name') === 'wait_for_message' ||
      field(field(params, '_meta'), 'progressToken') !== undefined
    )
  })
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** The request as the transport looks at it: its method, its headers and its URL. */
function webRequest({ headers }: FastifyRequest): Request {
  const known = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-session-id']
  const copied = known.flatMap((name): [string, string][] => {
    const value = headers[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return new Request(`http://localhost${path}`, { method: 'POST', headers: copied })
}

/** Fastify's own errors in the words of the catalogue. */
const fastifyCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  ECONNRESET: 'invalid_request',
  ERR_STREAM_PREMATURE_CLOSE: 'invalid_request',
}

function answerError(
  platform: Platform,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const refusal = refusalOf(error)
  if (refusal.code === 'internal') {
    platform.log.error({ event: 'mcp.failed', request_id: request.id, cause: error })
  }
  if (refusal.code === 'unauthenticated') void reply.header('www-authenticate', challenge(request))
  if (refusal.retryAfterSeconds !== null) void reply.header('retry-after', refusal.retryAfterSeconds)
  void reply
    .code(errorCatalogue[refusal.code].status)
    .header('content-type', 'application/json')
    .header('cache-control', 'no-store')
    .send(JSON.stringify({ jsonrpc: '2.0', error: rpcErrorOf(refusal), id: null }))
}

function refusalOf(error: FastifyError): Refusal {
  if (error instanceof Refusal) return error
  const code = fastifyCodes[error.code]
  return code === undefined ? internalRefusal(error) : new Refusal(code, undefined, { cause: error })
}

/** RFC 6750 §3: a token that came and is no good is called so; a request without any is only told what is needed. */
function challenge({ headers }: FastifyRequest): string {
  const realm = 'Bearer realm="mailwright"'
  return headers.authorization === undefined ? realm : `${realm}, error="invalid_token"`
}
