/** The table of domains. */
import type { Generated } from 'kysely'
import type { DomainState } from './lifecycle.ts'

export type DomainsTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** A-labels, lower case, no final dot. */
  name: string
  state: DomainState
  /** What the TXT record at _mailwright.DOMAIN must hold to prove that the domain is the workspace's. */
  ownership_token: string
  /** When its host names were last looked up for certificates. */
  host_names_checked_at: Generated<Date | null>
  created_at: Date
  updated_at: Date
  state_changed_at: Date
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
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain.created': { domain_id: string; name: string; state: DomainState }
    'domain.state_changed': { domain_id: string; name: string; from: DomainState; to: DomainState }
    'domain.dkim_keys_created': { domain_id: string; name: string; selectors: string[] }
    'domain.deleted': { domain_id: string; name: string }
  }
}
