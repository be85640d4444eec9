/** Messages of which it is counted how often they are opened. */
import type { Generated } from 'kysely'

/** Nothing is kept of who opens. */
export type OpenTrackingsTable = {
  id: string
  mailbox_id: string
  /** The copy in Sent. */
  message_id: string
  created_at: Date
  first_opened_at: Date | null
  open_count: Generated<number>
}

declare module '../../platform/database.ts' {
  interface Tables {
    open_trackings: OpenTrackingsTable
  }
}
