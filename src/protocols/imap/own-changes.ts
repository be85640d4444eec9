/** Flags that a session changes itself: what the client is told of them, it need not be told again. */
import type { FlagChange, FlagResult } from '../../messages/changes.ts'
import { commitFlags } from '../../messages/quick-changes.ts'
import type { UidRange } from '../../messages/uid-ranges.ts'
import type { SelectedSession } from './session.ts'

export type OwnChange = FlagResult & {
  /** Nothing happened in the folder between what the client was told of last and this. */
  isNext: boolean
}

/**
 * Changes flags in the selected folder. When that is the next thing that happened there, the view is brought up to it
 * at once, and the event of it is no news. Else its outcome comes with the news of what was in between, unless the
 * caller notes in `ownModseqs` that the client has it.
 */
export async function changeOwnFlags(
  { platform, state }: SelectedSession,
  ranges: readonly UidRange[],
  change: FlagChange,
): Promise<OwnChange> {
  const { owner, view } = state
  let isNext = false
  // Called before the session hears of it.
  const committed = ({ changed, highestModseq }: FlagResult): void => {
    isNext = changed > 0 && highestModseq === view.modseq + 1
    // Who follows the folder's news hears of this as well.
    if (isNext && view.followers.size === 0) view.modseq = highestModseq
  }
  const result = await commitFlags(platform, owner, view.folderId, ranges, change, committed)
  return { ...result, isNext }
}
