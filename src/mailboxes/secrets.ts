/** The secrets of mailboxes in the clear, for lists that show them; each look is written to the event log. */
import { type RawBuilder, sql } from 'kysely'
import { requireCredentialsRight, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { openPassword } from './passwords.ts'
import { totpContext } from './second-factor.ts'
import { formatTotpSecret } from './totp-codes.ts'

export type Secrets = {
  password: string
  /** The oldest that mail programs may use from anywhere; null: there is none. */
  appPassword: string | null
  /** Of the second factor, in base32; null: it is not on. */
  totpSecret: string | null
}

declare module '../platform/events.ts' {
  interface EventTypes {
    /** Of several at once, by a list that shows them. */
    'workspace.credentials_viewed': { mailbox_ids: string[]; by: string }
  }
}

type Row = {
  id: string
  sealed_password: Buffer
  sealed_app_password: Buffer | null
  sealed_totp: Buffer | null
}

/**
 * Those of the workspace's mailboxes with these ids; others are left out.
 * @throws Refusal forbidden: a key that may only read sees none.
 */
export async function viewSecrets(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  mailboxIds: readonly string[],
): Promise<Map<string, Secrets>> {
  requireWrite(scope)
  requireCredentialsRight(scope)
  if (mailboxIds.length === 0) return new Map()
  const found = await readSecrets(platform, tx, scope, mailboxIds)
  await appendEvents(platform, tx, [
    {
      type: 'workspace.credentials_viewed',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      data: { mailbox_ids: [...found.keys()], by: scope.actor },
    },
  ])
  return found
}

/**
 * The same for the program itself, which hands them to whom the workspace has said: nobody looks, and nothing is written.
 */
export async function readSecrets(
  platform: Platform,
  db: Db,
  { workspaceId, mailboxId }: Pick<Scope, 'workspaceId' | 'mailboxId'>,
  mailboxIds: readonly string[],
): Promise<Map<string, Secrets>> {
  const { rows } = await sql<Row>`/* prepared mailbox_secrets */
    select mailboxes.id, main.sealed_password, program.sealed_password as sealed_app_password,
      factor.sealed_private_key as sealed_totp
    from mailboxes
      join mailbox_passwords as main on main.mailbox_id = mailboxes.id and main.name = 'primary'
      left join mailbox_totp as factor on factor.mailbox_id = mailboxes.id and factor.enabled_at is not null
      left join lateral ${programPassword(platform)} as program on true
    where mailboxes.workspace_id = ${workspaceId}::uuid and mailboxes.state <> 'deleted'
      and mailboxes.id = any(${uuidArray(mailboxIds)})
      and (${mailboxId}::uuid is null or mailboxes.id = ${mailboxId}::uuid)`.execute(db)
  return new Map(rows.map((row) => [row.id, opened(platform, row)]))
}

/**
 * The sealed app password of the mailbox at hand that programs elsewhere are set up with: the oldest that they may use from
 * anywhere, so that it stays the same when others come. A query for `left join lateral` beside `mailboxes`.
 */
export function programPassword({ clock }: Platform): RawBuilder<unknown> {
  return sql`(
    select sealed_password from mailbox_passwords
    where mailbox_passwords.mailbox_id = mailboxes.id and id is not null and networks is null
      and (scopes is null or scopes @> array['imap', 'smtp'])
      and (expires_at is null or expires_at > ${clock.now()})
    order by id limit 1
  )`
}

function opened({ vault }: Platform, row: Row): Secrets {
  const { id, sealed_password: password, sealed_app_password: app, sealed_totp: totp } = row
  return {
    password: openPassword(vault, id, password),
    appPassword: app && openPassword(vault, id, app),
    totpSecret: totp && formatTotpSecret(vault.open(totp, totpContext(id))),
  }
}
