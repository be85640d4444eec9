/** The token endpoint of the stand-in for Microsoft: client credentials with a secret, or with a signed assertion. */
import { constants, randomUUID, verify, X509Certificate } from 'node:crypto'

export type LoginState = {
  tenantId: string
  clientId: string
  /** The client secrets that are good, and those that have ended. */
  secrets: string[]
  endedSecrets: string[]
  /** PEM, as registered with the application. */
  certificates: string[]
  tokens: Map<string, { endsAtMs: number }>
  tokenSeconds: number
  nowMs(): number
}

export type LoginReply = { status: number; body: Record<string, unknown> }

const skewMsMax = 5 * 60_000
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

class LoginRefusal extends Error {
  readonly status: number
  readonly error: string
  readonly code: number

  constructor(status: number, error: string, code: number, message: string) {
    super(message)
    this.status = status
    this.error = error
    this.code = code
  }
}

export function answerLogin(
  state: LoginState,
  path: string,
  contentType: string | undefined,
  text: string,
): LoginReply {
  try {
    admit(state, path, contentType, new URLSearchParams(text))
  } catch (error) {
    if (!(error instanceof LoginRefusal)) throw error
    return { status: error.status, body: refusalBody(state, error) }
  }
  const token = `eyJ0eXAi.${randomUUID()}`
  state.tokens.set(token, { endsAtMs: state.nowMs() + state.tokenSeconds * 1000 })
  const seconds = state.tokenSeconds
  return {
    status: 200,
    body: { token_type: 'Bearer', expires_in: seconds, ext_expires_in: seconds, access_token: token },
  }
}

function refusalBody(state: LoginState, { error, code, message }: LoginRefusal) {
  const [trace, correlation] = [randomUUID(), randomUUID()]
  const timestamp = new Date(state.nowMs()).toISOString()
  const words = `AADSTS${code}: ${message}`
  return {
    error,
    error_description: `${words} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [code],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
  }
}

function admit(
  state: LoginState,
  path: string,
  contentType: string | undefined,
  form: URLSearchParams,
): void {
  const [, tenant, ...rest] = path.split('/')
  if (rest.join('/') !== 'oauth2/v2.0/token') {
    throw new LoginRefusal(404, 'invalid_request', 900144, 'There is no such endpoint.')
  }
  if (tenant !== state.tenantId) {
    throw new LoginRefusal(400, 'invalid_request', 90002, `Tenant '${tenant}' not found.`)
  }
  if (!/^application\/x-www-form-urlencoded(;|$)/.test(contentType ?? '')) {
    throw new LoginRefusal(400, 'invalid_request', 900144, 'The request body must be a form.')
  }
  if (form.get('grant_type') !== 'client_credentials') {
    throw new LoginRefusal(
      400,
      'unsupported_grant_type',
      70003,
      'The app requested an unsupported grant type.',
    )
  }
  if (form.get('client_id') !== state.clientId) {
    const words = `Application with identifier '${form.get('client_id')}' was not found in the directory.`
    throw new LoginRefusal(400, 'unauthorized_client', 700016, words)
  }
  const scopes = (form.get('scope') ?? '').split(' ').filter((one) => /^https:/.test(one))
  if (scopes.join() !== 'https://graph.microsoft.com/.default') {
    throw new LoginRefusal(400, 'invalid_scope', 70011, 'The provided value for scope is not valid.')
  }
  const [secret, assertion] = [form.get('client_secret'), form.get('client_assertion')]
  const isAssertion = assertion !== null && form.get('client_assertion_type') === assertionType
  if (secret !== null) checkSecret(state, secret)
  if (isAssertion) checkAssertion(state, assertion)
  if (secret !== null || isAssertion) return
  const words =
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
  throw new LoginRefusal(401, 'invalid_client', 7000218, words)
}

function checkSecret(state: LoginState, secret: string): void {
  if (state.secrets.includes(secret)) return
  if (state.endedSecrets.includes(secret)) {
    const words = `The provided client secret keys for app '${state.clientId}' are expired.`
    throw new LoginRefusal(401, 'invalid_client', 7000222, words)
  }
  const words = `Invalid client secret provided for a secret added to app '${state.clientId}'.`
  throw new LoginRefusal(401, 'invalid_client', 7000215, words)
}

/** RFC 7523 §3, with the header that names the certificate (RFC 7515 §4.1.8). */
function checkAssertion(state: LoginState, assertion: string): void {
  const [head = '', payload = '', signature = ''] = assertion.split('.')
  const [header, claims] = [decode(head), decode(payload)]
  const badSignature = new LoginRefusal(
    401,
    'invalid_client',
    700027,
    'Client assertion failed signature validation.',
  )
  const certificate = state.certificates
    .map((pem) => new X509Certificate(pem))
    .find((one) => thumbprintOf(one) === header['x5t#S256'])
  if (!certificate) throw badSignature
  const padding = { RS256: constants.RSA_PKCS1_PADDING, PS256: constants.RSA_PKCS1_PSS_PADDING }
  if (header['alg'] !== 'RS256' && header['alg'] !== 'PS256') throw badSignature
  const key = { key: certificate.publicKey, padding: padding[header['alg']] }
  const isSigned = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  )
  if (!isSigned) throw badSignature
  const audience = `https://login.microsoftonline.com/${state.tenantId}/oauth2/v2.0/token`
  const { aud, iss, sub, jti, exp, nbf } = claims
  if (aud !== audience || iss !== state.clientId || sub !== state.clientId || typeof jti !== 'string') {
    throw new LoginRefusal(401, 'invalid_client', 700023, 'Client assertion audience claim does not match.')
  }
  const now = state.nowMs()
  const isInTime = Number(exp) * 1000 > now - skewMsMax && Number(nbf) * 1000 < now + skewMsMax
  if (!isInTime) {
    const words = 'Client assertion is not within its valid time range.'
    throw new LoginRefusal(401, 'invalid_client', 700024, words)
  }
}

function decode(part: string): Record<string, unknown> {
  return Object(JSON.parse(Buffer.from(part, 'base64url').toString()))
}

function thumbprintOf(certificate: X509Certificate): string {
  return Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
}
