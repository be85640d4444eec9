/** The names of a domain that browsers, mail programs and other mail servers fetch something from, and who may certify them. */
import { isIPv6 } from 'node:net'
import { mtaStsPolicy } from '../mta-sts.ts'
import type { DesiredRecord, PlanConfig, PlanDomain, RecordLevel, RecordPurpose } from './record.ts'

/** Autodiscover is looked for at the usual port of HTTPS, wherever this program listens. */
const httpsPort = 443

export function webRecords(config: PlanConfig, domain: PlanDomain): DesiredRecord[] {
  const { name } = domain
  const host = (purpose: RecordPurpose, label: string, level: RecordLevel): DesiredRecord[] =>
    hostRecords(config, domain, { purpose, name: `${label}.${name}`, level })
  return [
    ...(mtaStsPolicy(config, domain) === null ? [] : host('mta_sts', 'mta-sts', 'recommended')),
    ...host('autoconfig', 'autoconfig', 'optional'),
    ...host('autodiscover', 'autodiscover', 'optional'),
    {
      purpose: 'autodiscover',
      type: 'SRV',
      name: `_autodiscover._tcp.${name}`,
      value: `0 0 ${httpsPort} ${config.hostname.toLowerCase()}`,
      level: 'optional',
    },
    ...(domain.redirect_url === null
      ? []
      : [
          ...addressRecords(config, { purpose: 'web', name, level: 'optional' }),
          ...host('web', 'www', 'optional'),
        ]),
    ...caaRecord(config, domain),
  ]
}

type Wanted = Pick<DesiredRecord, 'purpose' | 'name' | 'level'>

/** In a zone of ours a name has the addresses themselves; elsewhere it follows the platform's name, which may move. */
function hostRecords(config: PlanConfig, domain: PlanDomain, wanted: Wanted): DesiredRecord[] {
  return domain.dns_mode === 'served' && config.publicAddresses.length > 0
    ? addressRecords(config, wanted)
    : [{ ...wanted, type: 'CNAME', value: config.hostname.toLowerCase() }]
}

/** The apex can have no CNAME (RFC 1034 §3.6.2); without public addresses nothing is known that it could have. */
function addressRecords({ publicAddresses }: PlanConfig, wanted: Wanted): DesiredRecord[] {
  return publicAddresses.map((value) => ({ ...wanted, type: isIPv6(value) ? 'AAAA' : 'A', value }))
}

/** What authorities call themselves in CAA (RFC 8659 §4.2), by the host of their ACME directory. */
const issuers: Readonly<Record<string, string>> = {
  'acme-v02.api.letsencrypt.org': 'letsencrypt.org',
  'acme-staging-v02.api.letsencrypt.org': 'letsencrypt.org',
  'acme.zerossl.com': 'sectigo.com',
  'dv.acme-v02.api.pki.goog': 'pki.goog',
  'api.buypass.com': 'buypass.com',
  'acme.ssl.com': 'ssl.com',
}

/**
 * A CAA set keeps every other authority from signing for the whole domain. So it is only written, by us or by a driver,
 * for a domain whose web site is ours; the owner of any other is told which one must be among those that are allowed.
 */
function caaRecord({ acmeDirectoryUrl }: PlanConfig, domain: PlanDomain): DesiredRecord[] {
  const issuer = acmeDirectoryUrl === null ? undefined : issuers[new URL(acmeDirectoryUrl).hostname]
  return issuer === undefined || (domain.dns_mode !== 'manual' && domain.redirect_url === null)
    ? []
    : [{ purpose: 'caa', type: 'CAA', name: domain.name, value: `0 issue "${issuer}"`, level: 'optional' }]
}
