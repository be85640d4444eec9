/** What wrong passwords have locked of a mailbox, seen and lifted by whoever runs it. */

import { forgetFailures, type LoginLock, loginLocks } from '../accounts/login-guard-rows.ts'
import { requireCredentialsRight, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    'mailbox.login_unlocked': { mailbox_id: string; address: string; by: string }
  }
}

/** The networks that are not let in at present. @throws Refusal mailbox_not_found. */
export async function getLoginLocks(platform: Platform, scope: Scope, ref: string): Promise<LoginLock[]> {
  const { address } = await getMailbox(platform, scope, ref)
  return await loginLocks(platform.db, { kind: 'mailbox', address }, platform.clock.now())
}

/**
 * Lets all networks in again, and forgets the wrong passwords. Networks that are locked for every address stay so.
 * @throws Refusal mailbox_not_found, forbidden.
 */
export async function liftLoginLocks(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<void> {
  requireCredentialsRight(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const { id, address } = mailbox
  if (!(await forgetFailures(tx, { kind: 'mailbox', address }))) return
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.login_unlocked',
      ...subject(mailbox),
      data: { mailbox_id: id, address, by: scope.actor },
    },
  ])
}
