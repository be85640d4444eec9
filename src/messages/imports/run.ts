/**
 * Carries imports out, one of a mailbox at a time. How far it is stands in its row, written with the messages themselves:
 * whoever goes on after a crash passes over what is in the mailbox already. Two runs that take each other for dead do no
 * harm: a batch is placed only by the run that the row names.
 */
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { MailboxOwner } from '../owner.ts'
import { type ImportPosition, importItems } from '../transfer/import.ts'
import { TooMuch } from '../transfer/transfer-item.ts'
import { addImportJob, progressOf } from './imports.ts'
import { openedSorter, rememberImported } from './opened-messages.ts'
import { readUpload, type StoredUpload, UnreadableUpload } from './read-upload.ts'
import type { ImportFailure } from './tables.ts'
import { deleteChunks } from './uploads.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'imports.run': { mailbox_id: string }
  }
}

/** A run shows this often that it is alive, and is taken for dead when it has not for so long. */
const beatMs = 10_000
export const deadAfterMs = 60_000
/** Runs that end without having brought an import forward. */
const triesMax = 10
/** Progress is told at every such part of the upload. */
const progressParts = 20

/** Someone ended it, or another run has it. */
class ImportStopped extends Error {}

type Run = StoredUpload & {
  runId: string
  owner: MailboxOwner
  from: ImportPosition
  tries: number
  ownAddresses: readonly string[]
}

/** Runs the oldest import of a mailbox that has not ended, unless another run has it. The next one gets a job. */
export async function runImport(platform: Platform, mailboxId: string): Promise<void> {
  const run = await claim(platform, mailboxId)
  if (run === null) return
  if (run.tries > triesMax) {
    await end(platform, run, {
      code: 'internal',
      detail: `It stopped ${triesMax} times at the same message.`,
    })
    return
  }
  const stopped = new AbortController()
  const beat = setInterval(() => void showAlive(platform, run, stopped), beatMs)
  try {
    await carryOut(platform, run, stopped.signal)
    await end(platform, run, null)
  } catch (error) {
    if (error instanceof ImportStopped || stopped.signal.aborted) return
    const failure = failureOf(error)
    if (failure !== null) await end(platform, run, failure)
    else if (await release(platform, run)) throw error
  } finally {
    clearInterval(beat)
  }
}

/** null for what may work the next time. */
function failureOf(error: unknown): ImportFailure | null {
  if (error instanceof UnreadableUpload) return { code: 'import_unreadable', detail: error.message }
  if (error instanceof TooMuch) return { code: 'import_too_large', detail: error.message }
  // A folder that was deleted under the run is made again by the next one, which also finds one that was made.
  if (error instanceof Refusal && error.code !== 'folder_not_found' && error.code !== 'folder_exists') {
    return { code: error.code, detail: error.detail }
  }
  return null
}

async function claim(platform: Platform, mailboxId: string): Promise<Run | null> {
  const now = platform.clock.now()
  const runId = newId()
  return await transaction(platform.db, async (tx) => {
    const mailbox = await tx
      .selectFrom('mailboxes')
      .select(['organization_id', 'workspace_id'])
      .where('id', '=', mailboxId)
      .where('state', '<>', 'deleted')
      .executeTakeFirst()
    if (mailbox === undefined) return null
    const row = await tx
      .selectFrom('imports')
      .selectAll()
      .where('mailbox_id', '=', mailboxId)
      .where('state', 'in', ['waiting', 'running'])
      .orderBy('id')
      .limit(1)
      .forUpdate()
      .executeTakeFirst()
    if (row === undefined) return null
    const isAlive = row.run_id !== null && row.seen_at.getTime() > now.getTime() - deadAfterMs
    if (isAlive) return null
    await tx
      .updateTable('imports')
      .set({
        state: 'running',
        run_id: runId,
        seen_at: now,
        started_at: row.started_at ?? now,
        tries: row.tries + 1,
      })
      .where('mailbox_id', '=', mailboxId)
      .where('id', '=', row.id)
      .execute()
    const { organization_id: organizationId, workspace_id: workspaceId } = mailbox
    return {
      mailboxId,
      id: row.id,
      runId,
      owner: { organizationId, workspaceId, mailboxId },
      format: row.format,
      folder: row.folder,
      preserve: row.preserve,
      bytes: row.bytes,
      isFlat: row.opened,
      markAsRead: row.mark_as_read,
      ownAddresses: row.own_addresses ?? [],
      tries: row.tries + 1,
      from: {
        messagesRead: row.messages_read,
        offset: row.bytes_read,
        duplicates: row.messages_duplicate,
        summary: {
          folders: 0,
          messages: row.messages_imported,
          sizeBytes: 0,
          skippedCount: row.messages_skipped,
          skipped: row.problems,
        },
      },
    }
  })
}

