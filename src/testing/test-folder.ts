/** For tests of large folders: messages that are only rows, made by one statement. */
import { sql } from 'kysely'
import type { MailboxOwner } from '../messages/owner.ts'
import { folderIdOf } from './test-mail.ts'
import type { TestMailbox, TestPlatform } from './test-platform.ts'

export type FilledFolder = { mailbox: TestMailbox; mailboxId: string; folderId: string; owner: MailboxOwner }

/** The INBOX of a new mailbox with messages 1 to `count`, which have no bodies and each the MODSEQ of its UID. */
export async function fillFolder(
  test: TestPlatform,
  count: number,
  { flags = 0 }: { flags?: number } = {},
): Promise<FilledFolder> {
  const { platform } = test
  const mailbox = await test.createMailbox()
  const { mailboxId, owner } = mailbox
  const folderId = await folderIdOf(platform, mailboxId, 'INBOX')
  await sql`
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, saved_at)
    select ${mailboxId}::uuid, ${folderId}::uuid, uid, gen_random_uuid(), uid, ${flags}, '{}',
      '2026-01-02T03:04:05Z'::timestamptz + uid * interval '1 second', 1000 + uid, gen_random_uuid(),
      gen_random_uuid(), now()
    from generate_series(1, ${count}::int) as uid`.execute(platform.db)
  await sql`
    update folders set uidnext = ${count + 1}, highest_modseq = greatest(1, ${count}), message_count = ${count},
      unseen_count = ${(flags & 1) === 0 ? count : 0}, size_bytes = ${count * 1000 + (count * (count + 1)) / 2}
    where id = ${folderId}::uuid`.execute(platform.db)
  return { mailbox, mailboxId, folderId, owner }
}
