/**
 * A maildrop (RFC 1939): the INBOX of one moment, for one session at a time. Message numbers count from 1 and stay as
 * they are. What is marked as deleted goes when the session ends in order, in one transaction, and not otherwise.
 * Other sessions, of IMAP say, may change the folder meanwhile: what they removed cannot be read here any more.
 */
import type { Platform } from '../../platform/platform.ts'
import { type BodyReader, readBodies } from '../bodies-read.ts'
import type { MailboxOwner } from '../owner.ts'
import { policyOf } from '../policies.ts'
import type { MaildropLock, MaildropLocks } from './maildrop-locks.ts'
import { findBodyId, type MaildropIndex, noteRetrieved, readIndex, updateMaildrop } from './maildrop-store.ts'

export type Maildrop = {
  /** How many message numbers there are, those of deleted messages included. */
  readonly count: number
  /** Days after which retrieved messages are removed; null: never. */
  readonly keepDays: number | null
  /** Of the messages that are not marked as deleted. */
  totals(): { messages: number; sizeBytes: number }
  /** null for a number that is not in use, or marked as deleted. */
  sizeOf(number: number): number | null
  /** The same for ever, and never another message's (RFC 1939 §7 UIDL); null as for sizeOf. */
  uniqueIdOf(number: number): string | null
  /** @returns false for a number that is not in use, or marked already. */
  markDeleted(number: number): boolean
  /** Takes the marks back. */
  reset(): void
  /** The message's bytes; null when somebody removed it meanwhile. The number must be in use. */
  open(number: number): Promise<BodyReader | null>
  /** The client has the whole message: it gets \Seen, and its time to be kept begins. */
  noteRetrieved(number: number): Promise<void>
  /** The end in order: removes what is marked, and gives the lock back. `lock-lost`: nothing was removed. */
  update(): Promise<'updated' | 'lock-lost'>
  /** The end in any way, also after update(): gives the lock back and removes nothing. Never rejects. */
  leave(): Promise<void>
}

export type OpenedMaildrop =
  | { kind: 'opened'; maildrop: Maildrop }
  /** Another session has it. */
  | { kind: 'in-use' }
  /** The mailbox is gone. */
  | { kind: 'gone' }

/** Locks and reads a maildrop. The caller leaves it in the end. */
export async function openMaildrop(
  platform: Platform,
  locks: MaildropLocks,
  owner: MailboxOwner,
): Promise<OpenedMaildrop> {
  const lock = await locks.acquire(owner.mailboxId)
  if (lock === null) return { kind: 'in-use' }
  try {
    const index = await readIndex(platform, owner.mailboxId)
    if (index === null) {
      await lock.release()
      return { kind: 'gone' }
    }
    const { pop3 } = await policyOf(platform, owner)
    return { kind: 'opened', maildrop: createMaildrop(platform, owner, lock, index, pop3.keepDays) }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** So many retrieved messages are noted in one transaction; the rest at the end. */
const notedTogetherMax = 100

function createMaildrop(
  platform: Platform,
  owner: MailboxOwner,
  lock: MaildropLock,
  index: MaildropIndex,
  keepDays: number | null,
): Maildrop {
  const { uids, sizes } = index
  const marks = createMarks(sizes)
  let pending: number[] = [] // UIDs that are retrieved and not noted yet
  const notePending = async (): Promise<void> => {
    const noted = pending
    pending = []
    if (noted.length === 0) return
    await noteRetrieved(platform, owner, index.folderId, noted, keepDays).catch((cause: unknown) => {
      platform.log.warn({ event: 'maildrop.note_failed', mailboxId: owner.mailboxId, cause })
    })
  }
  return {
    count: uids.length,
    keepDays,
    totals: marks.totals,
    sizeOf: (number) => (marks.isInUse(number) ? (sizes[number - 1] ?? null) : null),
    uniqueIdOf: (number) => (marks.isInUse(number) ? `${index.uidvalidity}.${uids[number - 1]}` : null),
    markDeleted: marks.markDeleted,
    reset: marks.reset,
    async open(number) {
      const bodyId = await findBodyId(platform, owner.mailboxId, index.folderId, uids[number - 1] ?? 0)
      if (bodyId === null) return null
      return (await readBodies(platform.db, [bodyId])).get(bodyId) ?? null
    },
    async noteRetrieved(number) {
      if (!marks.markRetrieved(number)) return
      pending.push(uids[number - 1] ?? 0)
      if (pending.length >= notedTogetherMax) await notePending()
    },
    async update() {
      // RFC 2449 §6.7: who may leave nothing on the server has deleted what was retrieved.
      const removed = uids.filter((_, at) => marks.isToGo(at + 1, keepDays === 0))
      const gone = new Set(removed)
      pending = pending.filter((uid) => !gone.has(uid))
      if (removed.length > 0) {
        const updated = await updateMaildrop(platform, owner, index.folderId, lock, [...removed])
        if (!updated) return 'lock-lost'
      }
      await notePending()
      await lock.release()
      return 'updated'
    },
    async leave() {
      await notePending()
      await lock.release()
    },
  }
}

const deletedMark = 1
const retrievedMark = 2

/** What the session did to each message. One octet for each, because there may be a million. */
function createMarks(sizes: Uint32Array) {
  const marks = new Uint8Array(sizes.length)
  const allBytes = sizes.reduce((sum, size) => sum + size, 0)
  let messages = sizes.length
  let sizeBytes = allBytes

  const has = (number: number, mark: number): boolean => ((marks[number - 1] ?? 0) & mark) !== 0
  const add = (number: number, mark: number): void => {
    marks[number - 1] = (marks[number - 1] ?? 0) | mark
  }
  const isInUse = (number: number): boolean =>
    number >= 1 && number <= marks.length && !has(number, deletedMark)
  return {
    isInUse,
    totals: () => ({ messages, sizeBytes }),
    isToGo: (number: number, orRetrieved: boolean): boolean =>
      has(number, orRetrieved ? deletedMark | retrievedMark : deletedMark),
    markDeleted(number: number): boolean {
      if (!isInUse(number)) return false
      add(number, deletedMark)
      messages -= 1
      sizeBytes -= sizes[number - 1] ?? 0
      return true
    },
    /** @returns false for one that has the mark. */
    markRetrieved(number: number): boolean {
      if (has(number, retrievedMark)) return false
      add(number, retrievedMark)
      return true
    },
    reset(): void {
      for (const at of marks.keys()) marks[at] = (marks[at] ?? 0) & ~deletedMark
      messages = marks.length
      sizeBytes = allBytes
    },
  }
}
