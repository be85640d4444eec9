/** Cloudflare's envelope: every reply says whether it is a success, and why not. */

import { listOf, member, numberOf, textOf } from '../../platform/json-members.ts'
import { DnsHostError } from './driver.ts'
import { type AddressRule, askHost, type HostReply } from './http.ts'

/**
 * @param passedOver error codes that are answered with null.
 * @returns the whole envelope.
 * @throws DnsHostError.
 */
export type CloudflareAsk = (
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  passedOver?: readonly number[],
) => Promise<unknown>

export function cloudflareClient(apiUrl: string, apiToken: string, mayAsk: AddressRule): CloudflareAsk {
  return async (method, path, body, passedOver = []) => {
    const request = {
      method,
      url: `${apiUrl.replace(/\/+$/, '')}${path}`,
      headers: { authorization: `Bearer ${apiToken}` },
    }
    const reply = await askHost(body === undefined ? request : { ...request, body }, mayAsk)
    if (reply.status < 300 && member(reply.json, 'success') === true) return reply.json
    if (errorsOf(reply).some(({ code }) => passedOver.includes(code))) return null
    throw failure(reply)
  }
}

/** For a reply that is a success and yet cannot be used. */
export function refusalOf(what: string): DnsHostError {
  return new DnsHostError('unreachable', `Cloudflare answered with ${what}.`)
}

// Cloudflare's own numbers.
const authentication: ReadonlySet<number> = new Set([6003, 6111, 9103, 9106, 9109, 10_000, 10_001])
const conflicts: ReadonlySet<number> = new Set([81_053, 81_054, 81_055, 81_056, 81_057, 81_058, 81_062])
const noSuchZone: ReadonlySet<number> = new Set([1001, 7000, 7003])

function failure(reply: HostReply): DnsHostError {
  const errors = errorsOf(reply)
  const said = errors.map(({ code, message }) => `${message} (${code})`).join('; ')
  const words = `Cloudflare answered ${reply.status}${said === '' ? '' : `: ${said}`}`
  const isOneOf = (codes: ReadonlySet<number>): boolean => errors.some(({ code }) => codes.has(code))
  if (reply.status === 429) {
    return new DnsHostError('rate_limited', words, { retryAfterMs: reply.retryAfterMs })
  }
  if (reply.status === 401 || reply.status === 403 || isOneOf(authentication)) {
    return new DnsHostError('credentials', words)
  }
  if (isOneOf(conflicts)) return new DnsHostError('conflict', words)
  if (reply.status === 404 || isOneOf(noSuchZone)) return new DnsHostError('zone_missing', words)
  // A success without its envelope is none: something else answered.
  if (reply.status >= 500 || errors.length === 0) return new DnsHostError('unreachable', words)
  return new DnsHostError('rejected', words)
}

function errorsOf({ json }: HostReply): { code: number; message: string }[] {
  return listOf(json, 'errors').map((error) => ({
    code: numberOf(error, 'code', 0),
    message: textOf(error, 'message'),
  }))
}
