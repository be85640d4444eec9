/** The table of domains. */
import type { DomainState } from './lifecycle.ts'

export type DomainsTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** A-labels, lower case, no final dot. */
  name: string
  state: DomainState
  created_at: Date
  updated_at: Date
  state_changed_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    domains: DomainsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain.created': { domain_id: string; name: string; state: DomainState }
    'domain.state_changed': { domain_id: string; name: string; from: DomainState; to: DomainState }
    'domain.deleted': { domain_id: string; name: string }
  }
}
