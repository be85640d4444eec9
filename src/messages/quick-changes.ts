/**
 * Changes of flags and expunges as commands of their own: together with those of others where the folder is remembered
 * (change-lane.ts), else each in a transaction.
 */
import { afterCommit, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { changeRemembered } from './change-lane.ts'
import {
  changeFlags,
  type ExpungeResult,
  expungeDeleted,
  type FlagChange,
  type FlagResult,
} from './changes.ts'
import { isRemembered, lightFolderOf } from './light-folders.ts'
import type { MailboxOwner } from './owner.ts'
import { planExpunge, planFlags } from './planned-changes.ts'
import { policyOf } from './policies.ts'
import { isPruningDue, planPruning } from './tombstones.ts'
import type { UidRange } from './uid-ranges.ts'

/**
 * As `changeFlags`, committed.
 * @param committed is called after the commit, before anyone hears of the change.
 * @throws Refusal folder_not_found, keyword_limit_reached.
 */
export async function commitFlags(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  ranges: readonly UidRange[],
  change: FlagChange,
  committed: (result: FlagResult) => void,
): Promise<FlagResult> {
  let result: FlagResult | null = null
  const tell = (): void => {
    if (result !== null) committed(result)
  }
  const changed = await changeIfRemembered(platform, owner, folderId, {
    restoreDays: 0,
    plan(folder) {
      const planned = planFlags(folder, ranges, change)
      result = planned?.result ?? null
      return planned?.change ?? null
    },
    committed: tell,
  })
  if (changed !== null && result !== null) return result
  return await transaction(platform.db, async (tx) => {
    afterCommit(tx, tell) // before the event is registered
    result = await changeFlags(platform, tx, owner, folderId, ranges, change)
    return result
  })
}

/**
 * As `expungeDeleted`, committed.
 * @throws Refusal folder_not_found.
 */
export async function commitExpunge(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  ranges: readonly UidRange[] | null,
): Promise<ExpungeResult> {
  const { restoreDays } = await policyOf(platform, owner)
  let result: ExpungeResult | null = null
  const changed = await changeIfRemembered(platform, owner, folderId, {
    restoreDays,
    plan(folder) {
      const planned = restoreDays === 0 ? null : planExpunge(folder, ranges) // else bodies go to the sweep
      if (planned === null) return null
      const uids = [...planned.gone]
      result = { uids, highestModseq: folder.modseq + (uids.length > 0 ? 1 : 0) }
      return planned
    },
    committed: () => undefined,
  })
  if (changed === null || result === null) {
    return await transaction(platform.db, (tx) => expungeDeleted(platform, tx, owner, folderId, ranges))
  }
  const expunged: ExpungeResult = result
  const removal = { removedEver: changed.removedEver, removed: expunged.uids.length }
  if (isPruningDue(removal)) {
    await transaction(platform.db, (tx) => planPruning(platform, tx, owner.mailboxId, folderId, removal))
  }
  return expunged
}

async function changeIfRemembered(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  work: Omit<Parameters<typeof changeRemembered>[1], 'owner' | 'folderId'>,
): ReturnType<typeof changeRemembered> {
  if (!isRemembered(platform, folderId)) return null
  const folder = { mailboxId: owner.mailboxId, folderId }
  await lightFolderOf(platform, folder, { modseq: 0, isStale: false }) // what events have told of is read before
  return await changeRemembered(platform, { owner, folderId, ...work })
}
