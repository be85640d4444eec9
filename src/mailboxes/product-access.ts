/**
 * What a mailbox of a product is set up with beside its password, as its vendor's are, whose clients read it with the
 * credentials: an app password for mail programs, and for a Google mailbox also a second factor. A Microsoft mailbox has
 * none of its own accord, so that its password still logs in.
 */
import type { Product } from '../domains/products.ts'
import type { Tx } from '../platform/database.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { generateAppPassword } from './app-password-text.ts'
import { engineOf } from './engines.ts'
import { subject } from './mailboxes.ts'
import { storePassword } from './passwords.ts'
import { totpContext } from './second-factor.ts'
import type { Mailbox } from './tables.ts'
import { generateTotpSecret } from './totp-codes.ts'

type Access = { appPassword: boolean; secondFactor: boolean }

const accessOf: Readonly<Record<Product, Access>> = {
  google: { appPassword: true, secondFactor: true },
  microsoft: { appPassword: true, secondFactor: false },
  azure: { appPassword: true, secondFactor: false },
  smtp: { appPassword: false, secondFactor: false },
  smtp_dedicated: { appPassword: false, secondFactor: false },
}

const appPasswordName = 'Mail programs'

/** Sets new mailboxes up; those that run elsewhere have theirs there. */
export async function setUpAccess(platform: Platform, tx: Tx, mailboxes: readonly Mailbox[]): Promise<void> {
  const withPassword = mailboxes.filter(
    (mailbox) =>
      wants(mailbox)?.appPassword && engineOf(platform, mailbox.service)?.capabilities.appPasswords === true,
  )
  const withFactor = mailboxes.filter(
    (mailbox) =>
      wants(mailbox)?.secondFactor && engineOf(platform, mailbox.service)?.capabilities.totp === true,
  )
  await appendEvents(platform, tx, [
    ...(await addAppPasswords(platform, tx, withPassword)),
    ...(await addSecondFactors(platform, tx, withFactor)),
  ])
}

function wants({ product }: Mailbox): Access | null {
  return product === null ? null : accessOf[product]
}

async function addAppPasswords(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly Mailbox[],
): Promise<NewEvent[]> {
  if (mailboxes.length === 0) return []
  const now = platform.clock.now()
  const rows = mailboxes.map((mailbox) => ({
    mailbox_id: mailbox.id,
    id: newId(),
    scheme: 'hmac-sha256' as const,
    ...storePassword(platform.vault, mailbox.id, generateAppPassword()),
    name: appPasswordName,
    scopes: ['imap' as const, 'pop3' as const, 'smtp' as const],
    networks: null,
    expires_at: null,
    created_at: now,
  }))
  await tx.insertInto('mailbox_passwords').values(rows).execute()
  return mailboxes.map((mailbox, at) => ({
    type: 'mailbox.app_password_created' as const,
    ...subject(mailbox),
    data: {
      mailbox_id: mailbox.id,
      address: mailbox.address,
      app_password_id: rows[at]?.id ?? '',
      name: appPasswordName,
    },
  }))
}

async function addSecondFactors(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly Mailbox[],
): Promise<NewEvent[]> {
  if (mailboxes.length === 0) return []
  const now = platform.clock.now()
  const rows = mailboxes.map((mailbox) => ({
    mailbox_id: mailbox.id,
    workspace_id: mailbox.workspace_id,
    sealed_private_key: platform.vault.seal(generateTotpSecret(), totpContext(mailbox.id)),
    key_id: platform.vault.keyId,
    enabled_at: now,
    last_step: null,
    created_at: now,
  }))
  await tx.insertInto('mailbox_totp').values(rows).execute()
  return mailboxes.map((mailbox) => ({
    type: 'mailbox.totp_enabled' as const,
    ...subject(mailbox),
    data: { mailbox_id: mailbox.id, address: mailbox.address },
  }))
}
