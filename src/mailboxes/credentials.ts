/** Credentials: what a mail client is set up with, shown to keys that may see it, every look noted. */

import { requireCredentialsRight, requireWrite, type Scope } from '../accounts/principals.ts'
import { type MailServer, mailServers } from '../domains/mail-servers.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { serversElsewhere } from './engines/mail-servers.ts'
import { tellEngines } from './engines.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'
import { generatePassword, openPassword, requireStrongPassword, storePassword } from './passwords.ts'
import { hasSecondFactor } from './second-factor.ts'
import type { Mailbox, Service } from './tables.ts'

export type Credentials = {
  username: string
  password: string
  /** Whether mail clients log in with the password; else they need an app password, or OAuth. */
  passwordUsable: boolean
  imap: MailServer | null
  smtp: MailServer | null
  pop3: MailServer | null
}

/**
 * The credentials of a mailbox; the look is written to the event log.
 * @throws Refusal mailbox_not_found, forbidden (a read-only key sees no password).
 */
export async function viewCredentials(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Credentials> {
  requireWrite(scope)
  requireCredentialsRight(scope)
  const mailbox = await getMailbox(platform, scope, ref, tx)
  const stored = await tx
    .selectFrom('mailbox_passwords')
    .select('sealed_password')
    .where('mailbox_id', '=', mailbox.id)
    .where('name', '=', 'primary')
    .executeTakeFirst()
  if (!stored) throw new Refusal('mailbox_not_found')
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.credentials_viewed',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address, by: scope.actor },
    },
  ])
  const password = openPassword(platform.vault, mailbox.id, stored.sealed_password)
  return await credentialsOf(platform, tx, mailbox, password)
}

/**
 * Sets a new password, or generates one. IMAP and POP3 sessions end, and have to log in with the new one.
 * @throws Refusal mailbox_not_found, password_too_weak, forbidden.
 */
export async function changePassword(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  chosen: string | null,
): Promise<Credentials> {
  requireCredentialsRight(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const names = [mailbox.display_name, mailbox.first_name, mailbox.last_name]
  if (chosen !== null) requireStrongPassword(chosen, mailbox.address, names)
  const password = chosen ?? generatePassword()
  await tx
    .updateTable('mailbox_passwords')
    .set({ ...storePassword(platform.vault, mailbox.id, password), created_at: platform.clock.now() })
    .where('mailbox_id', '=', mailbox.id)
    .where('name', '=', 'primary')
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.password_changed',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address },
    },
  ])
  await tellEngines(platform, tx, [mailbox], 'password')
  return await credentialsOf(platform, tx, mailbox, password)
}

async function credentialsOf(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  password: string,
): Promise<Credentials> {
  const { address: username, service } = mailbox
  const passwordUsable = service === 'local' && !(await hasSecondFactor(tx, mailbox.id))
  return { username, password, passwordUsable, ...clientServers(platform, service) }
}

/** Where clients of a service connect, first choice of each. */
export function clientServers(
  platform: Platform,
  service: Service,
): Pick<Credentials, 'imap' | 'smtp' | 'pop3'> {
  if (service !== 'local') return serversElsewhere[service]
  const { imap, submission, pop3 } = mailServers(platform)
  return { imap: imap[0] ?? null, smtp: submission[0] ?? null, pop3: pop3[0] ?? null }
}
