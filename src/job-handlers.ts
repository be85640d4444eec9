/** Every job of the core with what it does, and when those run that nobody asks for. */
import { deleteOldSessions } from './accounts/sessions.ts'
import { notifySender } from './delivery/bounces/notify.ts'
import { expireOutbound } from './delivery/outbound/expire.ts'
import { purgeDueMailboxes, purgeMailbox } from './mailboxes/purge.ts'
import { expireDeletedMessages } from './messages/deleted-messages.ts'
import { expireRetrieved } from './messages/maildrop/maildrop-expiry.ts'
import { deleteEndedMaildropLocks } from './messages/maildrop/maildrop-locks.ts'
import { cleanUpDueFolders, replanWorkspace } from './messages/retention.ts'
import { indexFolder, scheduleIndexing } from './messages/search/search-index-jobs.ts'
import { sweepBodies } from './messages/sweep.ts'
import { pruneFolderTombstones, pruneOldTombstones } from './messages/tombstones.ts'
import { deleteOldEvents } from './platform/events.ts'
import { deleteOldIdempotencyKeys } from './platform/idempotency.ts'
import type { JobHandlers, JobSchedule } from './platform/jobs.ts'
import type { Platform } from './platform/platform.ts'

declare module './platform/jobs.ts' {
  interface JobTypes {
    'platform.clean_up': Record<string, never>
  }
}

// Each batch is of hundreds or thousands; what is left over waits for the next time.
const batchesMax = 100

/** Does batches until one finds nothing. */
async function repeat(batch: (platform: Platform) => Promise<number>, platform: Platform): Promise<void> {
  for (let done = 0; done < batchesMax && (await batch(platform)) > 0; done++);
}

export const jobHandlers: JobHandlers = {
  'mailbox.purge': (platform, payload) => purgeMailbox(platform, payload.mailbox_id),
  'mailbox.purge_due': (platform) => purgeDueMailboxes(platform),
  'bodies.sweep': (platform) => repeat(sweepBodies, platform),
  'maildrop.expire': async (platform) => {
    await expireRetrieved(platform)
    await deleteEndedMaildropLocks(platform)
  },
  'search.index': (platform, { mailbox_id: mailboxId, folder_id: folderId }) =>
    indexFolder(platform, { mailboxId, folderId }),
  'search.schedule': (platform) => scheduleIndexing(platform),
  'retention.clean_up': (platform) => repeat(cleanUpDueFolders, platform),
  'retention.expire': (platform) => repeat(expireDeletedMessages, platform),
  'retention.replan': (platform, payload) => replanWorkspace(platform, payload.workspace_id),
  'tombstones.prune_folder': (platform, payload) =>
    pruneFolderTombstones(platform, payload.mailbox_id, payload.folder_id),
  'tombstones.prune_old': (platform) => repeat(pruneOldTombstones, platform),
  'delivery.notify': (platform, payload) => notifySender(platform, payload.outbound_message_id),
  'outbound.expire': (platform) => repeat(expireOutbound, platform),
  'platform.clean_up': async (platform) => {
    await deleteOldEvents(platform)
    await deleteOldIdempotencyKeys(platform)
    await deleteOldSessions(platform)
  },
}

export const jobSchedule: JobSchedule = {
  'mailbox.purge_due': '*/10 * * * *',
  'bodies.sweep': '*/15 * * * *',
  'maildrop.expire': '23 * * * *',
  'search.schedule': '*/2 * * * *',
  'retention.clean_up': '*/10 * * * *',
  'retention.expire': '37 * * * *',
  'tombstones.prune_old': '*/10 * * * *',
  'outbound.expire': '47 * * * *',
  'platform.clean_up': '7 * * * *',
}
