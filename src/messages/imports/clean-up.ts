/** What nobody is at any more: runs that died, uploads that were given up, and imports that ended long ago. */
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { addJobs } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { endOverdue } from './opened.ts'
import { deadAfterMs } from './run.ts'
import { discardUpload } from './uploads.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'imports.resume': Record<string, never>
  }
}

const batchMax = 500
/** Between two pieces of an upload. */
const uploadIdleMsMax = 60 * 60_000
/** How long it can be seen what became of an import. */
const keptMs = 30 * 24 * 60 * 60_000

export async function resumeImports(platform: Platform): Promise<void> {
  const now = platform.clock.now().getTime()
  await discardUploads(platform, new Date(now - uploadIdleMsMax))
  await endOverdue(platform, batchMax)
  await sql`
    delete from imports where (mailbox_id, id) in (
      select mailbox_id, id from imports where ended_at < ${new Date(now - keptMs)} limit ${batchMax}
    )`.execute(platform.db)
  const idle = await platform.db
    .selectFrom('imports')
    .select('mailbox_id')
    .distinct()
    .where('state', 'in', ['waiting', 'running'])
    .where((eb) => eb.or([eb('run_id', 'is', null), eb('seen_at', '<', new Date(now - deadAfterMs))]))
    .limit(batchMax)
    .execute()
  await transaction(platform.db, (tx) =>
    addJobs(
      tx,
      idle.map(({ mailbox_id: mailboxId }) => ({
        name: 'imports.run' as const,
        payload: { mailbox_id: mailboxId },
        key: `imports.run:${mailboxId}`,
      })),
    ),
  )
}

async function discardUploads(platform: Platform, before: Date): Promise<void> {
  const uploads = await platform.db
    .selectFrom('imports')
    .select(['mailbox_id', 'id'])
    .where('state', '=', 'uploading')
    .where('seen_at', '<', before)
    .limit(batchMax)
    .execute()
  for (const { mailbox_id: mailboxId, id } of uploads) await discardUpload(platform, { mailboxId, id })
}
