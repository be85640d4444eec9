/** Credentials: what a mail client is set up with, shown to keys that may see it, every look noted. */
import { requireWrite, type Scope } from '../accounts/principals.ts'
import { type MailServer, mailServers } from '../domains/mail-servers.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { serversElsewhere } from './engines/mail-servers.ts'
import { tellEngines } from './engines.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'
import { generatePassword, openPassword, requireStrongPassword, storePassword } from './passwords.ts'
import type { Service } from './tables.ts'

export type Credentials = {
  username: string
  password: string
  /** False where the service lets clients in with app passwords or OAuth only. */
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
  return { username: mailbox.address, password, ...clientSettings(platform, mailbox.service) }
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
  const mailbox = await lockMailbox(platform, tx, scope, ref)
  if (chosen !== null) requireStrongPassword(chosen, mailbox.address)
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
  return { username: mailbox.address, password, ...clientSettings(platform, mailbox.service) }
}

/** Where clients connect, first choice of each. */
function clientSettings(
  platform: Platform,
  service: Service,
): Pick<Credentials, 'passwordUsable' | 'imap' | 'smtp' | 'pop3'> {
  if (service !== 'local') return { passwordUsable: false, ...serversElsewhere[service] }
  const { imap, submission, pop3 } = mailServers(platform)
  return {
    passwordUsable: true,
    imap: imap[0] ?? null,
    smtp: submission[0] ?? null,
    pop3: pop3[0] ?? null,
  }
}
