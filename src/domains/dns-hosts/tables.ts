/** The tables of DNS hosts: connections, the domains that are kept there, and what was put there. */
import type { ColumnType, Generated } from 'kysely'
import type { RecordType } from '../zones/records.ts'
import type { HostConflict } from './changes.ts'
import type { DnsHostErrorKind } from './driver.ts'
import type { DnsHostKind, DnsHostSettings } from './drivers.ts'

/** A connection of a workspace: where a host is, and what lets us in. */
export type DnsHostsTable = {
  id: string
  organization_id: string
  workspace_id: string
  kind: DnsHostKind
  /** The owner's name for it. */
  name: string
  /** What is no secret, in the form of the kind; see drivers.ts. */
  settings: ColumnType<DnsHostSettings, string, string>
  /** The API key or token, sealed. Named as in the other tables that reseal.ts goes through. */
  sealed_private_key: Buffer
  key_id: string
  /** failing: the last request failed for a reason that concerns all its domains. */
  state: 'working' | 'failing'
  /** The host's own words. */
  last_error: string | null
  checked_at: Date
  /** Until then it is left alone. */
  retry_at: Date | null
  created_at: Date
  updated_at: Date
}

/** A domain at a host: the one that drives it now, and those that it leaves. */
export type DnsHostDomainsTable = {
  domain_id: string
  dns_host_id: string
  /** The zone there once it was found; the domain itself or one above it. */
  zone_id: string | null
  zone_name: string | null
  /** Values of others that contradict ours may be displaced. */
  take_over: boolean
  /** A zone that is missing is made. */
  create_zone: boolean
  /** What we put there is taken away, and then this row. */
  leaving: boolean
  /** With that, what was displaced is put back. */
  put_back: boolean
  state: 'pending' | 'in_sync' | 'conflict' | 'failing'
  conflicts: ColumnType<HostConflict[], string, string>
  error_kind: DnsHostErrorKind | null
  last_error: string | null
  /** Failed attempts since the last success. */
  attempts: number
  /** When the host's records were last compared. */
  checked_at: Date | null
  next_attempt_at: Date | null
  created_at: Date
}

/** What we put there, and what we took out to be put back. */
export type DnsHostRecordsTable = {
  domain_id: string
  dns_host_id: string
  name: string
  type: RecordType
  value: string
  /** In seconds. */
  ttl: number
  /** Someone else's, taken out by us. */
  displaced: boolean
  written_at: Generated<Date>
}

declare module '../../platform/database.ts' {
  interface Tables {
    dns_hosts: DnsHostsTable
    dns_host_domains: DnsHostDomainsTable
    dns_host_records: DnsHostRecordsTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'dns_host.created': { dns_host_id: string; kind: string; name: string }
    'dns_host.updated': { dns_host_id: string; kind: string; name: string }
    'dns_host.deleted': { dns_host_id: string; kind: string; name: string }
    'domain.dns_host_changed': { domain_id: string; name: string; dns_host_id: string | null }
    /** Records were changed at the host, or what stands in the way of some has changed. */
    'domain.dns_host_reconciled': {
      domain_id: string
      name: string
      dns_host_id: string
      changes: number
      conflicts: number
    }
    /** The first failure after a success. */
    'domain.dns_host_failed': {
      domain_id: string
      name: string
      dns_host_id: string
      kind: DnsHostErrorKind
      problem: string
    }
  }
}
