/** The tables of delivery as a whole; the queue's are in outbound/tables.ts, and each subject's beside it. */
import type { ColumnType } from 'kysely'
import type { DeliveryPolicySettings } from './policies.ts'

/** What a workspace, a domain or a mailbox says of its mail; policies.ts has the settings. */
export type DeliveryPoliciesTable = {
  scope_id: string
  scope: 'workspace' | 'domain' | 'mailbox'
  workspace_id: string
  settings: ColumnType<DeliveryPolicySettings, string, string>
  updated_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    delivery_policies: DeliveryPoliciesTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'delivery_policy.updated': {
      scope: 'workspace' | 'domain' | 'mailbox'
      scope_id: string
      settings: DeliveryPolicySettings
    }
  }
}
