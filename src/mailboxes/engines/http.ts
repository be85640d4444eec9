/** HTTP to services elsewhere: every request has a deadline, every reply a largest size, and no redirect is followed. */
import { RemoteFailure } from './driver.ts'
import { enginePolicy } from './policy.ts'

export type ServiceRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers: Readonly<Record<string, string>>
  /** JSON. */
  body?: unknown
  /** In place of `body`. */
  content?: { type: string; bytes: Uint8Array }
}

export type ServiceReply = {
  status: number
  headers: Headers
  text: string
  /** The body as JSON; undefined when it is none. */
  json: unknown
}

type Bounds = { requestMsMax: number; replyBytesMax: number }

/** @throws RemoteFailure unreachable, when there is no whole reply. */
export async function askService(
  request: ServiceRequest,
  bounds: Bounds = enginePolicy,
): Promise<ServiceReply> {
  const { method, url, body, content } = request
  const payload = content?.bytes ?? (body === undefined ? null : JSON.stringify(body))
  const type = content?.type ?? 'application/json'
  try {
    const response = await fetch(url, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(bounds.requestMsMax),
      headers: {
        accept: 'application/json',
        'user-agent': 'Mailwright',
        ...(payload === null ? {} : { 'content-type': type }),
        ...request.headers,
      },
      ...(payload === null ? {} : { body: payload }),
    })
    const text = await boundedText(response, bounds)
    return { status: response.status, headers: response.headers, text, json: parseJson(text) }
  } catch (error) {
    throw unreachable(error, bounds)
  }
}

/** `fetch` for libraries that take one, under the same bounds. Rejects with RemoteFailure. */
export function boundedFetch(bounds: Bounds = enginePolicy): typeof fetch {
  return async (input, init) => {
    const late = AbortSignal.timeout(bounds.requestMsMax)
    const signal = init?.signal ? AbortSignal.any([init.signal, late]) : late
    try {
      const response = await fetch(input, { ...init, signal, redirect: 'error' })
      const text = await boundedText(response, bounds)
      const { status, statusText, headers } = response
      return new Response(isBodiless(status) ? null : text, { status, statusText, headers })
    } catch (error) {
      throw unreachable(error, bounds)
    }
  }
}

/** In milliseconds, of a Retry-After in seconds or as a date (RFC 9110 §10.2.3); null without one. */
export function retryAfterMs(headers: Headers): number | null {
  const header = headers.get('retry-after')
  if (header === null) return null
  const wanted = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(wanted) ? Math.min(Math.max(wanted, 0), enginePolicy.connectionPauseMsMax) : null
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304 // Fetch standard: null body statuses
}

async function boundedText(response: Response, { replyBytesMax }: Bounds): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > replyBytesMax) {
      throw new RemoteFailure('unreachable', `The reply has more than ${replyBytesMax} bytes.`)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

/** What went wrong on the way, without anything of this side's network in it. */
function unreachable(error: unknown, { requestMsMax }: Bounds): RemoteFailure {
  if (error instanceof RemoteFailure) return error
  const isLate = error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
  if (isLate) {
    return new RemoteFailure('unreachable', `No answer within ${requestMsMax / 1000} s.`, { cause: error })
  }
  const cause: unknown = error instanceof Error ? error.cause : undefined
  const code: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'code') : undefined
  const why = typeof code === 'string' ? code : 'broken'
  return new RemoteFailure('unreachable', `No answer (${why}).`, { cause: error })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
