/** Signs of the client: what it calls itself, and whether its address has a name. Only of clients on the internet. */
import { isIP } from 'node:net'
import { reversedAddress } from '../../platform/dns.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { isPublicAddress, plainAddress } from './client-address.ts'
import { inTime } from './deadline.ts'
import { type Hit, hit } from './symbols.ts'

/** For both look-ups together. */
const ptrMsMax = 2_000
/** Names of an address that are looked at: an address may have any number. */
const namesMax = 3

/** A trusted mail server (LMTP) and hosts of one's own network are not judged: they only pass on. */
export function judgesClient({ role, remoteAddress }: Pick<Arrival, 'role' | 'remoteAddress'>): boolean {
  return role === 'mx' && isPublicAddress(remoteAddress)
}

export function heloSigns({ helo }: Pick<Arrival, 'helo'>, hostname: string): Hit[] {
  const name = helo.toLowerCase().replace(/\.$/, '')
  if (name === hostname.toLowerCase() && name !== 'localhost') return [hit('HELO_OURS', helo)]
  if (/^localhost(\.localdomain)?$/.test(name)) return [hit('HELO_LOCALHOST', helo)]
  if (name.startsWith('[')) return [hit('HELO_LITERAL', helo)]
  if (isIP(name) !== 0) return [hit('HELO_ADDRESS', helo)]
  return name.includes('.') ? [] : [hit('HELO_NO_DOT', helo)]
}

/** Where DNS does not answer in time, there is no sign. */
export async function nameSigns(
  platform: Platform,
  { remoteAddress }: Pick<Arrival, 'remoteAddress'>,
): Promise<Hit[]> {
  return (await inTime(lookUpName(platform, remoteAddress), ptrMsMax)) ?? []
}

async function lookUpName({ dns }: Platform, remoteAddress: string): Promise<Hit[]> {
  const address = plainAddress(remoteAddress)
  const reversed = reversedAddress(address)
  if (reversed === null) return []
  const isV6 = isIP(address) === 6
  const names = await dns.lookup(`${reversed}.${isV6 ? 'ip6' : 'in-addr'}.arpa`, 'PTR')
  if (names.length === 0) return [hit('NO_PTR')]
  const found = await Promise.all(
    names.slice(0, namesMax).map((name) => dns.lookup(name, isV6 ? 'AAAA' : 'A')),
  )
  const leadsBack = found.flat().some((one) => reversedAddress(one) === reversed)
  return leadsBack ? [] : [hit('PTR_MISMATCH', names[0])]
}
