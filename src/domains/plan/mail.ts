/** The records that mail itself stands on: where it goes, who may send it, how it is signed and reported on. */
import { type DkimKey, dkimRecord, dkimSelectors } from '../dkim-keys.ts'
import { mtaStsPolicy } from '../mta-sts.ts'
import { dkimTarget } from '../zones/own-names.ts'
import type { DesiredRecord, PlanConfig, PlanDomain } from './record.ts'

const mxPreference = 10

export function mailRecords(
  config: PlanConfig,
  domain: PlanDomain,
  keys: readonly DkimKey[],
): DesiredRecord[] {
  const { name } = domain
  const hostname = config.hostname.toLowerCase()
  return [
    { purpose: 'mx', type: 'MX', name, value: `${mxPreference} ${hostname}`, level: 'required' },
    // RFC 7208: the hosts of the MX send, too.
    { purpose: 'spf', type: 'TXT', name, value: 'v=spf1 mx ~all', level: 'recommended' },
    ...dkimRecords(config, domain, keys),
    {
      purpose: 'dmarc',
      type: 'TXT',
      name: `_dmarc.${name}`,
      value: dmarcRecord(domain),
      level: 'recommended',
    },
    // RFC 8460 §3.
    {
      purpose: 'tls_rpt',
      type: 'TXT',
      name: `_smtp._tls.${name}`,
      value: `v=TLSRPTv1; rua=mailto:tls-reports@${name}`,
      level: 'recommended',
    },
    ...mtaStsRecord(config, domain),
    ...bimiRecord(domain),
  ]
}

/**
 * Where the platform has a zone of its own and does not serve the domain's, both selectors of both algorithms point into
 * it for good, and keys change behind them. Otherwise each key has its text in the domain's zone.
 */
function dkimRecords(config: PlanConfig, domain: PlanDomain, keys: readonly DkimKey[]): DesiredRecord[] {
  const at = (selector: string): string => `${selector}._domainkey.${domain.name}`
  if (hasDkimByCname(config, domain)) {
    return dkimSelectors.flatMap((selector): DesiredRecord[] => {
      const value = dkimTarget(config, domain.id, selector)
      return value === null
        ? []
        : [{ purpose: 'dkim', type: 'CNAME', name: at(selector), value, level: 'recommended' }]
    })
  }
  return keys.map((key) => ({
    purpose: 'dkim',
    type: 'TXT',
    name: at(key.selector),
    value: dkimRecord(key),
    // A key that signs no more is only looked up for mail that is still on its way.
    level: key.state === 'retired' ? 'optional' : 'recommended',
  }))
}

/** Whether the domain's selectors are CNAMEs into the platform's own zone. */
export function hasDkimByCname(
  { dnsZone }: Pick<PlanConfig, 'dnsZone'>,
  { dns_mode: mode }: Pick<PlanDomain, 'dns_mode'>,
): boolean {
  return dnsZone !== null && mode !== 'served'
}

/**
 * RFC 9989 §4. A new domain has p=none, which only asks for reports. Another domain's address gets reports only if that
 * domain says so at DOMAIN._report._dmarc.OTHER (RFC 7489 §7.1, RFC 9990 §4).
 */
function dmarcRecord({
  name,
  dmarc_policy: policy,
  dmarc_report_address: address,
}: Pick<PlanDomain, 'name' | 'dmarc_policy' | 'dmarc_report_address'>): string {
  const own = `mailto:dmarc-reports@${name}`
  // RFC 7489 §6.2: a comma or an exclamation mark of an address is escaped.
  const other = address === null ? '' : `,mailto:${address.replace(/[,!]/g, encodeURIComponent)}`
  return `v=DMARC1; p=${policy}; rua=${own}${other}`
}

/** RFC 8461 §3.1: another policy has another id, so that senders fetch it anew. */
function mtaStsRecord(config: PlanConfig, domain: PlanDomain): DesiredRecord[] {
  const policy = mtaStsPolicy(config, domain)
  if (policy === null) return []
  return [
    {
      purpose: 'mta_sts',
      type: 'TXT',
      name: `_mta-sts.${domain.name}`,
      value: `v=STSv1; id=${policy.id}`,
      level: 'recommended',
    },
  ]
}

function bimiRecord({ name, bimi_logo_url: url }: PlanDomain): DesiredRecord[] {
  return url === null
    ? []
    : [
        {
          purpose: 'bimi',
          type: 'TXT',
          name: `default._bimi.${name}`,
          // A semicolon would end the tag.
          value: `v=BIMI1; l=${url.replaceAll(';', '%3B').replaceAll(',', '%2C')}`,
          level: 'optional',
        },
      ]
}
