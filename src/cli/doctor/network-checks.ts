/** What the server needs of the world: its time, its name, a resolver, and a way out. */
import { execFile } from 'node:child_process'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import { checkOutboundPort, portRemedy } from '../../delivery/outbound-port.ts'
import type { Config } from '../../platform/config.ts'
import { type Dns, reversedAddress } from '../../platform/dns.ts'
import { type Finding, fail, ok, warn, why } from './check.ts'

const skewMsWarned = 5_000
const skewMsMax = 60_000

/** @param databaseNow the time of a database elsewhere, just asked for. */
export async function checkClock(_config: Config, databaseNow: Date | null): Promise<Finding[]> {
  const subject = 'clock'
  if (databaseNow !== null) {
    const skewMs = Math.abs(Date.now() - databaseNow.getTime())
    const text = `differs from the database's by ${Math.round(skewMs / 1000)} s; run a time service (NTP) on both`
    if (skewMs > skewMsMax) return [fail(subject, text)]
    if (skewMs > skewMsWarned) return [warn(subject, text)]
  }
  const synchronized = await promisify(execFile)(
    'timedatectl',
    ['show', '-p', 'NTPSynchronized', '--value'],
    {
      timeout: 2_000,
    },
  ).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  const now = new Date().toISOString()
  if (synchronized === 'no') return [warn(subject, `${now}, and no time service keeps it right; turn NTP on`)]
  if (synchronized === 'yes') return [ok(subject, `${now}, kept right by a time service`)]
  return [ok(subject, databaseNow === null ? now : `${now}, as in the database`)]
}

/** A name that surely exists. */
const knownName = 'gmail.com'

export async function checkResolver({ resolver }: Config, dns: Dns): Promise<Finding[]> {
  const subject = 'DNS resolver'
  const which = resolver ?? 'the system’s resolver'
  try {
    const records = await dns.lookup(knownName, 'MX')
    return records.length > 0
      ? [ok(subject, `${which} answers`)]
      : [warn(subject, `${which} knows no MX of ${knownName}; can it see the Internet?`)]
  } catch (error) {
    return [fail(subject, `${which} does not answer (${why(error)}); MAILWRIGHT_RESOLVER names another`)]
  }
}

export async function checkHostName({ hostname }: Config, dns: Dns): Promise<Finding[]> {
  const subject = 'host name'
  if (hostname === 'localhost' || isIP(hostname) !== 0) {
    return [
      warn(subject, `it is ${hostname}; set MAILWRIGHT_HOSTNAME before mail comes from or goes to others`),
    ]
  }
  try {
    const addresses = [...(await dns.lookup(hostname, 'A')), ...(await dns.lookup(hostname, 'AAAA'))]
    if (addresses.length === 0) {
      return [fail(subject, `${hostname} has no address in DNS; add an A or AAAA record`)]
    }
    return await Promise.all(addresses.map((address) => checkReverse(hostname, address, dns)))
  } catch (error) {
    return [fail(subject, `${hostname} could not be looked up (${why(error)})`)]
  }
}

/** Many servers refuse mail from an address whose name does not lead back to it. */
async function checkReverse(hostname: string, address: string, dns: Dns): Promise<Finding> {
  const subject = 'host name'
  const zone = address.includes(':') ? 'ip6.arpa' : 'in-addr.arpa'
  const names = await dns.lookup(`${reversedAddress(address)}.${zone}`, 'PTR').catch(() => [])
  const isOurs = names.some((name) => name.toLowerCase().replace(/\.$/, '') === hostname.toLowerCase())
  if (isOurs) return ok(subject, `${hostname} is ${address}, and the other way round`)
  const found = names.length === 0 ? 'has no name' : `is ${names[0]}`
  return warn(
    subject,
    `${hostname} is ${address}, which ${found} in reverse DNS; ask your provider to set it to ${hostname}`,
  )
}

export async function checkOutbound(config: Config, dns: Dns): Promise<Finding[]> {
  const subject = config.relayUrl === null ? `port ${config.outboundPort} out` : 'relay'
  const found = await checkOutboundPort({ config, dns })
  switch (found.kind) {
    case 'open':
      return [ok(subject, `${found.host} answers: mail can leave`)]
    case 'no-hosts':
      return [warn(subject, 'the resolver knows no mail server to try')]
    case 'blocked': {
      const tried = found.tried.join(', ')
      return [
        config.relayUrl === null
          ? fail(subject, `blocked: none of ${tried} can be reached; ${portRemedy}`)
          : fail(subject, `${tried} cannot be reached; check MAILWRIGHT_RELAY_URL and the way there`),
      ]
    }
  }
}
