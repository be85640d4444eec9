/**
 * Logging in to a mailbox, the same for every protocol. Which of its passwords count is for the protocol, the client's
 * network and the time to say; the login guard stands before all of them.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import { type GuardedOutcome, guardLogin } from '../accounts/login-guard.ts'
import { type GuardRow, guardRows, type LoginLock } from '../accounts/login-guard-rows.ts'
import { allowsLogin, type DomainState } from '../domains/lifecycle.ts'
import { columnList } from '../platform/column-list.ts'
import type { Tx } from '../platform/database.ts'
import type { PublishedEvent } from '../platform/event-bus.ts'
import { appendEvents } from '../platform/events.ts'
import { networkList } from '../platform/network.ts'
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from './address.ts'
import { appPasswordAsShown } from './app-password-text.ts'
import { noteUse } from './last-uses.ts'
import { isServed, type MailboxState, mailboxStates } from './lifecycle.ts'
import { findMailboxKey, type MailboxKey } from './login-keys.ts'
import { verifyMailboxPassword } from './passwords.ts'
import type { AppPasswordScope, MailboxPasswordsTable } from './tables.ts'

export type MailboxLogin = {
  mailboxId: string
  address: string
  organizationId: string
  workspaceId: string
  /** The app password that it was; null for another credential. The login ends with it. */
  appPasswordId: string | null
  /** The API key that it was, of this mailbox alone; null for a password. The login ends with it. */
  apiKeyId: string | null
  /** When it ends by itself (login-expiry.ts); null where it does not. */
  expiresAt: Date | null
}

export type LoginProtocol = AppPasswordScope

/** Where a login comes from. */
export type LoginSource = {
  protocol: LoginProtocol
  /** The client's, in whatever form its socket tells. */
  remoteAddress: string
}

declare module '../platform/events.ts' {
  interface EventTypes {
    /** After wrong passwords, a network is not let in to the mailbox for a time. */
    'mailbox.login_locked': { mailbox_id: string; address: string; until: string; network: string }
  }
}

/** What a protocol does after a refused login before it answers, so that guessing is slow, in ms. */
export const loginFailureDelayMs = 1000
/** After so many refused logins a connection is closed. */
export const loginFailuresMax = 3

export type MailboxPassword = Selectable<MailboxPasswordsTable>

export type LoginOutcome = GuardedOutcome<MailboxLogin>

/**
 * Logs in with a password that was sent as it is. `refused` is the same for a wrong address, a wrong password, one that
 * does not count here and a mailbox that is not served: callers cannot tell which.
 */
export async function logIn(
  platform: Platform,
  source: LoginSource,
  username: string,
  password: string,
): Promise<LoginOutcome> {
  const outcome = await logInBy(platform, source, username, {
    guess: password,
    prove: async (passwords, mailboxId) => {
      const typed = appPasswordAsShown(password)
      const found = passwords.find((stored) => {
        const candidate = stored.id === null ? password : typed
        return (
          candidate !== null && verifyMailboxPassword(platform.vault, stored.mailbox_id, stored, candidate)
        )
      })
      if (found !== undefined) return { password: found, apiKey: null }
      const apiKey = await findMailboxKey(platform, source, mailboxId, password)
      return apiKey === null ? null : { password: { id: null }, apiKey }
    },
  })
  return outcome.kind === 'accepted' ? { kind: 'accepted', login: outcome.login.login } : outcome
}

/** How a client proves that it has a password. */
export type LoginProof<Proof> = {
  /** What a guess that is repeated is known by; null where that cannot be said. */
  guess: string | null
  /**
   * @param mailboxId null where there is nobody to log in.
   * @returns which of the passwords it was. Takes as long when there are none.
   */
  prove(passwords: readonly MailboxPassword[], mailboxId: string | null): Promise<Proof | null>
}

/** What it was: a password, or an API key in place of the primary one. */
type Proven = { password: Pick<MailboxPassword, 'id'>; apiKey?: MailboxKey | null }

/** The same for any kind of proof. */
export async function logInBy<Proof extends Proven>(
  platform: Platform,
  source: LoginSource,
  username: string,
  { guess, prove }: LoginProof<Proof>,
): Promise<GuardedOutcome<{ login: MailboxLogin; proof: Proof }>> {
  const parsed = parseAddress(username)
  const address = parsed.ok ? parsed.value.address : ''
  const outcome = await guardLogin<LoginRows, { login: MailboxLogin; proof: Proof }>(platform, {
    attempt: { kind: 'mailbox', address, remoteAddress: source.remoteAddress },
    guess,
    read: (guards) => readLogin(platform, address, guards),
    async verify(rows) {
      const candidate = candidateOf(platform, source, rows)
      const proof = await prove(candidate?.passwords ?? [], candidate?.mailbox.mailboxId ?? null)
      if (candidate === null || proof === null) return null
      const { password, apiKey = null } = proof
      const credential = {
        appPasswordId: password.id,
        apiKeyId: apiKey?.id ?? null,
        expiresAt: apiKey?.expiresAt ?? null,
      }
      return { login: { ...candidate.mailbox, ...credential }, proof }
    },
    locked: (tx, rows, lock) => announceLock(platform, tx, rows, lock),
  })
  if (outcome.kind === 'accepted') {
    const { appPasswordId } = outcome.login.login
    if (appPasswordId !== null) noteUse(platform, appPasswordId, source.remoteAddress)
  }
  reportLogin(platform, source.protocol, username, outcome.kind)
  return outcome
}

export type LoginCandidate = {
  mailbox: Omit<MailboxLogin, 'appPasswordId' | 'apiKeyId' | 'expiresAt'>
  /** Those that count for this client. */
  passwords: readonly MailboxPassword[]
}

