/** What a workspace has decided for all of its mailboxes. */
import type { Selectable } from 'kysely'
import type { Db } from '../platform/database.ts'

export type MailboxSettingsTable = {
  workspace_id: string
  /** Whether the present code of a mailbox's TOTP is shown to keys: convenient for programs, and one factor less. */
  totp_codes_shown: boolean
  /** Days that the old address of a renamed mailbox stays as its alias; null: for ever. */
  rename_alias_days: number | null
  /** Days in which a deleted mailbox can be restored. */
  restore_days: number
}

declare module '../platform/database.ts' {
  interface Tables {
    mailbox_settings: MailboxSettingsTable
  }
}

export type MailboxSettings = Omit<Selectable<MailboxSettingsTable>, 'workspace_id'>

export const defaultMailboxSettings: MailboxSettings = {
  totp_codes_shown: false,
  rename_alias_days: 90,
  restore_days: 30,
}

/** @param db the transaction, inside one. */
export async function mailboxSettingsOf(db: Db, workspaceId: string): Promise<MailboxSettings> {
  const row = await db
    .selectFrom('mailbox_settings')
    .select(['totp_codes_shown', 'rename_alias_days', 'restore_days'])
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  return row ?? defaultMailboxSettings
}
