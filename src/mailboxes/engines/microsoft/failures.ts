/** What a reply that is no success means. */
import { listOf, member, textOf } from '../../../platform/json-members.ts'
import { RemoteFailure, type RemoteFailureKind } from '../driver.ts'
import { retryAfterMs, type ServiceReply } from '../http.ts'
import { microsoftPolicy } from './policy.ts'

/** Exchange has no mailbox for the user, or not yet. */
const noMailbox: ReadonlySet<string> = new Set([
  'MailboxNotEnabledForRESTAPI',
  'MailboxNotSupportedForRESTAPI',
  'ErrorNonExistentMailbox',
  'ErrorItemNotFound',
  'ImageNotFound',
  'ResourceNotFound',
])

/** @param hidden what must not be told again: the password of the request. */
export function graphFailure(reply: ServiceReply, hidden: readonly string[] = []): RemoteFailure {
  const { status, headers, json } = reply
  const error = member(json, 'error')
  const code = textOf(error, 'code')
  const message = textOf(error, 'message')
  const inner = member(error, 'innerError')
  const requestId = headers.get('request-id') ?? (textOf(inner, 'request-id') || null)
  const kind = kindOf(status, code, message, listOf(error, 'details'))
  const words = [`Microsoft answered ${status}`, code, message].filter((one) => one !== '').join(' ')
  return new RemoteFailure(kind, withoutSecrets(words, hidden), {
    requestId,
    retryAfterMs: kind === 'busy' ? retryAfterMs(headers) : null,
  })
}

function kindOf(
  status: number,
  code: string,
  message: string,
  details: readonly unknown[],
): RemoteFailureKind {
  if (status === 429 || status === 408 || status >= 500) return 'busy'
  if (status === 401) return 'unauthorized'
  if (status === 403) return code === 'Directory_QuotaExceeded' ? 'rejected' : 'unauthorized'
  // Without Graph's envelope something else answered, which knows nothing of users.
  if (code === '' || status < 400) return 'unreachable'
  if (status === 404) return noMailbox.has(code) ? 'not_ready' : 'not_found'
  if (status === 409) return 'conflict'
  if (isConflict(message, details)) return 'conflict'
  // Its verification is a person's work, and may be under way.
  if (/domain portion of the userPrincipalName/i.test(message)) return 'not_ready'
  if (/does not have any available licenses|CountViolation/i.test(message)) return 'no_seats'
  return 'rejected'
}

/** Taken addresses are told with 400. "netId" is said of a user that is being made at this moment. */
function isConflict(message: string, details: readonly unknown[]): boolean {
  const codes = details.map((detail) => textOf(detail, 'code'))
  return (
    codes.some((code) => code === 'ObjectConflict' || code === 'PropertyConflict') ||
    /another object with the same value|property netId is invalid/i.test(message)
  )
}

/** Of the token endpoint (RFC 6749 §5.2): nobody is let in, unless the service is out of order. */
export function loginFailure(reply: ServiceReply, hidden: readonly string[]): RemoteFailure {
  const { status, headers, json } = reply
  const error = textOf(json, 'error')
  // The first line is the reason; the others repeat the ids and the time.
  const [reason = ''] = textOf(json, 'error_description').split(/\r?\n| Trace ID:/)
  const requestId = textOf(json, 'trace_id') || headers.get('x-ms-request-id')
  const words = [`Microsoft's login answered ${status}`, error, reason].filter((one) => one !== '').join(' ')
  const isBusy = status === 429 || status >= 500 || error === 'temporarily_unavailable'
  const kind = isBusy ? 'busy' : error === '' ? 'unreachable' : 'unauthorized'
  return new RemoteFailure(kind, withoutSecrets(words, hidden), {
    requestId,
    retryAfterMs: isBusy ? retryAfterMs(headers) : null,
  })
}

function withoutSecrets(words: string, hidden: readonly string[]): string {
  const shown = hidden
    .filter((one) => one !== '')
    .reduce((text, one) => text.replaceAll(one, '[secret]'), words)
  return shown.slice(0, microsoftPolicy.messageMax)
}
