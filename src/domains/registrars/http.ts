/** A registrar's HTTP API: JSON both ways, with a deadline, a bound on what is read, and no redirects. */
import { RegistrarFailure } from './driver.ts'

export type HttpReply = {
  status: number
  headers: Headers
  /** undefined when the body is no JSON. */
  json: unknown
}

export type HttpRequest = {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  body?: unknown
  signal?: AbortSignal
}

export const callMsMax = 30_000
const replyBytesMax = 1024 ** 2

// Of a connection that never came about: nothing can have been done.
const notConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** @throws RegistrarFailure busy when it was not reached, uncertain when the answer did not come whole. */
export async function request({ method, url, headers, body, signal }: HttpRequest): Promise<HttpReply> {
  const deadline = AbortSignal.timeout(callMsMax)
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
      headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await boundedText(response)
    return { status: response.status, headers: response.headers, json: parsed(text) }
  } catch (error) {
    if (error instanceof RegistrarFailure) throw error
    const code = codeOf(error)
    // The address may hold a name, the headers hold keys: only the code is told.
    if (code !== null && notConnected.has(code)) {
      throw new RegistrarFailure('busy', `The registrar could not be reached (${code}).`)
    }
    throw new RegistrarFailure('uncertain', `The registrar did not answer (${code ?? nameOf(error)}).`)
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > replyBytesMax) throw new RegistrarFailure('uncertain', 'The answer is too large.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string | null {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = member(cause, 'code')
  return typeof code === 'string' ? code : null
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown'
}

/** A member of what came as JSON, by its path; undefined when there is none. */
export function member(json: unknown, ...path: string[]): unknown {
  let value = json
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

/** The same as text; a number as it would be written. null when it is neither. */
export function textOf(json: unknown, ...path: string[]): string | null {
  const value = member(json, ...path)
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' ? value : null
}

export function listOf(json: unknown, ...path: string[]): unknown[] {
  const value = member(json, ...path)
  return Array.isArray(value) ? value : []
}

/** A moment as an API writes it; one without a zone is UTC. null for anything else. */
export function momentOf(text: string | null): Date | null {
  if (text === null || !/^\d{4}-\d{2}-\d{2}/.test(text)) return null
  const iso = text.includes('T') ? text : `${text.slice(0, 10)}T${text.slice(11) || '00:00:00'}`
  const at = new Date(/(?:Z|[+-]\d{2}:?\d{2})$/.test(iso) ? iso : `${iso}Z`)
  return Number.isNaN(at.getTime()) ? null : at
}

export function withoutFinalDot(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
