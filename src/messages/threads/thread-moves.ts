/** Whole threads moved or removed. A thread lies where its newest message does that is not in Sent. */
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { directionsOf } from '../direction.ts'
import { deleteMessages, editMessages } from '../edit-messages.ts'
import { createFolder, type Folder, listFoldersIn, standardFolders } from '../folders.ts'
import { idsOfThreads, lockMessages } from '../locked-messages.ts'
import type { MailboxOwner } from '../owner.ts'
import type { SpecialUse } from '../tables.ts'

/** Messages of one thread that are moved or removed together. */
const movedMax = 5000

/**
 * Moves what the mailbox got; what it sent stays in Sent. A thread that it only sent is moved as a whole, and goes back
 * to Sent in place of INBOX. Drafts and what is in Trash stay where they are.
 * @throws Refusal thread_not_found, folder_limit_reached; invalid_request for a thread of more messages than can be moved.
 */
export async function moveThread(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  threadId: string,
  to: 'inbox' | 'junk' | 'archive',
): Promise<void> {
  const { mailboxId } = owner
  const folders = await listFoldersIn(tx, mailboxId)
  const ids = await idsOf(tx, mailboxId, threadId)
  const directions = await directionsOf(tx, mailboxId, ids)
  const uses = new Map(folders.map(({ id, special_use: use }) => [id, use]))
  const here = (await lockMessages(tx, mailboxId, ids)).filter(({ folderId }) => {
    const use = uses.get(folderId)
    return use !== 'trash' && use !== 'drafts'
  })
  if (here.length === 0) throw new Refusal('thread_not_found')
  const received = here.filter(({ id }) => directions.get(id) === 'inbound')
  const use = received.length === 0 && to === 'inbox' ? 'sent' : to
  const moving = received.length === 0 ? here : received
  const moveTo = await haveFolder(platform, tx, owner, folders, use)
  await lockMessages(tx, mailboxId, ids, [moveTo])
  await editMessages(platform, tx, owner, moving, { flags: { set: 0, clear: 0 }, labels: null, moveTo })
}

/** Removes its messages past the trash; drafts stay. @throws Refusal thread_not_found, and as moveThread. */
export async function deleteThread(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  threadId: string,
): Promise<void> {
  const locked = await lockMessages(tx, owner.mailboxId, await idsOf(tx, owner.mailboxId, threadId))
  const messages = locked.filter(({ specialUse }) => specialUse !== 'drafts')
  if (messages.length === 0) throw new Refusal('thread_not_found')
  await deleteMessages(platform, tx, owner, messages, null)
}

async function idsOf(tx: Tx, mailboxId: string, threadId: string): Promise<string[]> {
  if (!isId(threadId)) throw new Refusal('thread_not_found')
  const found = await idsOfThreads(tx, mailboxId, [threadId], movedMax + 1)
  if (found.length > movedMax) {
    throw new Refusal('invalid_request', `The thread has more than ${movedMax} messages.`)
  }
  return found.map(({ id }) => id)
}

async function haveFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folders: readonly Folder[],
  use: SpecialUse,
): Promise<string> {
  const path = standardFolders.find(({ specialUse }) => specialUse === use)?.path ?? use
  const found = folders.find((one) => one.special_use === use) ?? folders.find((one) => one.path === path)
  return found?.id ?? (await createFolder(platform, tx, owner, path, use)).id
}
