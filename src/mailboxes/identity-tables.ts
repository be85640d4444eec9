/** The table of identities, and their events. */
import type { Generated } from 'kysely'

export type IdentitiesTable = {
  id: string
  organization_id: string
  workspace_id: string
  handle: string
  description: string | null
  /** Who answers for it: `api_key:ID` or `user:ID`. */
  owner: string
  mailbox_id: string
  version: Generated<number>
  created_at: Date
  updated_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    identities: IdentitiesTable
  }
}

type IdentityEvent = { identity_id: string; handle: string; mailbox_id: string }

declare module '../platform/events.ts' {
  interface EventTypes {
    'identity.created': IdentityEvent
    'identity.updated': IdentityEvent
    /** It is gone with its mailbox, for good: the handle is free. */
    'identity.deleted': IdentityEvent
  }
}