async function carryOut(platform: Platform, run: Run, signal: AbortSignal): Promise<void> {
  let told = partOf(run, run.from.offset)
  const { importEntriesMax, importMessagesMax: messagesMax } = platform.config
  await importItems(platform, run.owner, readUpload(platform.db, run, importEntriesMax), {
    from: run.from,
    signal,
    messagesMax,
    ...(run.isFlat ? { sort: await openedSorter(platform, run.owner, run.ownAddresses) } : {}),
    record: async (tx, position, messages) => {
      if (run.isFlat) await rememberImported(tx, run, messages)
      const row = await record(platform, tx, run, position)
      const part = partOf(run, position.offset)
      if (part === told) return
      told = part
      const data = progressOf(row)
      await appendEvents(platform, tx, [{ type: 'import.progress', ...run.owner, data }])
    },
  })
}

function partOf({ bytes }: Run, offset: number): number {
  return Math.floor((offset * progressParts) / bytes)
}

const progressColumns = ['id', 'bytes', 'bytes_read', 'messages_imported', 'messages_skipped'] as const

/** @throws ImportStopped, which takes the batch back. */
async function record(
  platform: Platform,
  tx: Tx,
  run: Run,
  { messagesRead, offset, duplicates, summary }: ImportPosition,
) {
  const row = await ownRow(tx, run)
    .set({
      bytes_read: Math.min(offset, run.bytes),
      messages_read: messagesRead,
      messages_imported: summary.messages,
      messages_duplicate: duplicates,
      messages_skipped: summary.skippedCount,
      problems: JSON.stringify(summary.skipped),
      seen_at: platform.clock.now(),
      tries: 0,
    })
    .returning(progressColumns)
    .executeTakeFirst()
  if (row === undefined) throw new ImportStopped()
  return row
}

function ownRow(db: Tx | Platform['db'], { mailboxId, id, runId }: Run) {
  return db
    .updateTable('imports')
    .where('mailbox_id', '=', mailboxId)
    .where('id', '=', id)
    .where('run_id', '=', runId)
    .where('state', '=', 'running')
}

async function end(platform: Platform, run: Run, failure: ImportFailure | null): Promise<void> {
  const { mailboxId, id, owner } = run
  await transaction(platform.db, async (tx) => {
    const ended = await ownRow(tx, run)
      .set({
        state: failure === null ? 'completed' : 'failed',
        ...(failure === null ? { bytes_read: run.bytes } : { failure: JSON.stringify(failure) }),
        ended_at: platform.clock.now(),
        run_id: null,
      })
      .returning(progressColumns)
      .executeTakeFirst()
    if (ended === undefined) return
    await deleteChunks(tx, { mailboxId, id })
    const data = progressOf(ended)
    await appendEvents(platform, tx, [
      failure === null
        ? { type: 'import.completed', ...owner, data }
        : { type: 'import.failed', ...owner, data: { ...data, ...failure } },
    ])
    const next = await tx
      .selectFrom('imports')
      .select('id')
      .where('mailbox_id', '=', mailboxId)
      .where('state', '=', 'waiting')
      .limit(1)
      .executeTakeFirst()
    if (next !== undefined) await addImportJob(tx, mailboxId)
  })
}

/** Lets the next run have it at once. @returns whether it was this run's to the end: else nothing has failed. */
async function release(platform: Platform, run: Run): Promise<boolean> {
  try {
    const { numUpdatedRows } = await ownRow(platform.db, run).set({ run_id: null }).executeTakeFirst()
    return numUpdatedRows > 0n
  } catch {
    return true // it is taken for dead in a while
  }
}

async function showAlive(platform: Platform, run: Run, stopped: AbortController): Promise<void> {
  try {
    const { numUpdatedRows } = await ownRow(platform.db, run)
      .set({ seen_at: platform.clock.now() })
      .executeTakeFirst()
    if (numUpdatedRows === 0n) stopped.abort(new ImportStopped())
  } catch (error) {
    platform.log.warn({ event: 'import.beat_failed', importId: run.id, cause: error })
  }
}
