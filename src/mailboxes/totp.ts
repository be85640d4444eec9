/**
 * Two-factor authentication of a mailbox. Enrolling makes a secret; a first code from it turns the factor on. From then
 * on the primary password does not log in to IMAP, POP3 and SMTP, which have no second step; app passwords do. Sessions
 * that are open stay open.
 */

import { requireCredentialsRight, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { type AppPassword, createAppPassword } from './app-passwords.ts'
import { engineOf } from './engines.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'
import { deleteRecoveryCodes, recoveryCodesLeft, replaceRecoveryCodes } from './recovery-codes.ts'
import {
  checkSecondFactor,
  lockTotp,
  openTotpSecret,
  type SecondFactorCheck,
  takeTotpCode,
  totpContext,
} from './second-factor.ts'
import type { Mailbox } from './tables.ts'
import {
  formatTotpSecret,
  generateTotpSecret,
  parseTotpSecret,
  totpCodeAt,
  totpSecondsLeft,
  totpUri,
} from './totp-codes.ts'
import { mailboxSettingsOf } from './workspace-settings.ts'

export type TotpEnrolment = {
  /** Base32, as an authenticator app takes it by hand. */
  secret: string
  /** The same as an address, for a QR code. */
  uri: string
}

export type TotpStatus = {
  enabled: boolean
  /** Whether a secret waits for its first code. */
  pending: boolean
  enabledAt: Date | null
  recoveryCodesLeft: number
  /** Null unless the workspace allows it to be shown, and the key may see credentials. */
  code: string | null
  /** How long the code holds, 1 to 30 s. */
  secondsLeft: number | null
}

export type TotpEnabled = {
  enabledAt: Date
  recoveryCodes: string[]
  /** What mail clients log in with from now on. */
  appPassword: AppPassword
  password: string
}

/**
 * Makes a secret, or takes the given one of who moves here. It is shown this once. Until `confirmTotp` nothing else
 * changes; enrolling again replaces a secret that was not confirmed.
 * @param given base32; null: a new secret of 160 bits.
 * @throws Refusal mailbox_not_found, forbidden, totp_unsupported, totp_state_conflict (it is on), totp_secret_invalid.
 */
export async function enrolTotp(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  given: string | null,
): Promise<{ mailbox: Mailbox; enrolment: TotpEnrolment }> {
  const mailbox = await lockToManage(tx, scope, ref)
  requireTotpService(platform, mailbox)
  const before = await lockTotp(tx, mailbox.id)
  if (before?.enabled_at) throw new Refusal('totp_state_conflict', 'It is on already: turn it off first.')
  const secret = given === null ? generateTotpSecret() : parseTotpSecret(given)
  if (secret === null) throw new Refusal('totp_secret_invalid')
  const row = {
    sealed_private_key: platform.vault.seal(secret, totpContext(mailbox.id)),
    key_id: platform.vault.keyId,
    enabled_at: null,
    last_step: null,
    failures: 0,
    paused_until: null,
    created_at: platform.clock.now(),
  }
  await tx
    .insertInto('mailbox_totp')
    .values({ mailbox_id: mailbox.id, workspace_id: mailbox.workspace_id, ...row })
    .onConflict((conflict) => conflict.column('mailbox_id').doUpdateSet(row))
    .execute()
  await appendEvents(platform, tx, [
    { type: 'mailbox.totp_enrolled', ...subject(mailbox), data: named(mailbox) },
  ])
  const uri = totpUri(secret, await issuerOf(tx, mailbox), mailbox.address)
  return { mailbox, enrolment: { secret: formatTotpSecret(secret), uri } }
}

/**
 * Turns the factor on by a code from the secret. A wrong one is counted, so that the transaction must be committed
 * also then.
 * @returns null for a wrong code.
 * @throws Refusal mailbox_not_found, forbidden, totp_unsupported, totp_state_conflict, totp_paused, and what
 * createAppPassword refuses with.
 */
export async function confirmTotp(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  code: string,
): Promise<TotpEnabled | null> {
  const { mailbox, totp } = await lockPending(platform, tx, scope, ref)
  if (!(await takeTotpCode(platform, tx, mailbox, totp, code))) return null
  const enabledAt = platform.clock.now()
  await tx
    .updateTable('mailbox_totp')
    .set({ enabled_at: enabledAt })
    .where('mailbox_id', '=', mailbox.id)
    .execute()
  const recoveryCodes = await replaceRecoveryCodes(tx, mailbox.id, openTotpSecret(platform, totp))
  const wanted = {
    name: await freeAppPasswordName(tx, mailbox.id),
    scopes: ['imap', 'pop3', 'smtp'] as const,
    networks: null,
    expiresAt: null,
  }
  const made = await createAppPassword(platform, tx, scope, mailbox.id, wanted)
  await appendEvents(platform, tx, [
    { type: 'mailbox.totp_enabled', ...subject(mailbox), data: named(mailbox) },
  ])
  return { enabledAt, recoveryCodes, ...made }
}

/**
 * What `confirmTotp` would work on, for a preview: it judges no code, as whoever may ask without being counted could
 * guess.
 * @throws Refusal as confirmTotp.
 */
export async function confirmableMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Mailbox> {
  return (await lockPending(platform, tx, scope, ref)).mailbox
}

/**
 * Whether it is on, and the present code where the workspace allows it. A look that shows a code is written to the
 * event log.
 * @throws Refusal mailbox_not_found, forbidden (an app password).
 */
export async function viewTotp(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<TotpStatus> {
  requireCredentialsRight(scope)
  const mailbox = await getMailbox(platform, scope, ref, tx)
  const totp = await tx
    .selectFrom('mailbox_totp')
    .selectAll()
    .where('mailbox_id', '=', mailbox.id)
    .executeTakeFirst()
  const status = {
    enabled: totp?.enabled_at != null,
    pending: totp?.enabled_at === null,
    enabledAt: totp?.enabled_at ?? null,
    recoveryCodesLeft: await recoveryCodesLeft(tx, mailbox.id),
  }
  const isShown =
    scope.access === 'write' && (await mailboxSettingsOf(tx, scope.workspaceId)).totp_codes_shown
  if (!totp || !status.enabled || !isShown) return { ...status, code: null, secondsLeft: null }
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.totp_code_viewed',
      ...subject(mailbox),
      data: { ...named(mailbox), by: scope.actor },
    },
  ])
  const now = platform.clock.now()
  return {
    ...status,
    code: totpCodeAt(openTotpSecret(platform, totp), now),
    secondsLeft: totpSecondsLeft(now),
  }
}

