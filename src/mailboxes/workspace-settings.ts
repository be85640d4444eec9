/** What a workspace has decided for all of its mailboxes. */
import type { Selectable } from 'kysely'
import { type Principal, requireWorkspace, requireWrite } from '../accounts/principals.ts'
import { getWorkspace } from '../accounts/workspaces.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'

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

declare module '../platform/events.ts' {
  interface EventTypes {
    'workspace.mailbox_settings_changed': {
      workspace_id: string
      before: MailboxSettings
      settings: MailboxSettings
    }
  }
}

/** What may be asked for; the schema holds the same bounds. */
export const mailboxSettingsBounds = {
  renameAliasDays: { min: 0, max: 36_500 },
  restoreDays: { min: 1, max: 365 },
} as const

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

/**
 * Replaces what a workspace has decided. What is deleted or renamed already keeps its day.
 * @throws Refusal workspace_not_found, forbidden.
 */
export async function putMailboxSettings(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  settings: MailboxSettings,
): Promise<MailboxSettings> {
  requireWrite(principal)
  requireWorkspace(principal)
  const workspace = await getWorkspace(platform, principal, id, tx)
  const before = await mailboxSettingsOf(tx, workspace.id)
  await tx
    .insertInto('mailbox_settings')
    .values({ workspace_id: workspace.id, ...settings })
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(settings))
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'workspace.mailbox_settings_changed',
      organizationId: workspace.organization_id,
      workspaceId: workspace.id,
      data: { workspace_id: workspace.id, before, settings },
    },
  ])
  return settings
}
