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
  /** Null: it has none. */
  mailbox_id: string | null
  /** While it has no mailbox, whose name it would be. */
  display_name: Generated<string | null>
  /** Its mailbox came along without anybody asking for it, and has not been taken up since. */
  mailbox_is_implicit: Generated<boolean>
  version: Generated<number>
  created_at: Date
  updated_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    identities: IdentitiesTable
  }
}

type IdentityEvent = { identity_id: string; handle: string; mailbox_id: string | null }

declare module '../platform/events.ts' {
  interface EventTypes {
    'identity.created': IdentityEvent
    'identity.updated': IdentityEvent
    /** It is gone for good, with its mailbox if it had one: the handle is free. */
    'identity.deleted': IdentityEvent
  }
}
