/** Which DNS records a domain should have, so that its mail is found, believed and reported on. */
import type { Config } from '../platform/config.ts'
import { type DkimKey, dkimRecord } from './dkim-keys.ts'
import type { Domain } from './domains.ts'

export type RecordPurpose = 'ownership' | 'mx' | 'spf' | 'dkim' | 'dmarc' | 'tls_rpt'

export type DesiredRecord = {
  purpose: RecordPurpose
  type: 'TXT' | 'MX'
  name: string
  /** As a zone file has it, without quotes: `10 mx.example.com` for an MX. */
  value: string
  /** The domain becomes active with the required ones. */
  level: 'required' | 'recommended'
}

const mxPreference = 10

export function desiredRecords(
  { hostname }: Pick<Config, 'hostname'>,
  { name, ownership_token: token }: Pick<Domain, 'name' | 'ownership_token'>,
  keys: readonly DkimKey[],
): DesiredRecord[] {
  return [
    {
      purpose: 'ownership',
      type: 'TXT',
      name: `_mailwright.${name}`,
      value: `mailwright-verification=${token}`,
      level: 'required',
    },
    { purpose: 'mx', type: 'MX', name, value: `${mxPreference} ${hostname}`, level: 'required' },
    // RFC 7208: the hosts of the MX send, too.
    { purpose: 'spf', type: 'TXT', name, value: 'v=spf1 mx ~all', level: 'recommended' },
    ...keys.map((key) => ({
      purpose: 'dkim' as const,
      type: 'TXT' as const,
      name: `${key.selector}._domainkey.${name}`,
      value: dkimRecord(key),
      level: 'recommended' as const,
    })),
    // RFC 7489 §6.3: p=none only asks for reports; a stricter policy comes when they say that nothing is missed.
    {
      purpose: 'dmarc',
      type: 'TXT',
      name: `_dmarc.${name}`,
      value: `v=DMARC1; p=none; rua=mailto:dmarc-reports@${name}`,
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
  ]
}
