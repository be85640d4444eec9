/** The table of domains. */
import type { Generated, Selectable } from 'kysely'
import type { DomainState } from './lifecycle.ts'
import type { Product } from './products.ts'
import type { RecordType } from './zones/records.ts'

export type DomainsTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** A-labels, lower case, no final dot. */
  name: string
  state: DomainState
  /** What the TXT record at _mailwright.DOMAIN must hold to prove that the domain is the workspace's. */
  ownership_token: string
  /** Who answers for its DNS: this platform, a host that is driven by its API, or its owner by hand. */
  dns_mode: Generated<DnsMode>
  /** The host that is driven, also while a mode is pending; null in the other modes. */
  dns_host_id: Generated<string | null>
  /** What `dns_mode` becomes once the delegation has followed; until then both sides answer. */
  pending_dns_mode: Generated<DnsMode | null>
  /** Its zone is not answered, because its delegation may be left over from another workspace; see nameservers.ts. */
  zone_held: Generated<boolean>
  /** Rises with every change of its settings. */
  settings_version: Generated<number>
  /** Of its zone (RFC 1035 §3.3.13); rises with every change, see zones/serial.ts. */
  zone_serial: Generated<number>
  /** What the DMARC record asks for (RFC 9989). */
  dmarc_policy: Generated<DmarcPolicy>
  /** Who gets DMARC reports beside this platform. */
  dmarc_report_address: Generated<string | null>
  /** none: no MTA-STS policy is published (RFC 8461). */
  mta_sts_mode: Generated<MtaStsMode>
  /** When `mta_sts_mode` became none, as long as senders may hold on to what was before; the database sets it. */
  mta_sts_withdrawn_at: Generated<Date | null>
  /** An SVG for BIMI; its record is desired when it is set. */
  bimi_logo_url: Generated<string | null>
  /** Where browsers that come to the domain or its `www` are sent; null: nowhere, and no web record is desired. */
  redirect_url: Generated<string | null>
  redirect_status: Generated<301 | 302>
  /** Whether the path and query of the request are put behind `redirect_url`. */
  redirect_keeps_path: Generated<boolean>
  /** While deletion is scheduled: the state that a restore brings back, and when it is too late. */
  state_before_deletion: Generated<DomainState | null>
  delete_after: Generated<Date | null>
  /** When it last became active; null: never, or it was active from the start (a sandbox name). */
  activated_at: Generated<Date | null>
  /** The call that asked for it with many others. */
  batch_id: Generated<string | null>
  /** When its host names were last looked up for certificates. */
  host_names_checked_at: Generated<Date | null>
  /** Every workspace may have mailboxes of its identities in it; one domain of the installation at most. */
  is_shared: Generated<boolean>
  /** The only product that mailboxes in it may be asked for as; null: any. */
  product: Generated<Product | null>
  created_at: Date
  updated_at: Date
  state_changed_at: Date
}

/** A row of `domains`. */
export type Domain = Selectable<DomainsTable>

export type DnsMode = 'served' | 'driven' | 'manual'
export type DmarcPolicy = 'none' | 'quarantine' | 'reject'
export type MtaStsMode = 'none' | 'testing' | 'enforce'

/** Records that customers add to the zone of a served domain. */
export type ZoneRecordsTable = {
  id: string
  workspace_id: string
  domain_id: string
  /** Absolute, lower case, no final dot; its first label may be `*`. */
  name: string
  type: RecordType
  /** In seconds. */
  ttl: number
  /** In the form of zones/records.ts. */
  value: string
  created_at: Date
  updated_at: Date
}

export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256'

export type DkimKeysTable = {
  id: string
  domain_id: string
  algorithm: DkimAlgorithm
  selector: string
  /** What `p=` of its record holds. */
  public_key: string
  /** PKCS #8 in DER, sealed. */
  sealed_private_key: Buffer
  /** The vault key that it is sealed under. */
  key_id: string
  /** pending: its record is not seen yet. active: it signs. retired: it signs no more, and its record may go. */
  state: 'pending' | 'active' | 'retired'
  created_at: Date
  activated_at: Date | null
  retired_at: Generated<Date | null>
}

declare module '../platform/database.ts' {
  interface Tables {
    domains: DomainsTable
    dkim_keys: DkimKeysTable
    zone_records: ZoneRecordsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain.created': { domain_id: string; name: string; state: DomainState }
    'domain.state_changed': { domain_id: string; name: string; from: DomainState; to: DomainState }
    'domain.dkim_keys_created': { domain_id: string; name: string; selectors: string[] }
    /** What its zone answers has changed, with or without a new serial of ours to show for it. */
    'domain.zone_changed': { domain_id: string; name: string; serial: number }
    'domain.shared': { domain_id: string; name: string }
    'domain.unshared': { domain_id: string; name: string }
    'domain.deleted': { domain_id: string; name: string }
  }
}
