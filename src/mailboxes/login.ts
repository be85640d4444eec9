/** Logging in to a mailbox, the same for every protocol. */
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from './address.ts'
import { isServed } from './lifecycle.ts'
import { verifyMailboxPassword } from './passwords.ts'

export type MailboxLogin = {
  mailboxId: string
  address: string
  organizationId: string
  workspaceId: string
}

export type LoginProtocol = 'imap' | 'pop3' | 'smtp'

/** What a protocol does after a refused login before it answers, so that guessing is slow, in ms. */
export const loginFailureDelayMs = 1000
/** After so many refused logins a connection is closed. */
export const loginFailuresMax = 3

/** @returns null for a wrong address or password, and for a mailbox that is not served: callers cannot tell which. */
export async function logIn(
  platform: Platform,
  protocol: LoginProtocol,
  username: string,
  password: string,
): Promise<MailboxLogin | null> {
  const login = await check(platform, username, password)
  platform.metrics.logins.inc({ protocol, result: login ? 'accepted' : 'refused' })
  if (!login) platform.log.info({ event: 'login.refused', protocol, username: username.slice(0, 254) })
  return login
}

async function check(platform: Platform, username: string, password: string): Promise<MailboxLogin | null> {
  const address = parseAddress(username)
  if (!address.ok) return null
  const row = await platform.db
    .selectFrom('addresses')
    .innerJoin('mailboxes', 'mailboxes.id', 'addresses.mailbox_id')
    .innerJoin('mailbox_passwords', 'mailbox_passwords.mailbox_id', 'mailboxes.id')
    .select([
      'mailboxes.id',
      'mailboxes.address',
      'mailboxes.state',
      'mailboxes.organization_id',
      'mailboxes.workspace_id',
      'mailbox_passwords.verifier',
      'mailbox_passwords.key_id',
    ])
    .where('addresses.address', '=', address.value.address)
    .where('addresses.kind', '=', 'mailbox')
    .where('mailbox_passwords.name', '=', 'primary')
    .executeTakeFirst()
  if (!row || !isServed(row.state)) return null
  if (!verifyMailboxPassword(platform.vault, row.id, row, password)) return null
  return {
    mailboxId: row.id,
    address: row.address,
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
  }
}
