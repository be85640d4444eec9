/** Where webhooks may be sent to: which URLs at all, and which addresses at the moment of the connection. */
import { isIP, isIPv6 } from 'node:net'
import type { Config } from '../platform/config.ts'
import { isLocalNetwork, networkList } from '../platform/network.ts'
import { webhookPolicy } from './policy.ts'

/** Beyond those of isLocalNetwork: networks that are nobody's on the internet, or that have other addresses in them. */
const special = networkList([
  '192.0.0.0/24', // RFC 6890 §2.1
  '192.0.2.0/24', // RFC 5737
  '192.88.99.0/24', // RFC 7526
  '198.18.0.0/15', // RFC 2544
  '198.51.100.0/24',
  '203.0.113.0/24',
  '2001::/23', // RFC 2928, Teredo included
  '2001:db8::/32', // RFC 3849
  '2002::/16', // RFC 3056: any IPv4 address stands in it
  '3fff::/20', // RFC 9637
])

/**
 * What of IPv6 is the internet (RFC 4291 §2.4). Outside of it are those in which any IPv4 address may stand: mapped,
 * translated (RFC 6052, RFC 8215, RFC 2765 §2.1), and whatever a network chose for that.
 */
const globalUnicast = networkList(['2000::/3'])

export type AddressRule = (address: string) => boolean

/** Which addresses may be connected to (MAILWRIGHT_WEBHOOK_NETWORKS). */
export function addressRule({ webhookNetworks }: Pick<Config, 'webhookNetworks'>): AddressRule {
  if (webhookNetworks === 'any') return () => true
  const allowed = webhookNetworks === 'public' ? null : networkList(webhookNetworks)
  return (address) => allowed?.has(address) === true || isPublic(address)
}

function isPublic(address: string): boolean {
  if (isIPv6(address) && !globalUnicast.has(address)) return false
  return !isLocalNetwork(address) && !special.has(address)
}

/**
 * A URL in its one form, if webhooks may go there as far as the URL tells. What its name resolves to is looked at when
 * the connection is made.
 * @returns a sentence where they may not.
 */
export function checkUrl(
  config: Pick<Config, 'webhookNetworks'>,
  text: string,
): { ok: true; url: string } | { ok: false; problem: string } {
  const refuse = (problem: string) => ({ ok: false, problem }) as const
  if (text.length > webhookPolicy.urlLengthMax || !URL.canParse(text)) return refuse('is no URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('must begin with https://')
  if (url.protocol === 'http:' && config.webhookNetworks === 'public') {
    return refuse('must begin with https://; http:// only where MAILWRIGHT_WEBHOOK_NETWORKS is set')
  }
  if (url.username !== '' || url.password !== '') return refuse('must have no user and password in it')
  if (config.webhookNetworks !== 'any' && !isPort(url.port)) {
    return refuse('must have the port 80, 443, or one from 1024 on')
  }
  const literal = literalAddress(url)
  if (literal !== null && !addressRule(config)(literal))
    return refuse('is in a network that is not connected to')
  if (literal === null && config.webhookNetworks === 'public' && isLocalName(url.hostname)) {
    return refuse('has a name that is no public one')
  }
  url.hash = ''
  return { ok: true, url: url.href }
}

function isPort(port: string): boolean {
  return port === '' || port === '80' || port === '443' || Number(port) >= 1024
}

/** The address that stands in a URL itself, whatever form it had: the URL parser knows octal, hex and decimal ones. */
export function literalAddress({ hostname }: URL): string | null {
  const plain = hostname.replace(/^\[|\]$/g, '')
  return isIP(plain) === 0 ? null : plain
}

/** RFC 6761 §6.3, and names without a dot, which a search list would complete. */
export function isLocalName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '')
  return !name.includes('.') || isLocalhost(name)
}

/** RFC 6761 §6.3. */
export function isLocalhost(hostname: string): boolean {
  return /(?:^|\.)localhost\.?$/.test(hostname)
}
