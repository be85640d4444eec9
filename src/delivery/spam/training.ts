/**
 * Training by what people do: moving a message into Junk teaches that it is spam, out of it (but not into Trash) that
 * it is not; the keywords $Junk and $NotJunk (IANA, IMAP keywords) say the same in place. Each node that runs jobs
 * hears of such changes and adds a job, the same one on all of them.
 */
import { sql } from 'kysely'
import { readBody, readBodyBytes } from '../../messages/bodies.ts'
import { fieldOf, folderField, numberField } from '../../messages/folder-event-fields.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { SpecialUse } from '../../messages/tables.ts'
import { transaction } from '../../platform/database.ts'
import type { PublishedEvent } from '../../platform/event-bus.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { learn } from './bayes.ts'
import { inspectedBytesMax, inspectMessage } from './inspect.ts'
import { teachRspamd } from './rspamd/rspamd.ts'

/** The messages of a folder that a change of this MODSEQ put there or marked. */
export type LearnJob = {
  organization_id: string
  workspace_id: string
  mailbox_id: string
  folder_id: string
  modseq: number
  /** null: the message's keywords say it. */
  kind: 'spam' | 'ham' | null
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'spam.learn': LearnJob
    'spam.clean_up': Record<string, never>
    'spam.forget': Record<string, never>
  }
}

/** Messages of one change that teach: of whoever moves a whole folder, the newest. */
const lessonsMax = 200
/** Changes that wait for a look at their folders; beyond it they teach nothing. */
const waitingMax = 1_000

export type SpamTraining = {
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>
  stop(): Promise<void>
}

export function startSpamTraining(platform: Platform): SpamTraining {
  let waiting = 0
  let last = Promise.resolve()
  const unsubscribe = platform.bus.subscribe((event) => {
    if (!mayTeach(event) || waiting >= waitingMax) return
    waiting += 1
    last = last
      .then(() => plan(platform, event))
      .catch((cause: unknown) => platform.log.warn({ event: 'spam.training_failed', cause }))
      .finally(() => {
        waiting -= 1
      })
  })
  const idle = async (): Promise<void> => {
    for (let seen = null as Promise<void> | null; seen !== last; ) {
      seen = last
      await seen
    }
  }
  return {
    idle,
    async stop() {
      unsubscribe()
      await idle()
    },
  }
}

function mayTeach({ type, mailboxId, workspaceId, data }: PublishedEvent): boolean {
  if (mailboxId === null || workspaceId === null) return false
  if (type === 'message.moved' || type === 'message.copied') return true
  return type === 'message.flags_changed' && namesJunk(fieldOf(data, 'keywords'))
}

const junkKeyword = '$junk'
const notJunkKeyword = '$notjunk'

function namesJunk(keywords: unknown): boolean {
  return (
    Array.isArray(keywords) &&
    keywords.some(
      (one) => typeof one === 'string' && [junkKeyword, notJunkKeyword].includes(one.toLowerCase()),
    )
  )
}

async function plan(platform: Platform, event: PublishedEvent): Promise<void> {
  const { organizationId, workspaceId, mailboxId, data } = event
  const modseq = numberField(data, 'highest_modseq')
  const folderId = folderField(data, 'folder_id')
  if (workspaceId === null || mailboxId === null || modseq === null || folderId === '') return
  const kind = event.type === 'message.flags_changed' ? null : await kindOfMove(platform, mailboxId, data)
  if (kind === 'nothing') return
  const job: LearnJob = {
    organization_id: organizationId,
    workspace_id: workspaceId,
    mailbox_id: mailboxId,
    folder_id: folderId,
    modseq,
    kind,
  }
  await transaction(platform.db, (tx) =>
    addJob(tx, 'spam.learn', job, { key: `spam.learn:${folderId}:${modseq}` }),
  )
}

/** A copy into Junk teaches too; where it was copied from, its event does not tell. */
async function kindOfMove(
  platform: Platform,
  mailboxId: string,
  data: unknown,
): Promise<'spam' | 'ham' | 'nothing'> {
  const [to, from] = [folderField(data, 'folder_id'), folderField(data, 'from_folder_id')]
  const uses = await usesOf(platform, mailboxId, from === '' ? [to] : [to, from])
  const [toUse, fromUse] = [uses.get(to), uses.get(from)]
  if (toUse === 'junk') return fromUse === 'junk' ? 'nothing' : 'spam'
  return fromUse === 'junk' && toUse !== 'trash' && toUse !== undefined ? 'ham' : 'nothing'
}

/** null for a folder without a use; folders that are gone are left out. */
async function usesOf(
  platform: Platform,
  mailboxId: string,
  ids: readonly string[],
): Promise<Map<string, SpecialUse | null>> {
  const { rows } = await sql<{ id: string; special_use: SpecialUse | null }>`/* prepared folder_uses */
    select id, special_use from folders where mailbox_id = ${mailboxId}::uuid and id = any(${uuidArray(ids)})`.execute(
    platform.db,
  )
  return new Map(rows.map((row) => [row.id, row.special_use]))
}

/** The job: teaches what the change says, to the workspace's classifier and to rspamd. */
export async function learnFromChange(platform: Platform, job: LearnJob): Promise<void> {
  const owner = {
    organizationId: job.organization_id,
    workspaceId: job.workspace_id,
    mailboxId: job.mailbox_id,
  }
  const lessons = (await changedMessages(platform, job)).flatMap(({ keywords, ...message }) => {
    const kind = job.kind ?? kindOfKeywords(keywords)
    return kind === null ? [] : [{ ...message, kind }]
  })
  // Ours first: an rspamd that is down must not keep us from learning.
  for (const lesson of lessons) await learnHere(platform, owner, lesson)
  for (const { kind, body_id, size_bytes } of lessons) {
    await teachRspamd(platform, kind, {
      sizeBytes: size_bytes,
      read: () => readBody(platform.db, body_id),
    })
  }
}

type ChangedMessage = { body_id: string; size_bytes: number; keywords: string[] }

/** Those that were changed again since are left out: that change says what holds. */
async function changedMessages(platform: Platform, job: LearnJob): Promise<ChangedMessage[]> {
  return await platform.db
    .selectFrom('messages')
    .select(['body_id', 'size_bytes', 'keywords'])
    .where('mailbox_id', '=', job.mailbox_id)
    .where('folder_id', '=', job.folder_id)
    .where('modseq', '=', job.modseq)
    .orderBy('uid', 'desc')
    .limit(lessonsMax)
    .execute()
}

function kindOfKeywords(keywords: readonly string[]): 'spam' | 'ham' | null {
  const names = new Set(keywords.map((keyword) => keyword.toLowerCase()))
  if (names.has(junkKeyword) === names.has(notJunkKeyword)) return null
  return names.has(junkKeyword) ? 'spam' : 'ham'
}

async function learnHere(
  platform: Platform,
  owner: MailboxOwner,
  { kind, body_id: bodyId, size_bytes }: { kind: 'spam' | 'ham'; body_id: string; size_bytes: number },
): Promise<void> {
  const end = Math.min(size_bytes, inspectedBytesMax)
  const beginning = await readBodyBytes(platform.db, bodyId, { start: 0, end })
  const inspected = inspectMessage(beginning, headerOf(beginning))
  await learn(platform, owner, { bodyId, kind, inspected })
}

function headerOf(beginning: Buffer): Buffer {
  const end = beginning.indexOf('\r\n\r\n')
  return end === -1 ? beginning : beginning.subarray(0, end + 4)
}
