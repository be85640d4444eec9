/** Response rate limiting: how many answers over UDP a network of clients gets in a second (limits.ts has the numbers). */
import { addressBytes } from '../../platform/address-bytes.ts'
import { isLoopback } from '../../platform/network.ts'
import { rateLimits } from './limits.ts'

/** slip: a TC without records, which a true client answers by asking over TCP. */
export type Verdict = 'send' | 'slip' | 'drop'

export type RateLimit = {
  /** Counts one answer. @param isNegative an error, or that something is not there. */
  judge(address: string, isNegative: boolean): Verdict
}

type Network = { isExempt: boolean; answers: number; negatives: number; above: number }

/** @param nowMs a clock that only goes forward. */
export function createRateLimit(
  limits: { [K in keyof typeof rateLimits]: number } = rateLimits,
  nowMs: () => number = () => performance.now(),
): RateLimit {
  let second = -1
  let networks = new Map<string, Network>()

  return {
    judge(address, isNegative) {
      const now = Math.floor(nowMs() / 1000)
      if (now !== second) {
        second = now
        if (networks.size > 0) networks = new Map()
      }
      const key = networkOf(address, limits)
      let network = networks.get(key)
      if (network === undefined) {
        if (networks.size >= limits.networksMax) return 'send'
        network = { isExempt: isLoopback(address), answers: 0, negatives: 0, above: 0 }
        networks.set(key, network)
      }
      if (network.isExempt) return 'send'
      const isWithin = isNegative
        ? ++network.negatives <= limits.negativesPerSecond
        : ++network.answers <= limits.answersPerSecond
      if (isWithin) return 'send'
      return ++network.above % limits.slip === 0 ? 'slip' : 'drop'
    },
  }
}

function networkOf(
  address: string,
  limits: { readonly ipv4PrefixBits: number; readonly ipv6PrefixBits: number },
): string {
  // The usual case without a copy: this is done for each datagram.
  if (limits.ipv4PrefixBits === 24 && !address.includes(':'))
    return address.slice(0, address.lastIndexOf('.'))
  const bytes = addressBytes(address)
  if (bytes === null) return address
  const bits = bytes.length === 4 ? limits.ipv4PrefixBits : limits.ipv6PrefixBits
  const prefix = bytes.subarray(0, Math.ceil(bits / 8))
  const rest = bits % 8
  if (rest > 0) prefix[prefix.length - 1] = (prefix.at(-1) ?? 0) & (0xff << (8 - rest))
  return prefix.toString('latin1')
}
