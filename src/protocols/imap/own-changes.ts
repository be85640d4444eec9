/** Flags that a session changes itself: what the client is told of them, it need not be told again. */
import { changeFlags, type FlagChange, type FlagResult } from '../../messages/changes.ts'
import type { UidRange } from '../../messages/uid-ranges.ts'
import { afterCommit, transaction } from '../../platform/database.ts'
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
  return await transaction(platform.db, async (tx) => {
    let made: OwnChange | null = null
    // Registered before the event is, and so done before the session hears of it.
    afterCommit(tx, () => {
      // Who follows the folder's news hears of this as well.
      if (made?.isNext && view.followers.size === 0) view.modseq = made.highestModseq
    })
    const result = await changeFlags(platform, tx, owner, view.folderId, ranges, change)
    const isNext = result.changed > 0 && result.highestModseq === view.modseq + 1
    made = { ...result, isNext }
    return made
  })
}
