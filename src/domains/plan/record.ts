/** What a plan of DNS records is made of. */
import type { Config } from '../../platform/config.ts'
import type { Domain } from '../tables.ts'
import type { RecordType } from '../zones/records.ts'

/**
 * Why a record is wanted. `mta_sts`, `autoconfig` and `autodiscover` are hosts and, where the standard has one, the TXT
 * record beside; `srv` finds the mail services (RFC 6186), `web` is what `redirect` answers at.
 */
export const recordPurposes = [
  'nameservers',
  'ownership',
  'mx',
  'spf',
  'dkim',
  'dmarc',
  'tls_rpt',
  'mta_sts',
  'autoconfig',
  'autodiscover',
  'srv',
  'bimi',
  'web',
  'caa',
] as const

export type RecordPurpose = (typeof recordPurposes)[number]

/** required: the domain becomes active with these. optional: nothing is lost without it. */
export const recordLevels = ['required', 'recommended', 'optional'] as const

export type RecordLevel = (typeof recordLevels)[number]

export type DesiredRecord = {
  purpose: RecordPurpose
  type: RecordType
  /** Absolute, lower case, without the final dot. */
  name: string
  /** One value, in the form of zones/records.ts: `10 mx.example.com` for an MX. */
  value: string
  level: RecordLevel
}

/** The settings that a plan is made of. */
export type PlanConfig = Pick<
  Config,
  | 'hostname'
  | 'dnsZone'
  | 'nameservers'
  | 'publicAddresses'
  | 'acmeDirectoryUrl'
  | 'publicPorts'
  | 'imapPort'
  | 'imapsPort'
  | 'pop3Port'
  | 'pop3sPort'
  | 'submissionPort'
  | 'submissionsPort'
>

/** What a plan has to know of its domain. */
export type PlanDomain = Pick<
  Domain,
  | 'id'
  | 'workspace_id'
  | 'name'
  | 'ownership_token'
  | 'dns_mode'
  | 'zone_held'
  | 'dmarc_policy'
  | 'dmarc_report_address'
  | 'mta_sts_mode'
  | 'mta_sts_withdrawn_at'
  | 'bimi_logo_url'
  | 'redirect_url'
>
