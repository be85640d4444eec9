/**
 * A stand-in for Google Workspace: the token endpoint, the Directory API as far as users go, and usage reports. It
 * refuses what Google refuses, is as late as Google is, by a clock of its own, and notes in `complaints` what breaks
 * the contract, which a test expects to be empty.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { answerDirectory } from './google-directory.ts'
import { type DirectoryReply, type GoogleState, type GoogleUser, refuse } from './google-state.ts'

export type GoogleStandIn = AsyncDisposable &
  GoogleState & {
    /** For MAILWRIGHT_GOOGLE_API_URL. */
    url: string
    /** The service account's, in PEM. */
    privateKey: string
    advance(ms: number): void
    /** Every token that was given is good no longer. */
    revokeTokens(): void
    user(address: string): GoogleUser
  }

export async function startGoogle(): Promise<GoogleStandIn> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let offsetMs = 0
  const tokens = new Map<string, Token>()
  const state: GoogleState = {
    adminEmail: 'admin@tenant.example',
    clientEmail: 'mailwright@project.iam.gserviceaccount.com',
    customerId: 'C01abc2de',
    scopes: new Set(
      ['admin.directory.user', 'admin.directory.domain.readonly', 'admin.reports.usage.readonly'].map(
        (name) => `https://www.googleapis.com/auth/${name}`,
      ),
    ),
    users: new Map(),
    domains: new Map([
      ['tenant.example', true],
      ['demo.test', true],
    ]),
    seats: 1000,
    delays: { visible: 0, complete: 0, ready: 0 },
    pageSizeMax: 500,
    usageMb: new Map(),
    requests: [],
    complaints: [],
    faults: [],
    before: null,
    now: () => Date.now() + offsetMs,
  }
  const server = createServer(
    (request, response) => void answer({ state, tokens, publicKey }, request, response),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the stand-in has no port')
  return Object.assign(state, {
    url: `http://127.0.0.1:${address.port}`,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    advance: (ms: number) => {
      offsetMs += ms
    },
    revokeTokens: () => tokens.clear(),
    user(wanted: string) {
      const found = [...state.users.values()].find((one) => one.primaryEmail === wanted)
      if (!found) throw new Error(`Google has no user ${wanted}`)
      return found
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
}

type Token = { scopes: Set<string>; expiresMs: number }
type Inside = { state: GoogleState; tokens: Map<string, Token>; publicKey: KeyObject }

async function answer(inside: Inside, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer) // a stream without encoding gives buffers
  const text = Buffer.concat(pieces).toString()
  const url = new URL(request.url ?? '', 'http://stand-in')
  const { state } = inside
  const line = `${request.method} ${url.pathname.replace('/admin/directory/v1', '')}`
  state.requests.push(line)
  await state.before?.(line)
  const index = state.faults.findIndex(({ on }) => on.test(line))
  const [fault] = index < 0 ? [] : state.faults.splice(index, 1)
  const reply: DirectoryReply =
    fault === undefined || fault.lost === true
      ? url.pathname === '/token'
        ? giveToken(inside, request, text)
        : answerCall(inside, request, url, text)
      : {
          ...refuse(fault.status, fault.reason ?? 'backendError', fault.message ?? 'On demand.'),
          ...(fault.headers === undefined ? {} : { headers: fault.headers }),
        }
  if (fault?.lost === true) return void response.destroy()
  const body = reply.body === undefined ? '' : JSON.stringify(reply.body)
  const headers = { 'content-type': 'application/json', 'x-request-id': randomBytes(6).toString('hex') }
  response.writeHead(reply.status, { ...headers, ...reply.headers }).end(body)
}

function answerCall(inside: Inside, request: IncomingMessage, url: URL, text: string): DirectoryReply {
  const { state, tokens } = inside
  const bearer = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const token = tokens.get(bearer)
  if (!token || token.expiresMs <= Date.now()) return refuse(401, 'authError', 'Invalid Credentials')
  const scope = `https://www.googleapis.com/auth/${scopeFor(url.pathname)}`
  if (!token.scopes.has(scope)) {
    return refuse(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.')
  }
  const isJson = request.headers['content-type'] === 'application/json'
  if (text !== '' && !isJson)
    state.complaints.push(`${request.method} ${url.pathname}: a body that is no JSON`)
  return answerDirectory(state, request.method ?? '', url, text === '' ? undefined : JSON.parse(text))
}

function scopeFor(path: string): string {
  if (path.startsWith('/admin/reports/')) return 'admin.reports.usage.readonly'
  return /\/customer\/[^/]+\/domains/.test(path) ? 'admin.directory.domain.readonly' : 'admin.directory.user'
}

/** RFC 7523 §2.1, with Google's subject: whom the service account acts for. */
function giveToken(inside: Inside, request: IncomingMessage, text: string): DirectoryReply {
  const { state, tokens, publicKey } = inside
  const refusal = (status: number, error: string, description: string): DirectoryReply => ({
    status,
    body: { error, error_description: description },
  })
  const form = new URLSearchParams(text)
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  if (!isForm || form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') {
    return refusal(400, 'unsupported_grant_type', 'Invalid grant_type.')
  }
  const [head = '', body = '', signature = ''] = (form.get('assertion') ?? '').split('.')
  const isSigned = verify(
    'RSA-SHA256',
    Buffer.from(`${head}.${body}`),
    publicKey,
    Buffer.from(signature, 'base64url'),
  )
  const header: unknown = parse(head)
  const claims = Object(parse(body))
  if (!isSigned || Object(header).alg !== 'RS256')
    return refusal(400, 'invalid_grant', 'Invalid JWT Signature.')
  if (claims.iss !== state.clientEmail)
    return refusal(400, 'invalid_grant', 'Invalid grant: account not found')
  if (claims.aud !== 'https://oauth2.googleapis.com/token')
    return refusal(400, 'invalid_grant', 'Bad audience.')
  const nowSeconds = Date.now() / 1000
  const isTimely =
    Math.abs(nowSeconds - claims.iat) < 300 && claims.exp > nowSeconds && claims.exp - claims.iat <= 3600
  if (!isTimely) return refusal(400, 'invalid_grant', 'Invalid JWT: Token must be a short-lived token.')
  if (claims.sub !== state.adminEmail) return refusal(400, 'invalid_grant', 'Invalid email or User ID')
  const scopes = String(claims.scope).split(' ')
  if (!scopes.every((scope) => state.scopes.has(scope))) {
    const words =
      'Client is unauthorized to retrieve access tokens using this method, or client not authorized.'
    return refusal(401, 'unauthorized_client', words)
  }
  const token = randomBytes(16).toString('hex')
  tokens.set(token, { scopes: new Set(scopes), expiresMs: Date.now() + 3_600_000 })
  return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: 3599 } }
}

function parse(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    return {}
  }
}
