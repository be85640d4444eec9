/** What became of a submission, in a dialect that knows no approvals. */
import type { Submitted } from '../../delivery/submission/submit.ts'
import type { StoredMessage } from '../../messages/store.ts'
import { Refusal } from '../../platform/errors.ts'

/**
 * The copy in Sent.
 * @throws Refusal sending_not_allowed where it would wait for an approval: its client could not follow that.
 */
export function notHeld(submitted: Submitted): StoredMessage {
  if (submitted.status === 'accepted') return submitted.sent
  throw new Refusal(
    'sending_not_allowed',
    'Messages of this mailbox wait for an approval, which this API does not have: send them by the native one.',
  )
}
