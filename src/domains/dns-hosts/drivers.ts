/** The kinds of DNS host that there are a driver for, and what each must be told. */

import type { TsigAlgorithm } from '../../platform/dns-wire/tsig.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { parseDomainName } from '../names.ts'
import { openCloudflare } from './cloudflare.ts'
import type { DnsHost } from './driver.ts'
import { anyAddress, tenantAddressRule } from './http.ts'
import { openPowerDns } from './powerdns.ts'
import { openRfc2136 } from './rfc2136.ts'
import { checkRfc2136Settings, rfc2136SettingsOf } from './rfc2136-settings.ts'

export const dnsHostKinds = ['powerdns', 'cloudflare', 'rfc2136'] as const
export type DnsHostKind = (typeof dnsHostKinds)[number]

/** What is no secret, as callers give it, it is kept, and it is shown. */
export type DnsHostSettings = {
  url?: string
  server_id?: string
  nameservers?: string[]
  account_id?: string
  server?: string
  key_name?: string
  algorithm?: TsigAlgorithm
}

const known: Record<DnsHostKind, readonly (keyof DnsHostSettings)[]> = {
  powerdns: ['url', 'server_id', 'nameservers'],
  cloudflare: ['account_id'],
  rfc2136: ['server', 'key_name', 'algorithm'],
}

/** @returns the settings of the kind in their one form. @throws Refusal invalid_request. */
export function checkSettings(kind: DnsHostKind, given: DnsHostSettings): DnsHostSettings {
  for (const name of Object.keys(given)) {
    if (!known[kind].some((one) => one === name)) {
      throw new Refusal('invalid_request', `A host of the kind ${kind} has no setting "${name}".`)
    }
  }
  if (kind === 'cloudflare') return given
  if (kind === 'rfc2136') return checkRfc2136Settings(given)
  const { url = '', server_id = 'localhost', nameservers = [] } = given
  const parsed = URL.canParse(url) ? new URL(url) : null
  const isPlain = parsed && !parsed.username && !parsed.password && !parsed.search && !parsed.hash
  if (!isPlain || !/^https?:$/.test(parsed.protocol)) {
    throw new Refusal('invalid_request', 'settings.url must be as in http://192.0.2.1:8081.')
  }
  const names = nameservers.map(parseDomainName)
  if (names.includes(null)) throw new Refusal('invalid_request', 'settings.nameservers must be host names.')
  return { url: parsed.href.replace(/\/+$/, ''), server_id, nameservers: names.filter((one) => one !== null) }
}

/** @param settings as they are kept. @throws Error for settings that no version of this program keeps. */
export function openDnsHost(
  { config, clock }: Pick<Platform, 'config' | 'clock'>,
  { kind, settings }: { kind: DnsHostKind; settings: DnsHostSettings },
  secret: string,
): DnsHost {
  switch (kind) {
    case 'powerdns': {
      const { url = '', server_id: serverId = '', nameservers = [] } = settings
      const where = { url, serverId, nameservers }
      return openPowerDns(where, secret, tenantAddressRule(config))
    }
    case 'cloudflare': {
      const accountId = settings.account_id ?? null
      const apiUrl = config.cloudflareApiUrl
      return openCloudflare(
        { accountId },
        secret,
        apiUrl === null ? { mayAsk: anyAddress } : { apiUrl, mayAsk: anyAddress },
      )
    }
    case 'rfc2136': {
      const nowSeconds = (): number => Math.floor(clock.now().getTime() / 1000)
      return openRfc2136(rfc2136SettingsOf(settings, secret), tenantAddressRule(config), nowSeconds)
    }
  }
}
