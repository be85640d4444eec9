/** The tables of secondaries, which are of the whole platform: a secondary serves the zones of all workspaces. */
import type { TsigAlgorithm } from '../../platform/dns-wire/tsig.ts'

export type TsigKeysTable = {
  id: string
  /** Whose key made it; it holds for all. */
  organization_id: string
  /** As it goes over the wire: lower case, no final dot. */
  name: string
  algorithm: TsigAlgorithm
  /** The secret that both sides share, sealed; the column has the name that a change of the master key looks for. */
  sealed_private_key: Buffer
  key_id: string
  created_at: Date
}

export type DnsSecondariesTable = {
  id: string
  organization_id: string
  name: string
  address: string
  port: number
  /** What it signs its requests with; null: whoever asks from its address gets the zones. */
  tsig_key_id: string | null
  /** Whether it is told of changes (RFC 1996). */
  notify: boolean
  created_at: Date
}

export type DnsCatalogTable = {
  id: number
  serial: number
  members_digest: string
}

declare module '../../platform/database.ts' {
  interface Tables {
    tsig_keys: TsigKeysTable
    dns_secondaries: DnsSecondariesTable
    dns_catalog: DnsCatalogTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'tsig_key.created': { tsig_key_id: string; name: string }
    'tsig_key.deleted': { tsig_key_id: string; name: string }
    'dns_secondary.created': { dns_secondary_id: string; name: string }
    'dns_secondary.deleted': { dns_secondary_id: string; name: string }
  }
}
