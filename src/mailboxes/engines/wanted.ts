/** What a mailbox is wanted to be at its service: read when it is needed, for passwords are among it. */

import type { Platform } from '../../platform/platform.ts'
import type { MailboxState } from '../lifecycle.ts'
import { openPassword } from '../passwords.ts'
import type { Mailbox } from '../tables.ts'
import type { WantedUser } from './driver.ts'

/** none: nothing is to be done there for now. */
export type Presence = 'none' | 'there' | 'gone'

export function presenceOf(state: MailboxState): Presence {
  switch (state) {
    case 'waiting_payment':
    case 'waiting_domain':
    case 'failed':
      return 'none'
    case 'provisioning':
    case 'active':
    case 'suspended':
      return 'there'
    case 'deletion_scheduled':
    case 'deleted':
      return 'gone'
  }
}

export function namesOf(
  mailbox: Pick<Mailbox, 'display_name' | 'first_name' | 'last_name' | 'address'>,
): Pick<WantedUser, 'firstName' | 'lastName' | 'displayName'> {
  const localPart = mailbox.address.slice(0, mailbox.address.lastIndexOf('@'))
  const whole = [mailbox.first_name, mailbox.last_name]
    .filter((name) => name !== null && name !== '')
    .join(' ')
  return {
    firstName: mailbox.first_name ?? '',
    lastName: mailbox.last_name ?? '',
    displayName: mailbox.display_name ?? (whole || localPart),
  }
}

/** @returns null for a mailbox that has none any more. */
export async function passwordOf({ db, vault }: Platform, mailboxId: string): Promise<string | null> {
  const row = await db
    .selectFrom('mailbox_passwords')
    .select('sealed_password')
    .where('mailbox_id', '=', mailboxId)
    .where('name', '=', 'primary')
    .executeTakeFirst()
  return row === undefined ? null : openPassword(vault, mailboxId, row.sealed_password)
}

/** The aliases whose mail is taken. */
export async function aliasesOf({ db }: Pick<Platform, 'db'>, mailboxId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('addresses')
    .select('address')
    .where('mailbox_id', '=', mailboxId)
    .where('kind', '=', 'alias')
    .where('enabled', '=', true)
    .orderBy('address')
    .execute()
  return rows.map(({ address }) => address)
}
