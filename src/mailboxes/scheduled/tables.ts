/** The table of mailboxes that are made later, and the events of them. */
import type { Selectable } from 'kysely'
import type { Product } from '../../domains/products.ts'
import type { ErrorCode } from '../../platform/errors.ts'

export type ScheduledMailboxesTable = {
  id: string
  organization_id: string
  workspace_id: string
  domain_id: string
  address: string
  product: Product
  first_name: string | null
  last_name: string | null
  /** When it is bought. */
  due_at: Date
  /** When that is tried next: what stands in the way at that moment may be gone soon. */
  attempt_at: Date
  /** Why it could not be; null: its time has not come, or it is being made. */
  failure_code: ErrorCode | null
  failure_detail: string | null
  failed_at: Date | null
  /** Who asked for it, in whose name it is bought: as in Scope.actor. */
  created_by: string
  created_at: Date
}

export type ScheduledMailbox = Selectable<ScheduledMailboxesTable>

declare module '../../platform/database.ts' {
  interface Tables {
    scheduled_mailboxes: ScheduledMailboxesTable
  }
}

type Named = { scheduled_mailbox_id: string; address: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'scheduled_mailbox.created': Named & { due_at: string }
    'scheduled_mailbox.canceled': Named
    'scheduled_mailbox.made': Named & { mailbox_id: string }
    'scheduled_mailbox.failed': Named & { code: ErrorCode; detail: string }
    /** Its time is now, after a failure. */
    'scheduled_mailbox.retried': Named & { due_at: string }
  }
}

export function subjectOf({
  organization_id: organizationId,
  workspace_id: workspaceId,
}: Pick<ScheduledMailbox, 'organization_id' | 'workspace_id'>): {
  organizationId: string
  workspaceId: string
} {
  return { organizationId, workspaceId }
}
