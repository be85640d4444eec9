/** What a change of flags or an expunge comes to, reckoned from the remembered part of a folder. Pure. */
import type { FlagChange, FlagResult, FlagState } from './changes.ts'
import { flagBits, requireKeywords, uniqueKeywords } from './flags.ts'
import { type LightFolder, lightMessagesIn } from './light-folders.ts'
import { mergeUidRanges, type UidRange } from './uid-ranges.ts'

/** What the database has to write for one folder. */
export type PlannedChange = {
  /** Messages as they are afterwards, but for the MODSEQ. */
  flags: readonly Omit<FlagState, 'modseq'>[]
  /** UIDs of those that go, ascending. */
  gone: readonly number[]
  /** What the folder's counters change by. */
  unseen: number
  bytes: number
  /** Those that a change of flags names, for its event. */
  keywords: readonly string[]
}

/** Of more messages than this a statement of its own is made in the database. */
const messagesMax = 500

/**
 * The same as `changeFlags` does in the database.
 * @returns null when it is about too many messages.
 * @throws Refusal keyword_limit_reached.
 */
export function planFlags(
  folder: LightFolder,
  ranges: readonly UidRange[],
  wanted: FlagChange,
): { change: PlannedChange; result: FlagResult } | null {
  const named = uniqueKeywords(wanted.keywords)
  const messages: FlagState[] = []
  const modified: number[] = []
  const changed: FlagState[] = []
  let unseen = 0
  for (const { uid, flags, keywords, modseq } of lightMessagesIn(folder, mergeUidRanges(ranges))) {
    if (messages.length + modified.length >= messagesMax) return null
    if (wanted.unchangedSince !== undefined && modseq > wanted.unchangedSince) {
      modified.push(uid)
      continue
    }
    const after = { flags: flagsAfter(flags, wanted), keywords: keywordsAfter(keywords, wanted.mode, named) }
    const isSame = after.flags === flags && isSameList(after.keywords, keywords)
    const message = { uid, ...after, modseq: isSame ? modseq : folder.modseq + 1 }
    messages.push(message)
    if (isSame) continue
    requireKeywords(message.keywords)
    changed.push(message)
    unseen += isUnseen(message.flags) - isUnseen(flags)
  }
  const highestModseq = folder.modseq + (changed.length > 0 ? 1 : 0)
  return {
    change: { flags: changed, gone: [], unseen, bytes: 0, keywords: named },
    result: { messages, modified, changed: changed.length, highestModseq },
  }
}

/**
 * The removal of messages with \Deleted: among the ranges, or in the whole folder when ranges is null.
 * @returns null when they are too many.
 */
export function planExpunge(folder: LightFolder, ranges: readonly UidRange[] | null): PlannedChange | null {
  const gone: number[] = []
  let unseen = 0
  let bytes = 0
  for (const message of lightMessagesIn(folder, ranges === null ? everyUid : mergeUidRanges(ranges))) {
    if ((message.flags & flagBits.deleted) === 0) continue
    if (gone.length >= messagesMax) return null
    gone.push(message.uid)
    unseen -= isUnseen(message.flags)
    bytes -= message.size_bytes
  }
  return { flags: [], gone, unseen, bytes, keywords: [] }
}

const everyUid = [{ first: 1, last: 2 ** 32 - 1 }]

function isUnseen(flags: number): number {
  return (flags & flagBits.seen) === 0 ? 1 : 0
}

function flagsAfter(old: number, { mode, flags }: FlagChange): number {
  if (mode === 'replace') return flags
  return mode === 'add' ? old | flags : old & ~flags
}

/** Keywords are compared without case (RFC 9051 §2.3.2). The spelling that a message has stays, and so does the order. */
function keywordsAfter(old: readonly string[], mode: FlagChange['mode'], named: readonly string[]): string[] {
  if (named.length === 0) return mode === 'replace' ? [] : [...old]
  const names = new Set(named.map(nameOf))
  if (mode === 'remove') return old.filter((keyword) => !names.has(nameOf(keyword)))
  const kept = mode === 'add' ? old : old.filter((keyword) => names.has(nameOf(keyword)))
  const have = new Set(old.map(nameOf))
  return [...kept, ...named.filter((keyword) => !have.has(nameOf(keyword)))]
}

// A keyword is an atom of ASCII (RFC 9051 §9, flag-keyword): its case is the same in every language.
function nameOf(keyword: string): string {
  return keyword.toLowerCase()
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at])
}