/**
 * Checks a code or a recovery code for a program that logs people in. A wrong one is counted, so that the transaction
 * must be committed also then.
 * @throws Refusal mailbox_not_found, forbidden, totp_state_conflict, totp_paused.
 */
export async function checkTotp(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  code: string,
): Promise<SecondFactorCheck> {
  requireWrite(scope)
  requireCredentialsRight(scope)
  const { id } = await getMailbox(platform, scope, ref, tx)
  return await checkSecondFactor(platform, tx, id, code)
}

/**
 * Makes ten new recovery codes; those before are void.
 * @throws Refusal mailbox_not_found, forbidden, totp_state_conflict.
 */
export async function renewRecoveryCodes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<string[]> {
  const mailbox = await lockToManage(tx, scope, ref)
  const totp = await lockTotp(tx, mailbox.id)
  if (!totp?.enabled_at) throw new Refusal('totp_state_conflict', 'It is not on.')
  const codes = await replaceRecoveryCodes(tx, mailbox.id, openTotpSecret(platform, totp))
  await appendEvents(platform, tx, [
    { type: 'mailbox.recovery_codes_renewed', ...subject(mailbox), data: named(mailbox) },
  ])
  return codes
}

/**
 * Turns the factor off, or gives an enrolment up: the secret and the recovery codes go, and the primary password logs
 * in again. App passwords stay.
 * @throws Refusal mailbox_not_found, forbidden, totp_state_conflict (there is none).
 */
export async function disableTotp(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  const mailbox = await lockToManage(tx, scope, ref)
  const totp = await lockTotp(tx, mailbox.id)
  if (!totp) throw new Refusal('totp_state_conflict', 'It is not on.')
  await deleteTotp(tx, mailbox.id)
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.totp_disabled',
      ...subject(mailbox),
      data: { ...named(mailbox), was_enabled: totp.enabled_at !== null },
    },
  ])
  return mailbox
}

/** Removes all that is kept of a mailbox's second factor. */
export async function deleteTotp(tx: Tx, mailboxId: string): Promise<void> {
  await deleteRecoveryCodes(tx, mailboxId)
  await tx.deleteFrom('mailbox_totp').where('mailbox_id', '=', mailboxId).execute()
}

async function lockToManage(tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  requireCredentialsRight(scope)
  return await lockMailbox(tx, scope, ref)
}

async function lockPending(platform: Platform, tx: Tx, scope: Scope, ref: string) {
  const mailbox = await lockToManage(tx, scope, ref)
  requireTotpService(platform, mailbox)
  const totp = await lockTotp(tx, mailbox.id)
  if (!totp) throw new Refusal('totp_state_conflict', 'There is no secret yet: enrol first.')
  if (totp.enabled_at) throw new Refusal('totp_state_conflict', 'It is on already.')
  return { mailbox, totp }
}

function requireTotpService(platform: Platform, { service }: Mailbox): void {
  if (engineOf(platform, service)?.capabilities.totp === true) return
  throw new Refusal(
    'totp_unsupported',
    `Two-factor authentication of mailboxes of the service "${service}" is set up there.`,
  )
}

/** Who the app says the code is for: the organization's customers know it, and not this program. */
async function issuerOf(db: Db, mailbox: Mailbox): Promise<string> {
  const { name } = await db
    .selectFrom('organizations')
    .select('name')
    .where('id', '=', mailbox.organization_id)
    .executeTakeFirstOrThrow()
  return name
}

const appPasswordName = 'Two-factor authentication'

/** Its usual name, with a number when an earlier time has left an app password behind. */
async function freeAppPasswordName(tx: Tx, mailboxId: string): Promise<string> {
  const rows = await tx
    .selectFrom('mailbox_passwords')
    .select('name')
    .where('mailbox_id', '=', mailboxId)
    .where('name', 'like', `${appPasswordName}%`)
    .execute()
  const taken = new Set(rows.map(({ name }) => name))
  let name = appPasswordName
  for (let number = 2; taken.has(name); number += 1) name = `${appPasswordName} ${number}`
  return name
}

function named(mailbox: Mailbox): { mailbox_id: string; address: string } {
  return { mailbox_id: mailbox.id, address: mailbox.address }
}
