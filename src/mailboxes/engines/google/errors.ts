/** What Google's error replies mean for a mailbox. */
import { listOf, member, textOf } from '../../../platform/json-members.ts'
import { RemoteFailure, type RemoteFailureKind } from '../driver.ts'
import { retryAfterMs, type ServiceReply } from '../http.ts'

/** Reasons of a 403 that mean: later. Every other 403 is final. */
const rateReasons: ReadonlySet<string> = new Set([
  'userRateLimitExceeded',
  'quotaExceeded',
  'rateLimitExceeded',
])

export function googleFailure(reply: ServiceReply): RemoteFailure {
  const error = member(reply.json, 'error')
  const reasons = listOf(error, 'errors').map((one) => textOf(one, 'reason'))
  const said = textOf(error, 'message').slice(0, 500)
  const [reason = ''] = reasons
  const words = `Google answered ${reply.status}${said === '' ? '' : `: ${said}`}${reason === '' ? '' : ` (${reason})`}`
  return new RemoteFailure(kindOf(reply.status, reasons, said), words, {
    retryAfterMs: retryAfterMs(reply.headers),
    requestId: requestIdOf(reply.headers),
  })
}

function kindOf(status: number, reasons: readonly string[], said: string): RemoteFailureKind {
  switch (status) {
    case 400:
      return isAboutSeats(reasons, said) ? 'no_seats' : 'rejected'
    case 401:
      return 'unauthorized'
    case 403:
      return reasons.some((reason) => rateReasons.has(reason)) ? 'busy' : 'unauthorized'
    case 404:
      return 'not_found'
    case 409:
      return 'conflict'
    case 412:
      return isAboutSeats(reasons, said) ? 'no_seats' : 'not_ready'
    case 429:
      return 'busy'
    default:
      return status >= 500 || status < 400 ? 'busy' : 'rejected'
  }
}

function isAboutSeats(reasons: readonly string[], said: string): boolean {
  return reasons.includes('limitExceeded') || /user[_ ]limit|licen[cs]e|seats?\b/i.test(said)
}

function requestIdOf(headers: Headers): string | null {
  return headers.get('x-request-id') ?? headers.get('x-guploader-uploadid')
}

/**
 * The token endpoint's error (RFC 6749 §5.2), as the library throws it.
 * @param status 0 when there was no answer.
 */
export function tokenFailure(status: number, data: unknown, cause: unknown): RemoteFailure {
  const code = textOf(data, 'error')
  const described = textOf(data, 'error_description').slice(0, 500)
  const words = [code, described].filter((one) => one !== '').join(': ')
  if (status >= 400 && status < 500 && status !== 429) {
    const hint =
      code === 'unauthorized_client'
        ? ' The service account’s client id is not allowed these scopes in the Admin console.'
        : ''
    return new RemoteFailure('unauthorized', `Google gave no token (${words || status}).${hint}`)
  }
  if (status === 0)
    return new RemoteFailure('unreachable', 'Google’s token endpoint gave no answer.', { cause })
  return new RemoteFailure('busy', `Google gave no token (${words || status}).`)
}
