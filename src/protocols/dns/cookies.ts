/** DNS cookies (RFC 7873) in the form of RFC 9018: a client that sends ours back is where it says. */
import { addressBytes } from '../../platform/address-bytes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Vault } from '../../platform/vault.ts'
import { dnsLimits } from './limits.ts'
import { sipHash24 } from './siphash.ts'

export type Cookies = {
  /**
   * @param cookie the option of a query.
   * @returns what goes into the answer's option, and whether the query brought a cookie of ours that holds.
   */
  check(cookie: Buffer, address: string): { option: Buffer; isValid: boolean }
}

const clientBytes = 8
const serverBytes = 16
const versionAndReserved = Buffer.of(1, 0, 0, 0)

/** Every node with the same master keys makes the same cookies; those of an older key hold while it opens. */
export function createCookies({ vault, clock }: { vault: Vault; clock: Clock }): Cookies {
  const secretOf = (keyId: string): Buffer => cookieSecret(vault.digest('secret', 'dns.cookies', keyId))
  const current = secretOf(vault.keyId)
  const secrets = [current, ...[...vault.keyIds].filter((id) => id !== vault.keyId).map(secretOf)]
  return {
    check(cookie, address) {
      const now = Math.floor(clock.now().getTime() / 1000)
      const client = cookie.subarray(0, clientBytes)
      const server = cookie.subarray(clientBytes)
      const age = ageOf(server, now)
      const isValid =
        age !== null &&
        age <= dnsLimits.cookie.ageMax &&
        age >= -dnsLimits.cookie.futureMax &&
        secrets.some((secret) => serverCookie(secret, client, now - age, address).equals(server))
      const isFresh = isValid && age <= dnsLimits.cookie.renewAfter
      const sent = isFresh ? server : serverCookie(current, client, now, address)
      return { option: Buffer.concat([client, sent]), isValid }
    },
  }
}

function cookieSecret(digest: Buffer): Buffer {
  return digest.subarray(0, 16)
}

/** In seconds; null for what has not our form. RFC 9018 §4.3: compared as serial numbers are (RFC 1982). */
function ageOf(server: Buffer, now: number): number | null {
  if (server.length !== serverBytes || server[0] !== 1) return null
  return ((now >>> 0) - server.readUInt32BE(4)) | 0
}

/** RFC 9018 §4.4. */
export function serverCookie(secret: Buffer, client: Buffer, seconds: number, address: string): Buffer {
  const time = Buffer.alloc(4)
  time.writeUInt32BE(seconds >>> 0)
  const head = Buffer.concat([versionAndReserved, time])
  const input = Buffer.concat([client, head, addressBytes(address) ?? Buffer.alloc(0)])
  return Buffer.concat([head, sipHash24(secret, input)])
}
