/** Logging in to a mailbox, the same for every protocol. */
import type { Selectable } from 'kysely'
import { allowsLogin } from '../domains/lifecycle.ts'
import type { PublishedEvent } from '../platform/event-bus.ts'
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from './address.ts'
import { isServed, mailboxStates } from './lifecycle.ts'
import { verifyMailboxPassword } from './passwords.ts'
import type { MailboxPasswordsTable } from './tables.ts'

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

/** A mailbox that somebody may log in to, and what it is checked by. */
export type LoginCandidate = { login: MailboxLogin; passwords: Selectable<MailboxPasswordsTable>[] }

/** @returns null for a wrong address or password, and for a mailbox that is not served: callers cannot tell which. */
export async function logIn(
  platform: Platform,
  protocol: LoginProtocol,
  username: string,
  password: string,
): Promise<MailboxLogin | null> {
  const found = await findLogin(platform, username)
  const isRight = (stored: Selectable<MailboxPasswordsTable>): boolean =>
    found !== null && verifyMailboxPassword(platform.vault, found.login.mailboxId, stored, password)
  const login = found?.passwords.some(isRight) ? found.login : null
  reportLogin(platform, protocol, username, login)
  return login
}

/** The mailbox of that address with all its passwords; null when there is none, or it or its domain is not served. */
export async function findLogin(platform: Platform, username: string): Promise<LoginCandidate | null> {
  const address = parseAddress(username)
  if (!address.ok) return null
  const rows = await platform.db
    .selectFrom('addresses')
    .innerJoin('mailboxes', 'mailboxes.id', 'addresses.mailbox_id')
    .innerJoin('domains', 'domains.id', 'mailboxes.domain_id')
    .innerJoin('mailbox_passwords', 'mailbox_passwords.mailbox_id', 'mailboxes.id')
    .selectAll('mailbox_passwords')
    .select(['mailboxes.address', 'mailboxes.state', 'mailboxes.organization_id', 'mailboxes.workspace_id'])
    .select('domains.state as domain_state')
    .where('addresses.address', '=', address.value.address)
    .where('addresses.kind', '=', 'mailbox')
    .where('mailboxes.service', '=', 'local') // others are logged in to at their service
    .execute()
  const [first] = rows
  if (!first || !isServed(first.state) || !allowsLogin(first.domain_state)) return null
  const login = {
    mailboxId: first.mailbox_id,
    address: first.address,
    organizationId: first.organization_id,
    workspaceId: first.workspace_id,
  }
  return { login, passwords: rows }
}

/** Counts a login by its outcome; a refused one is logged. `login` is null for a refused one. */
export function reportLogin(
  { metrics, log }: Platform,
  protocol: LoginProtocol,
  username: string,
  login: MailboxLogin | null,
): void {
  metrics.logins.inc({ protocol, result: login ? 'accepted' : 'refused' })
  if (!login) log.info({ event: 'login.refused', protocol, username: username.slice(0, 254) })
}

/** Why whoever is logged in to the event's mailbox is so no longer; null for events that do not end a login. */
export function whyLoginsEnd({ type, data }: PublishedEvent): string | null {
  if (type === 'mailbox.password_changed') return 'The password was changed'
  if (type === 'mailbox.logins_ended') return 'The domain is suspended'
  if (type !== 'mailbox.state_changed') return null
  // Of another node, and perhaps of another version of this program.
  const to =
    typeof data === 'object' && data !== null ? Object.entries(data).find(([key]) => key === 'to')?.[1] : null
  const served = mailboxStates.some((state) => state === to && isServed(state))
  return served ? null : 'The mailbox is not available any more'
}
