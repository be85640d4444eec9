/** What a FETCH asks for, in the words of whoever writes the responses. */
import type { FlagState } from '../../../messages/changes.ts'
import type { LightFolder } from '../../../messages/light-folders.ts'
import type { UidRange } from '../../../messages/uid-ranges.ts'
import type { FetchItem } from '../syntax/fetch-item.ts'

export type FetchTarget = { mailboxId: string; folderId: string }

/** null: the session does not know this UID, and the message is skipped. */
export type SequenceOf = (uid: number) => number | null

export type FetchRequest = {
  items: readonly FetchItem[]
  ranges: readonly UidRange[]
  isRecent: (uid: number) => boolean
  /** UID FETCH: the UID is always included (RFC 9051 §6.4.9). */
  uid: boolean
  /** Messages that this FETCH has just marked \Seen. Their FLAGS are included even if not asked for. */
  flagsAfter?: ReadonlyMap<number, FlagState>
  /** What is included with those FLAGS: UID and MODSEQ once the client knows MODSEQs (RFC 7162 §3.2.4). */
  withFlagsAfter?: readonly FetchItem[]
  /** What is written before a message's response; null leaves the response out. */
  before?: (message: { modseq: number; keywords: readonly string[] }) => string | null
  /** What is known of the folder without reading, at least as young as what the client was told. */
  remembered?: LightFolder
}
