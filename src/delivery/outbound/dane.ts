/** DANE for SMTP (RFC 7672): the questions that mx-connect asks, answered by a resolver that validates. */

import { askSecurely, lookupTlsa } from '../../platform/dns-secure.ts'
import type { Platform } from '../../platform/platform.ts'

export type DaneOptions = {
  enabled: boolean
  resolveTlsa?(name: string): Promise<unknown[]>
  checkDnssecSecure?(hostname: string): Promise<{ secure: boolean }>
}

/**
 * @returns how mx-connect is to use DANE for a domain. Only where the MX records themselves are authentic (§2.2.1):
 * otherwise whoever forged them would name his own host.
 */
export async function daneFor(platform: Platform, domain: string): Promise<DaneOptions> {
  const { dane, resolver } = platform.config
  if (dane === 'off' || resolver === null) return { enabled: false }
  const isAuthentic = await isAuthenticMx(resolver, domain)
  if (!isAuthentic) return { enabled: false }
  return {
    enabled: true,
    resolveTlsa: (name) => lookupTlsa(resolver, name),
    checkDnssecSecure: async (hostname) => {
      // §2.2.2: a host in a zone that is not signed has no TLSA records worth asking for.
      const v4 = await askSecurely(resolver, hostname, 'A')
      const asked = v4.answers.length > 0 ? v4 : await askSecurely(resolver, hostname, 'AAAA')
      return { secure: asked.isAuthentic }
    },
  }
}

/** @throws DnsFailure: without an answer nothing is sent, lest an attacker switch DANE off (§2.1). */
async function isAuthenticMx(resolver: string, domain: string): Promise<boolean> {
  return (await askSecurely(resolver, domain, 'MX')).isAuthentic
}
