/** Who may open a connection at all: so many from one address, and LMTP from servers that are named. */
import type { SMTPServerSession } from 'smtp-server'
import { isLoopback, networkList } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'
import { smtpLimits } from './limits.ts'
import { replies, type SmtpFault } from './replies.ts'

export type Admission = {
  /** @returns why the connection is not taken, or null; then it counts until it leaves. */
  admit(session: SMTPServerSession): SmtpFault | null
  /** @returns whether the connection had been admitted. */
  leave(session: SMTPServerSession): boolean
}

/**
 * The bookkeeping of one listener. LMTP has no authentication (RFC 2033 §5): it is for this machine's own servers, and
 * for those that may speak for their clients anyway.
 */
export function startAdmission(platform: Platform, listener: string): Admission {
  const trusted = networkList(platform.config.proxyProtocolFrom)
  const admitted = new WeakMap<SMTPServerSession, string>()
  const perAddress = new Map<string, number>()
  return {
    admit(session) {
      const { remoteAddress } = session
      const isOwn = isLoopback(remoteAddress)
      if (listener === 'lmtp' && !isOwn && !trusted.has(remoteAddress)) return replies.notForYou()
      const already = perAddress.get(remoteAddress) ?? 0
      if (already >= smtpLimits.connectionsPerAddressMax && !isOwn) return replies.tooManyConnections()
      perAddress.set(remoteAddress, already + 1)
      admitted.set(session, remoteAddress)
      return null
    },
    leave(session) {
      const address = admitted.get(session)
      if (address === undefined) return false
      admitted.delete(session)
      const left = (perAddress.get(address) ?? 1) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
      return true
    },
  }
}
