/** Calls to Google's APIs as a service account that acts for an admin: one token for an hour, refreshed once when refused. */
import type { JWT } from 'google-auth-library'
import { RemoteFailure } from '../driver.ts'
import { askService, boundedFetch, type ServiceReply, type ServiceRequest } from '../http.ts'
import { googleFailure, tokenFailure } from './errors.ts'
import type { GoogleSettings } from './settings.ts'

/** What the service account must be allowed by domain-wide delegation, and nothing more. */
const googleScopes = [
  'https://www.googleapis.com/auth/admin.directory.user',
  'https://www.googleapis.com/auth/admin.directory.domain.readonly',
  'https://www.googleapis.com/auth/admin.reports.usage.readonly',
] as const

/**
 * @param path under the host of the Admin SDK.
 * @returns the reply of a call that worked.
 * @throws RemoteFailure.
 */
export type GoogleAsk = (
  method: ServiceRequest['method'],
  path: string,
  body?: unknown,
) => Promise<ServiceReply>

const defaultApiUrl = 'https://admin.googleapis.com'

/** @param apiUrl null: Google's own. */
export function googleClient(settings: GoogleSettings, privateKey: string, apiUrl: string | null): GoogleAsk {
  const base = (apiUrl ?? defaultApiUrl).replace(/\/+$/, '')
  const newTokens = (): Promise<JWT> =>
    tokenSource(settings, privateKey, apiUrl === null ? null : `${base}/token`)
  let tokens: Promise<JWT> | null = null
  return async (method, path, body) => {
    for (let isRefreshed = false; ; isRefreshed = true) {
      tokens ??= newTokens()
      const authorization = `Bearer ${await tokenOf(await tokens)}`
      const request = { method, url: `${base}${path}`, headers: { authorization } }
      const reply = await askService(body === undefined ? request : { ...request, body })
      if (reply.status >= 200 && reply.status < 300) return reply
      // 401 authError: the token has ended before its time.
      if (reply.status !== 401 || isRefreshed) throw googleFailure(reply)
      tokens = null
    }
  }
}

async function tokenSource(settings: GoogleSettings, key: string, tokenUrl: string | null): Promise<JWT> {
  const { JWT: Tokens } = await import('google-auth-library') // a fifth of a second that most nodes never need
  const bounded = boundedFetch()
  return new Tokens({
    email: settings.client_email,
    key,
    subject: settings.admin_email,
    scopes: [...googleScopes],
    transporterOptions: {
      fetchImplementation: (input, init) => bounded(tokenUrl ?? input, init),
    },
  })
}

async function tokenOf(tokens: JWT): Promise<string> {
  try {
    const { token } = await tokens.getAccessToken()
    if (typeof token === 'string' && token !== '') return token
  } catch (error) {
    throw refusedToken(error)
  }
  throw new RemoteFailure('busy', 'Google gave an empty token.')
}

function refusedToken(error: unknown): RemoteFailure {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if (cause instanceof RemoteFailure) return cause
  }
  const response: unknown = error instanceof Error ? Reflect.get(error, 'response') : undefined
  const isReply = typeof response === 'object' && response !== null
  const status: unknown = isReply ? Reflect.get(response, 'status') : 0
  return tokenFailure(
    typeof status === 'number' ? status : 0,
    isReply ? Reflect.get(response, 'data') : null,
    error,
  )
}
