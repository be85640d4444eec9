/** Where a mailbox that hears its allow list only keeps what others send: a folder of its own, made when it is needed. */

import { createFolder, findFolder } from '../../messages/folders.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

export const blockedFolderPath = 'Blocked'

/** The id of that folder. @throws Refusal mailbox_not_found, folder_limit_reached. */
export async function blockedFolderId(platform: Platform, owner: MailboxOwner): Promise<string> {
  const existing = await findFolder(platform, owner.mailboxId, blockedFolderPath)
  if (existing !== null) return existing.id
  try {
    const folder = await transaction(platform.db, (tx) =>
      createFolder(platform, tx, owner, blockedFolderPath),
    )
    return folder.id
  } catch (error) {
    const made = await findFolder(platform, owner.mailboxId, blockedFolderPath)
    if (made !== null && error instanceof Refusal && error.code === 'folder_exists') return made.id
    throw error
  }
}
