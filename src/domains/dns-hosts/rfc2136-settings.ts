/** What a name server that takes DNS updates must be told: where it is, and the key. */
import { isIP } from 'node:net'
import type { DnsServer } from '../../platform/dns-wire/client.ts'
import type { TsigAlgorithm } from '../../platform/dns-wire/tsig.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Rfc2136Settings } from './rfc2136.ts'

const dnsPort = 53

/** `192.0.2.53:53` or `[2001:db8::53]:53`; without a port it is 53. Null for anything else. */
export function parseServer(text: string): DnsServer | null {
  const [, bracketed, plain, portText = String(dnsPort)] =
    /^(?:\[([0-9a-f:.]+)\]|([0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  const port = Number(portText)
  return isIP(address) !== 0 && port >= 1 && port <= 65_535 ? { address, port } : null
}

/** As callers give them, and as they are kept. */
export type Rfc2136Given = { server?: string; key_name?: string; algorithm?: TsigAlgorithm }

/** @returns the settings in their one form. @throws Refusal invalid_request. */
export function checkRfc2136Settings(given: Rfc2136Given): Required<Rfc2136Given> {
  const server = parseServer(given.server ?? '')
  if (server === null) throw new Refusal('invalid_request', 'settings.server must be as in 192.0.2.53:53.')
  const keyName = (given.key_name ?? '').toLowerCase().replace(/\.$/, '')
  if (!/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(keyName)) {
    throw new Refusal('invalid_request', 'settings.key_name must be the name of a TSIG key.')
  }
  const { address, port } = server
  return {
    server: isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`,
    key_name: keyName,
    algorithm: given.algorithm ?? 'hmac-sha256',
  }
}

/** @throws Error for settings that no version of this program keeps. */
export function rfc2136SettingsOf(settings: Rfc2136Given, secret: string): Rfc2136Settings {
  const { server: serverText = '', key_name: name, algorithm } = settings
  const server = parseServer(serverText)
  if (server === null || name === undefined || algorithm === undefined) {
    throw new Error('the settings of a name server are broken')
  }
  return { server, key: { name, algorithm, secret: Buffer.from(secret, 'base64') } }
}
