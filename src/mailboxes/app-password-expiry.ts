/** App passwords whose time is over: whoever is logged in by one is told to go. At a login, login.ts looks itself. */
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { noteChange } from './app-passwords.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.expire_app_passwords': Record<string, never>
  }
}

const passwordsPerTransaction = 500

type Expired = {
  id: string
  name: string
  mailbox_id: string
  address: string
  organization_id: string
  workspace_id: string
}

/** @returns how many were over. */
export async function tellExpiredAppPasswords(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Expired>`
      update mailbox_passwords set is_expiry_told = true
      from (
        select mailbox_id, name from mailbox_passwords
        where expires_at <= ${platform.clock.now()} and not is_expiry_told
        limit ${passwordsPerTransaction} for update skip locked
      ) as due, mailboxes
      where mailbox_passwords.mailbox_id = due.mailbox_id and mailbox_passwords.name = due.name
        and mailboxes.id = due.mailbox_id
      returning mailbox_passwords.id, mailbox_passwords.name, mailbox_passwords.mailbox_id, mailboxes.address,
        mailboxes.organization_id, mailboxes.workspace_id`.execute(tx)
    await noteChange(
      platform,
      tx,
      rows.map((row) => row.mailbox_id),
    )
    await appendEvents(
      platform,
      tx,
      rows.map((row) => ({
        type: 'mailbox.app_password_expired' as const,
        organizationId: row.organization_id,
        workspaceId: row.workspace_id,
        mailboxId: row.mailbox_id,
        data: {
          mailbox_id: row.mailbox_id,
          address: row.address,
          app_password_id: row.id,
          name: row.name,
        },
      })),
    )
    return rows.length
  })
}
