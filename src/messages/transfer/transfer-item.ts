/** What moves in and out of a mailbox: folders and messages with what is known of them, in any format. */

export type MessageMarks = {
  /** A bitmask; ../flags.ts has the bits. */
  flags: number
  keywords: readonly string[]
  /** null where the format does not tell. */
  internalDate: Date | null
}

export type TransferMessage = MessageMarks & {
  kind: 'message'
  /** The folder's path, with `/` between levels. */
  folder: string
  /** The message in pieces. They have to be read to the end, or left at all, before the next item. */
  content: AsyncIterable<Buffer>
  /** Where it is in the file, in bytes, where the format tells. */
  place?: { offset: number; sizeBytes: number }
}

/** The content of one message cannot be read, but those after it can. */
export class UnreadableMessage extends Error {}

/** The file has more of something than may be imported; the message says of what. */
export class TooMuch extends Error {}

export type TransferItem = { kind: 'folder'; path: string } | TransferMessage

/** Something that was left out, and why; the name helps a person to find it. */
export type Skipped = { what: string; reason: string; offset: number | null }

export type TransferSummary = {
  folders: number
  messages: number
  sizeBytes: number
  skippedCount: number
  /** The first of those that were left out. */
  skipped: Skipped[]
}

const skippedListedMax = 100
const skippedWhatCharsMax = 200

export function newSummary(): TransferSummary {
  return { folders: 0, messages: 0, sizeBytes: 0, skippedCount: 0, skipped: [] }
}

/** @param offset where it begins in the file, in bytes. */
export function noteSkipped(
  summary: TransferSummary,
  what: string,
  reason: string,
  offset: number | null = null,
): void {
  summary.skippedCount += 1
  // A name in a file may be of any length, and have NULs, which no JSON of the database may.
  const named = what
    .slice(0, skippedWhatCharsMax)
    .toWellFormed()
    .replace(/\p{Cc}/gu, '\ufffd')
  if (summary.skipped.length < skippedListedMax) summary.skipped.push({ what: named, reason, offset })
}

export type OnProgress = (summary: TransferSummary) => void
