/** A message that was answered or passed on says so (RFC 9051 §2.3.2), in the transaction that sends. */
import { changeFlags } from '../../messages/changes.ts'
import { flagBits, keywordsPerMessageMax } from '../../messages/flags.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'

export type Answer = { messageId: string; kind: 'reply' | 'forward' }

/** Nothing where it is gone, or has as many keywords as it may have: that is no reason not to send. */
export async function markAnswered(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  { messageId, kind }: Answer,
): Promise<void> {
  const place = await tx
    .selectFrom('messages')
    .select(['folder_id', 'uid', 'keywords'])
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', messageId)
    .executeTakeFirst()
  if (place === undefined) return
  if (kind === 'forward' && place.keywords.length >= keywordsPerMessageMax) return
  const change =
    kind === 'reply' ? { flags: flagBits.answered, keywords: [] } : { flags: 0, keywords: ['$Forwarded'] }
  const range = { first: place.uid, last: place.uid }
  await changeFlags(platform, tx, owner, place.folder_id, [range], { mode: 'add', ...change })
}
