/**
 * Checking a second factor: a code of the mailbox's TOTP, or one of its recovery codes. Wrong ones in a row pause all
 * checking of the mailbox (RFC 4226 §7.3), since six digits are soon guessed.
 */

import type { Selectable } from 'kysely'
import { secondsUntil } from '../platform/clock.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { subject } from './mailboxes.ts'
import { recoveryCodesLeft, useRecoveryCode } from './recovery-codes.ts'
import type { Mailbox } from './tables.ts'
import { isTotpCode, matchingTotpStep } from './totp-codes.ts'
import type { MailboxTotpTable } from './totp-tables.ts'

export type MailboxTotp = Selectable<MailboxTotpTable>

export type SecondFactorCheck =
  | { valid: true; kind: 'totp' | 'recovery' }
  /** Not right, used before, or too old. */
  | { valid: false; kind: null }

const failuresPerPause = 5
/** How long the pause after the first five wrong codes in a row is, after the next five, and so on; the last one stays. */
const pauseMinutes = [1, 5, 15, 60] as const

/**
 * For whoever logs people in, after the password: a right code is used up, a wrong one is counted, so that the
 * transaction must be committed either way.
 * @throws Refusal totp_state_conflict (it is not on), totp_paused.
 */
export async function checkSecondFactor(
  platform: Platform,
  tx: Tx,
  mailboxId: string,
  code: string,
): Promise<SecondFactorCheck> {
  const totp = await lockTotp(tx, mailboxId)
  if (!totp?.enabled_at) {
    throw new Refusal('totp_state_conflict', 'Two-factor authentication is not on for this mailbox.')
  }
  const mailbox = await tx
    .selectFrom('mailboxes')
    .selectAll()
    .where('id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  if (isTotpCode(code)) {
    const valid = await takeTotpCode(platform, tx, mailbox, totp, code)
    return valid ? { valid, kind: 'totp' } : { valid, kind: null }
  }
  const valid = await takeRecoveryCode(platform, tx, mailbox, totp, code)
  return valid ? { valid, kind: 'recovery' } : { valid, kind: null }
}

/** Whether the mailbox has a second factor, so that its primary password alone does not log in. */
export async function hasSecondFactor(db: Db, mailboxId: string): Promise<boolean> {
  const row = await db
    .selectFrom('mailbox_totp')
    .select('enabled_at')
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirst()
  return row !== undefined && row.enabled_at !== null
}

/** The row, locked: guesses at one mailbox wait for each other. */
export async function lockTotp(tx: Tx, mailboxId: string): Promise<MailboxTotp | undefined> {
  return await tx
    .selectFrom('mailbox_totp')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .forUpdate()
    .executeTakeFirst()
}

export function openTotpSecret({ vault }: Platform, totp: MailboxTotp): Buffer {
  return vault.open(totp.sealed_private_key, totpContext(totp.mailbox_id))
}

/** What a secret is sealed for. */
export function totpContext(mailboxId: string): string {
  return `mailbox_totp:${mailboxId}`
}

/**
 * Whether it is a code of the present that was not taken before.
 * @param totp locked.
 * @throws Refusal totp_paused.
 */
export async function takeTotpCode(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  totp: MailboxTotp,
  code: string,
): Promise<boolean> {
  const now = platform.clock.now()
  requireNoPause(totp, now)
  const step = matchingTotpStep(openTotpSecret(platform, totp), code, now, totp.last_step)
  if (step === null) await countFailure(platform, tx, mailbox, totp)
  else await forgetFailures(tx, totp, step)
  return step !== null
}

async function takeRecoveryCode(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  totp: MailboxTotp,
  code: string,
): Promise<boolean> {
  const now = platform.clock.now()
  requireNoPause(totp, now)
  if (!(await useRecoveryCode(tx, mailbox.id, openTotpSecret(platform, totp), code, now))) {
    await countFailure(platform, tx, mailbox, totp)
    return false
  }
  await forgetFailures(tx, totp, totp.last_step)
  const left = await recoveryCodesLeft(tx, mailbox.id)
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.recovery_code_used',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address, left },
    },
  ])
  return true
}

function requireNoPause({ paused_until: until }: MailboxTotp, now: Date): void {
  if (until !== null && until > now) {
    throw new Refusal('totp_paused', `No code is checked until ${until.toISOString()}.`, {
      retryAfterSeconds: secondsUntil(until, now),
    })
  }
}

async function countFailure(platform: Platform, tx: Tx, mailbox: Mailbox, totp: MailboxTotp): Promise<void> {
  const failures = totp.failures + 1
  const until = pausedUntil(failures, platform.clock.now())
  await tx
    .updateTable('mailbox_totp')
    .set({ failures, paused_until: until })
    .where('mailbox_id', '=', mailbox.id)
    .execute()
  if (until === null) return
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.totp_paused',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address, until: until.toISOString() },
    },
  ])
}

function pausedUntil(failures: number, now: Date): Date | null {
  if (failures % failuresPerPause !== 0) return null
  const pauses = failures / failuresPerPause
  const minutes = pauseMinutes[Math.min(pauses, pauseMinutes.length) - 1] ?? 0
  return new Date(now.getTime() + minutes * 60_000)
}

async function forgetFailures(tx: Tx, totp: MailboxTotp, lastStep: number | null): Promise<void> {
  await tx
    .updateTable('mailbox_totp')
    .set({ failures: 0, paused_until: null, last_step: lastStep })
    .where('mailbox_id', '=', totp.mailbox_id)
    .execute()
}
