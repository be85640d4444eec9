/** HTTP to DNS hosts, in the words of their owners. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../platform/config.ts'
import {
  type AddressRule,
  askOutside,
  tenantAddressRule as namedBy,
  OutsideError,
  type OutsideReply,
  type OutsideRequest,
} from '../../platform/outside-http.ts'
import { DnsHostError } from './driver.ts'
import { dnsHostPolicy } from './policy.ts'

export { type AddressRule, anyAddress } from '../../platform/outside-http.ts'

export type HostRequest = OutsideRequest
export type HostReply = OutsideReply

/** For hosts that a workspace names; MAILWRIGHT_DNS_HOST_NETWORKS are allowed. */
export function tenantAddressRule(config: Pick<Config, 'outboundNetworks' | 'dnsHostNetworks'>): AddressRule {
  return namedBy(config, config.dnsHostNetworks)
}

type Bounds = Record<'requestMsMax' | 'replyBytesMax' | 'readRetries' | 'readRetryPauseMs', number>

/** @throws DnsHostError unreachable, rejected. */
export async function askHost(
  request: HostRequest,
  mayAsk: AddressRule,
  bounds: Bounds = dnsHostPolicy,
): Promise<HostReply> {
  const { requestMsMax, replyBytesMax } = bounds
  const outsideBounds = { requestMsMax, replyBytesMax, retryAfterMsMax: dnsHostPolicy.hostPauseMsMax }
  for (let attempt = 0; ; attempt++) {
    const reply = await askOutside(request, mayAsk, outsideBounds).catch(failureOf)
    const isFailed = reply instanceof DnsHostError ? reply.kind === 'unreachable' : reply.status >= 500
    // What changes something is not sent twice: it may have been done. The next run reads first.
    if (!isFailed || request.method !== 'GET' || attempt >= bounds.readRetries) {
      if (reply instanceof DnsHostError) throw reply
      return reply
    }
    await sleep(bounds.readRetryPauseMs)
  }
}

/** @throws what is no OutsideError. */
function failureOf(error: unknown): DnsHostError {
  if (!(error instanceof OutsideError)) throw error
  const { problem } = error
  switch (problem.reason) {
    case 'late':
      return new DnsHostError('unreachable', `No answer within ${problem.requestMsMax / 1000} s.`)
    case 'no_answer':
      return new DnsHostError('unreachable', `No answer (${problem.code}).`, { cause: error.cause })
    case 'redirect':
      return new DnsHostError(
        'rejected',
        `The host answers with a redirect (${problem.status}), which is not followed.`,
      )
    case 'too_large':
      return new DnsHostError('rejected', `The host’s reply has more than ${problem.replyBytesMax} bytes.`)
    case 'forbidden_address':
      return new DnsHostError('rejected', 'The host is in a network that this platform does not connect to.')
    case 'bad_url':
      return new DnsHostError('rejected', 'The host’s address is none.')
  }
}
