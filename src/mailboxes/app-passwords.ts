/**
 * App passwords: one for each program or device, so that one can be taken away without the others. Each is generated,
 * and may be bound to protocols, to networks and to a time. login.ts checks them.
 */

import { sql } from 'kysely'
import { requireCredentialsRight, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { canonicalNetwork } from '../platform/network.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { generateAppPassword } from './app-password-text.ts'
import { engineOf } from './engines.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'
import { openPassword, storePassword } from './passwords.ts'
import type { Mailbox } from './tables.ts'
import { type AppPasswordScope, appPasswordScopes } from './tables.ts'

export type AppPassword = {
  id: string
  mailbox_id: string
  name: string
  scopes: readonly AppPasswordScope[] | null
  networks: readonly string[] | null
  expires_at: Date | null
  last_used_at: Date | null
  last_used_from: string | null
  created_at: Date
}

export type NewAppPassword = {
  name: string
  /** Null: everything. */
  scopes: readonly AppPasswordScope[] | null
  /** Addresses and networks in CIDR form; null: anywhere. */
  networks: readonly string[] | null
  expiresAt: Date | null
}

type AppPasswordEvent = { mailbox_id: string; address: string; app_password_id: string; name: string }

declare module '../platform/events.ts' {
  interface EventTypes {
    'mailbox.app_password_created': AppPasswordEvent
    /** `ends_logins`: something was taken from it, so that whoever came by it has to log in again. */
    'mailbox.app_password_updated': AppPasswordEvent & { ends_logins: boolean }
    'mailbox.app_password_revoked': AppPasswordEvent
    'mailbox.app_password_expired': AppPasswordEvent
  }
}

export const appPasswordsPerMailboxMax = 50
export const appPasswordNameLengthMax = 100
export const networksPerAppPasswordMax = 20

const columns = [
  'id',
  'mailbox_id',
  'name',
  'scopes',
  'networks',
  'expires_at',
  'last_used_at',
  'last_used_from',
  'created_at',
] as const

/**
 * Makes an app password, and gives it in the clear.
 * @throws Refusal mailbox_not_found, app_password_limit_reached, app_password_taken, app_passwords_unsupported,
 * invalid_request, forbidden.
 */
export async function createAppPassword(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  wanted: NewAppPassword,
): Promise<{ appPassword: AppPassword; password: string }> {
  requireCredentialsRight(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  if (engineOf(platform, mailbox.service)?.capabilities.appPasswords === false) {
    throw new Refusal('app_passwords_unsupported', `Those of ${mailbox.service} are made there.`)
  }
  const fields = checked(platform, wanted)
  const existing = await ofMailbox(tx, mailbox.id).execute()
  if (existing.length >= appPasswordsPerMailboxMax) throw new Refusal('app_password_limit_reached')
  requireFreeName(fields.name, existing)
  const password = generateAppPassword()
  const row = await tx
    .insertInto('mailbox_passwords')
    .values({
      mailbox_id: mailbox.id,
      id: newId(),
      scheme: 'hmac-sha256',
      ...storePassword(platform.vault, mailbox.id, password),
      ...fields,
      created_at: platform.clock.now(),
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  const appPassword = narrowed(row)
  await noteChange(platform, tx, [mailbox.id])
  await appendEvents(platform, tx, [
    { type: 'mailbox.app_password_created', ...subject(mailbox), data: eventOf(mailbox, appPassword) },
  ])
  return { appPassword, password }
}

/** All of a mailbox's, oldest first. @throws Refusal mailbox_not_found. */
export async function listAppPasswords(
  platform: Platform,
  scope: Scope,
  ref: string,
): Promise<AppPassword[]> {
  const { id } = await getMailbox(platform, scope, ref)
  return (await ofMailbox(platform.db, id).execute()).map(narrowed)
}

/** @throws Refusal mailbox_not_found, app_password_not_found. */
export async function getAppPassword(
  platform: Platform,
  scope: Scope,
  ref: string,
  id: string,
): Promise<AppPassword> {
  const mailbox = await getMailbox(platform, scope, ref)
  return await requireAppPassword(platform.db, mailbox.id, id)
}

/**
 * The password in the clear; the look is written to the event log.
 * @throws Refusal mailbox_not_found, app_password_not_found, forbidden.
 */
export async function viewAppPassword(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  id: string,
): Promise<{ appPassword: AppPassword; password: string }> {
  requireWrite(scope)
  requireCredentialsRight(scope)
  const mailbox = await getMailbox(platform, scope, ref, tx)
  const appPassword = await requireAppPassword(tx, mailbox.id, id)
  const { sealed_password } = await tx
    .selectFrom('mailbox_passwords')
    .select('sealed_password')
    .where('mailbox_id', '=', mailbox.id)
    .where('id', '=', appPassword.id)
    .executeTakeFirstOrThrow()
  const data = {
    mailbox_id: mailbox.id,
    address: mailbox.address,
    by: scope.actor,
    app_password_id: appPassword.id,
  }
  await appendEvents(platform, tx, [{ type: 'mailbox.credentials_viewed', ...subject(mailbox), data }])
  return { appPassword, password: openPassword(platform.vault, mailbox.id, sealed_password) }
}

/**
 * Changes what an app password is called and may be used for. Where that takes something away, or the time is another,
 * sessions that were opened with it end.
 * @throws Refusal mailbox_not_found, app_password_not_found, app_password_taken, invalid_request, forbidden.
 */
export async function updateAppPassword(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  id: string,
  changes: Partial<NewAppPassword>,
): Promise<AppPassword> {
  requireCredentialsRight(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const before = await requireAppPassword(tx, mailbox.id, id)
  const fields = checked(
    platform,
    {
      name: changes.name ?? before.name,
      scopes: changes.scopes === undefined ? before.scopes : changes.scopes,
      networks: changes.networks === undefined ? before.networks : changes.networks,
      expiresAt: changes.expiresAt === undefined ? before.expires_at : changes.expiresAt,
    },
    changes.expiresAt !== undefined,
  )
  if (fields.name !== before.name) requireFreeName(fields.name, await ofMailbox(tx, mailbox.id).execute())
  const movesExpiry = before.expires_at?.getTime() !== fields.expires_at?.getTime()
  const row = await tx
    .updateTable('mailbox_passwords')
    // What is kept for SCRAM is sealed together with the name.
    .set({ ...fields, ...(fields.name === before.name ? {} : { sealed_scram_verifier: null }) })
    .$if(movesExpiry, (query) => query.set({ is_expiry_told: false }))
    .where('mailbox_id', '=', mailbox.id)
    .where('id', '=', before.id)
    .returning(columns)
    .executeTakeFirstOrThrow()
  const after = narrowed(row)
  await noteChange(platform, tx, [mailbox.id])
  const takes = takesAway(before.scopes, after.scopes) || takesAway(before.networks, after.networks)
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.app_password_updated',
      ...subject(mailbox),
      data: { ...eventOf(mailbox, after), ends_logins: takes || movesExpiry },
    },
  ])
  return after
}

/**
 * Takes an app password away for good. Sessions that were opened with it end.
 * @returns what it was.
 * @throws Refusal mailbox_not_found, app_password_not_found, forbidden.
 */
export async function revokeAppPassword(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  id: string,
): Promise<AppPassword> {
  requireCredentialsRight(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const appPassword = await requireAppPassword(tx, mailbox.id, id)
  await tx
    .deleteFrom('mailbox_passwords')
    .where('mailbox_id', '=', mailbox.id)
    .where('id', '=', appPassword.id)
    .execute()
  await noteChange(platform, tx, [mailbox.id])
  await appendEvents(platform, tx, [
    { type: 'mailbox.app_password_revoked', ...subject(mailbox), data: eventOf(mailbox, appPassword) },
  ])
  return appPassword
}

/** For those who have told programs elsewhere what to log in with: of mailboxes with a second factor it may be another now. */
export async function noteChange({ clock }: Platform, tx: Tx, mailboxIds: readonly string[]): Promise<void> {
  await sql`update mailbox_totp set app_passwords_changed_at = ${clock.now()}
    where mailbox_id = any(${uuidArray(mailboxIds)})`.execute(tx)
}

function ofMailbox(db: Db, mailboxId: string) {
  return db
    .selectFrom('mailbox_passwords')
    .select(columns)
    .where('mailbox_id', '=', mailboxId)
    .where('id', 'is not', null)
    .orderBy('id')
}

async function requireAppPassword(db: Db, mailboxId: string, id: string): Promise<AppPassword> {
  const row = isId(id) ? await ofMailbox(db, mailboxId).where('id', '=', id).executeTakeFirst() : undefined
  if (!row) throw new Refusal('app_password_not_found')
  return narrowed(row)
}

type Row = Omit<AppPassword, 'id'> & { id: string | null }

function narrowed({ id, ...row }: Row): AppPassword {
  if (id === null) throw new Error('an app password has no id')
  return { id, ...row }
}

function eventOf(mailbox: Mailbox, { id, name }: AppPassword): AppPasswordEvent {
  return { mailbox_id: mailbox.id, address: mailbox.address, app_password_id: id, name }
}

/** Null is everything. */
function takesAway(before: readonly string[] | null, after: readonly string[] | null): boolean {
  if (after === null) return false
  return before === null || before.some((one) => !after.includes(one))
}

function requireFreeName(name: string, existing: readonly { name: string }[]): void {
  if (existing.some((one) => one.name === name)) throw new Refusal('app_password_taken')
}

/** What is stored of what was asked for. @param isNewExpiry whether the time must lie ahead. */
function checked(platform: Platform, wanted: NewAppPassword, isNewExpiry = true) {
  const name = wanted.name.normalize('NFC').trim()
  const isNamed = name !== '' && [...name].length <= appPasswordNameLengthMax && !/\p{Cc}/u.test(name)
  if (!isNamed) throw invalid('/name', `needs from 1 to ${appPasswordNameLengthMax} characters`)
  if (name.toLowerCase() === 'primary') throw invalid('/name', 'is what the mailbox’s own password is called')
  if (isNewExpiry && wanted.expiresAt !== null && wanted.expiresAt <= platform.clock.now()) {
    throw invalid('/expires_at', 'must lie in the future')
  }
  if (wanted.scopes?.length === 0) throw invalid('/scopes', 'must name one, or be null')
  return {
    name,
    scopes: wanted.scopes && appPasswordScopes.filter((one) => wanted.scopes?.includes(one)),
    networks: wanted.networks && checkedNetworks(wanted.networks),
    expires_at: wanted.expiresAt,
  }
}

function checkedNetworks(networks: readonly string[]): string[] {
  if (networks.length === 0 || networks.length > networksPerAppPasswordMax) {
    throw invalid('/networks', `must have from 1 to ${networksPerAppPasswordMax}, or be null`)
  }
  const canonical = networks.map((text, index) => {
    const network = canonicalNetwork(text)
    if (network === null)
      throw invalid(`/networks/${index}`, 'must be as in 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32')
    return network
  })
  return [...new Set(canonical)]
}

function invalid(pointer: string, detail: string): Refusal {
  const fields: FieldProblem[] = [{ pointer, detail }]
  return new Refusal('invalid_request', `The ${pointer.split('/')[1] ?? 'request'} ${detail}.`, { fields })
}
