/** Everything that is in a mailbox, folder by folder, a page at a time: memory stays flat at any size. */
import type { Platform } from '../../platform/platform.ts'
import { batchesOfBodies, readBodies } from '../bodies-read.ts'
import { listFolders } from '../folders.ts'
import { messageRowsMax, readMessages } from '../view.ts'
import type { TransferItem } from './transfer-item.ts'

const allUids = [{ first: 1, last: 2 ** 32 - 1 }]

/** Messages that come or go meanwhile may be in it or not; every other is, once. */
export async function* exportMailbox(
  platform: Platform,
  mailboxId: string,
): AsyncGenerator<TransferItem, void> {
  for (const folder of await listFolders(platform, mailboxId)) {
    yield { kind: 'folder', path: folder.path }
    yield* messagesOf(platform, mailboxId, folder.id, folder.path)
  }
}

async function* messagesOf(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  path: string,
): AsyncGenerator<TransferItem, void> {
  for (let afterUid = 0; ; ) {
    const rows = await readMessages(platform.db, mailboxId, folderId, allUids, { parts: 'none', afterUid })
    for (const batch of batchesOfBodies(rows)) {
      const bodies = await readBodies(
        platform.db,
        batch.map((row) => row.body_id),
      )
      for (const row of batch) {
        const body = bodies.get(row.body_id)
        if (body === undefined) continue // expunged and swept meanwhile
        yield {
          kind: 'message',
          folder: path,
          flags: row.flags,
          keywords: row.keywords,
          internalDate: row.internal_date,
          content: body.read({ start: 0, end: body.sizeBytes }),
        }
      }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < messageRowsMax) return
    afterUid = last.uid
  }
}
