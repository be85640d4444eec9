/** The SOA record of a zone (RFC 1035 §3.3.13), made of its serial. */
import type { Config } from '../../platform/config.ts'
import { tryEncodeName } from '../../platform/dns-wire/names.ts'
import { soaTimers } from './policy.ts'

export type SoaNames = {
  /** MNAME: the first name server. */
  primary: string
  /** RNAME: where people can be reached, as a name. */
  contact: string
}

/** @param nameservers those of the zone, the first of them first. */
export function soaNames(
  { dnsZone, hostname }: Pick<Config, 'dnsZone' | 'hostname'>,
  nameservers: readonly string[],
): SoaNames {
  return { primary: nameservers[0] ?? hostname, contact: `hostmaster.${dnsZone ?? hostname}` }
}

/** RDATA in wire form. @throws RangeError when a name does not fit into 255 bytes. */
export function soaRdata({ primary, contact }: SoaNames, serial: number): Buffer {
  const names = [primary, contact].map((name) => {
    const wire = tryEncodeName(name)
    if (wire === null) throw new RangeError(`${name} is too long for a SOA record`)
    return wire
  })
  const numbers = Buffer.alloc(20)
  const { refresh, retry, expire, negativeTtl } = soaTimers
  for (const [at, value] of [serial % 2 ** 32, refresh, retry, expire, negativeTtl].entries()) {
    numbers.writeUInt32BE(value, at * 4)
  }
  return Buffer.concat([...names, numbers])
}