/** Whom one may log in to by that address; null when there is nobody, or the mailbox or its domain is not served. */
export async function findLogin(
  platform: Platform,
  source: LoginSource,
  username: string,
): Promise<LoginCandidate | null> {
  const parsed = parseAddress(username)
  if (!parsed.ok) return null
  const { candidate } = await readLogin(platform, parsed.value.address, guardRows([]))
  return candidateOf(platform, source, candidate)
}

type LoginRow = MailboxPassword & {
  address: string
  state: MailboxState
  organization_id: string
  workspace_id: string
  domain_state: DomainState
  has_totp: boolean
}
/** A row for each password of the mailbox; none where there is no mailbox. */
type LoginRows = readonly LoginRow[]

const passwordColumns = columnList<MailboxPasswordsTable>(
  {
    mailbox_id: true,
    name: true,
    scheme: true,
    verifier: true,
    key_id: true,
    sealed_password: true,
    sealed_scram_verifier: true,
    id: true,
    scopes: true,
    networks: true,
    expires_at: true,
    is_expiry_told: true,
    last_used_at: true,
    last_used_from: true,
    created_at: true,
  },
  'mailbox_passwords',
)

async function readLogin(
  { db }: Platform,
  address: string,
  guards: RawBuilder<GuardRow[]>,
): Promise<{ guards: readonly GuardRow[]; candidate: LoginRows }> {
  const { rows } = await sql<
    { guards: GuardRow[] } & (LoginRow | { mailbox_id: null })
  >`/* prepared find_login */
    select counted.guards, found.* from (select ${guards} as guards) as counted left join (
      select ${passwordColumns}, mailboxes.address, mailboxes.state, mailboxes.organization_id,
        mailboxes.workspace_id, domains.state as domain_state, exists (
          select 1 from mailbox_totp where mailbox_totp.mailbox_id = mailboxes.id and enabled_at is not null
        ) as has_totp
      from addresses
        join mailboxes on mailboxes.id = addresses.mailbox_id
        join domains on domains.id = mailboxes.domain_id
        join mailbox_passwords on mailbox_passwords.mailbox_id = mailboxes.id
      where addresses.address = ${address} and addresses.kind = 'mailbox'
        and mailboxes.service = 'local' -- others are logged in to at their service
    ) as found on true`.execute(db)
  return {
    guards: rows[0]?.guards ?? [],
    candidate: rows.flatMap((row) => (row.mailbox_id === null ? [] : [row])),
  }
}

function candidateOf(platform: Platform, source: LoginSource, rows: LoginRows): LoginCandidate | null {
  const [first] = rows
  if (!first || !isServed(first.state) || !allowsLogin(first.domain_state)) return null
  const now = platform.clock.now()
  return {
    mailbox: {
      mailboxId: first.mailbox_id,
      address: first.address,
      organizationId: first.organization_id,
      workspaceId: first.workspace_id,
    },
    passwords: rows.filter((row) => counts(row, source, now)),
  }
}

function counts(row: LoginRow, { protocol, remoteAddress }: LoginSource, now: Date): boolean {
  // The primary one has a second factor where there is one, which no mail protocol asks for.
  if (row.id === null) return protocol !== 'api' && !row.has_totp
  const { scopes, networks, expires_at: expiresAt } = row
  return (
    (scopes === null || scopes.includes(protocol)) &&
    (networks === null || networkList(networks).has(remoteAddress.replace(/%.*$/, ''))) &&
    (expiresAt === null || expiresAt > now)
  )
}

async function announceLock(
  platform: Platform,
  tx: Tx,
  [row]: LoginRows,
  { until, network }: LoginLock,
): Promise<void> {
  if (!row) return
  const { mailbox_id, address } = row
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.login_locked',
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      mailboxId: mailbox_id,
      data: { mailbox_id, address, until: until.toISOString(), network },
    },
  ])
}

/** Counts a login by its outcome; one that did not succeed is logged. */
export function reportLogin(
  { metrics, log }: Platform,
  protocol: LoginProtocol,
  username: string,
  result: LoginOutcome['kind'],
): void {
  metrics.logins.inc({ protocol, result })
  if (result !== 'accepted')
    log.info({ event: `login.${result}`, protocol, username: username.slice(0, 254) })
}

const endsAppPassword: Readonly<Record<string, string>> = {
  'mailbox.app_password_revoked': 'The app password was revoked',
  'mailbox.app_password_expired': 'The time of the app password is over',
  'mailbox.app_password_updated': 'The app password was changed',
}

/** Why whoever is logged in so is so no longer; null for events that do not end this login. */
export function whyLoginsEnd(
  { type, data }: PublishedEvent,
  { appPasswordId, apiKeyId }: Pick<MailboxLogin, 'appPasswordId' | 'apiKeyId'>,
): string | null {
  if (type === 'mailbox.password_changed') {
    return appPasswordId === null && apiKeyId === null ? 'The password was changed' : null
  }
  if (type === 'mailbox.logins_ended') return 'The domain is suspended'
  // Of another node, and perhaps of another version of this program.
  const fields = new Map(typeof data === 'object' && data !== null ? Object.entries(data) : [])
  if (type === 'api_key.revoked') {
    return apiKeyId !== null && fields.get('api_key_id') === apiKeyId ? 'The API key was revoked' : null
  }
  const ofAppPassword = endsAppPassword[type]
  if (ofAppPassword !== undefined) {
    const isIts = appPasswordId !== null && fields.get('app_password_id') === appPasswordId
    return isIts && fields.get('ends_logins') !== false ? ofAppPassword : null
  }
  if (type !== 'mailbox.state_changed') return null
  const served = mailboxStates.some((state) => state === fields.get('to') && isServed(state))
  return served ? null : 'The mailbox is not available any more'
}
