/** The recovery address: where a mailbox's owner is reached when they cannot log in, so that it never leads into the mailbox. */

import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { parseAddress, withoutDetail } from './address.ts'
import type { Mailbox } from './tables.ts'

/** For whoever sets it. @throws Refusal mailbox_details_invalid. */
export async function requireElsewhere(tx: Tx, mailboxId: string, recoveryEmail: string): Promise<void> {
  if (!(await isOwnAddress(tx, mailboxId, recoveryEmail))) return
  const fields = [{ pointer: '/recovery/email', detail: 'is an address of the mailbox itself' }]
  throw new Refusal('mailbox_details_invalid', 'The recovery address is one of the mailbox itself.', {
    fields,
  })
}

/** For whoever has given the locked mailbox an address. @throws Refusal mailbox_details_invalid. */
export async function requireRecoveryElsewhere(
  tx: Tx,
  { id, recovery_email: recoveryEmail }: Pick<Mailbox, 'id' | 'recovery_email'>,
): Promise<void> {
  if (recoveryEmail === null || !(await isOwnAddress(tx, id, recoveryEmail))) return
  const fields = [{ pointer: '/address', detail: 'is where the recovery address of the mailbox leads to' }]
  throw new Refusal(
    'mailbox_details_invalid',
    `The mailbox’s recovery address, ${recoveryEmail}, would lead to itself: change that first.`,
    { fields },
  )
}

async function isOwnAddress(tx: Tx, mailboxId: string, text: string): Promise<boolean> {
  const parsed = parseAddress(text)
  if (!parsed.ok) return false
  const base = withoutDetail(parsed.value)
  const own = await tx
    .selectFrom('addresses')
    .select('address')
    .where('address', 'in', [parsed.value.address, ...(base === null ? [] : [base])])
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirst()
  return own !== undefined
}
