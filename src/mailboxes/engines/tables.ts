/** The tables of services elsewhere: connections to tenants, and what is there of each mailbox. */
import type { ColumnType, Generated } from 'kysely'
import type { RemoteFailureKind, RemoteService } from './driver.ts'
import type { ConnectionService } from './drivers.ts'
import type { RemoteState } from './remote-states.ts'
import type { ConnectionSettings } from './settings.ts'

/** What lets a workspace into its tenant at a service. */
export type ServiceConnectionsTable = {
  id: string
  organization_id: string
  workspace_id: string
  service: ConnectionService
  /** The owner's name for it. */
  name: string
  /** What is no secret, in the form of the service; see drivers.ts. */
  settings: ColumnType<ConnectionSettings, string, string>
  /** The key or secret, sealed. Named as in the other tables that reseal.ts goes through. */
  sealed_private_key: Buffer
  key_id: string
  /** Whether new mailboxes of the service are made there: one of a workspace and service is. */
  is_default: boolean
  /** failing: the last request failed for a reason that concerns all its mailboxes. */
  state: 'working' | 'failing'
  /** The service's own words. */
  last_error: string | null
  checked_at: Date
  /** Until then it is left alone. */
  retry_at: Date | null
  /** Failures since the last success, by which pauses grow. */
  failures: Generated<number>
  created_at: Date
  updated_at: Date
}

/** A user there as it was last seen. */
export type Observed = {
  address: string
  state: 'active' | 'suspended' | 'deleted'
  is_ready: boolean
  aliases: string[]
  first_name: string
  last_name: string
  problem: string | null
}

/** What is known of a mailbox's user at its service, and what is still to be done there. */
export type MailboxRemotesTable = {
  mailbox_id: string
  workspace_id: string
  connection_id: string
  /** Written into the user that we make: by it we know it for ours. */
  mark: string
  remote_id: string | null
  state: RemoteState
  /** Since when it is in that state; by it alarms and failures are timed. */
  state_changed_at: Date
  /** What the service is still to be told of. */
  changed: Generated<string[]>
  /** Rises with every change here: a run that began before must not take it for done. */
  revision: Generated<number>
  /** The aliases that are there by us; others are left alone. */
  aliases: Generated<string[]>
  observed: ColumnType<Observed | null, string | null | undefined, string | null>
  observed_at: Generated<Date | null>
  usage_bytes: Generated<string | null>
  usage_at: Generated<Date | null>
  error_kind: Generated<RemoteFailureKind | null>
  /** The service's own words. */
  last_error: Generated<string | null>
  request_id: Generated<string | null>
  /** Looks and tries since the last progress, by which pauses grow. */
  attempts: Generated<number>
  /** Null: nothing is to be done. */
  next_attempt_at: Date | null
  /** The run that is at it, and until when that may be. */
  claim_id: Generated<string | null>
  claimed_until: Generated<Date | null>
  /** Whether it was told that this takes unusually long. */
  is_late: Generated<boolean>
  restorable_until: Generated<Date | null>
  created_at: Date
  updated_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    service_connections: ServiceConnectionsTable
    mailbox_remotes: MailboxRemotesTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'service_connection.created': { service_connection_id: string; service: RemoteService; name: string }
    'service_connection.updated': { service_connection_id: string; service: RemoteService; name: string }
    'service_connection.deleted': { service_connection_id: string; service: RemoteService; name: string }
    /** The user at the service is in another state, or what is wrong with it has changed. */
    'mailbox.remote_changed': {
      mailbox_id: string
      address: string
      service: RemoteService
      state: RemoteState
      problem: string | null
      /** Whether the step under way takes unusually long. */
      late: boolean
    }
  }
}
