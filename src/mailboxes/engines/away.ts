/** Deleting a mailbox at its service, and taking that back while the service can. */
import type { Platform } from '../../platform/platform.ts'
import { RemoteFailure, type RemoteUser } from './driver.ts'
import { enginePolicy } from './policy.ts'
import { ageMs, forget, idOf, note, type Run, type StepResult } from './run.ts'

/**
 * A deleted mailbox is deleted there at once, because its seat costs until then; a restore takes that back within the
 * service's own days. Purged for good it is by the service, when these are over: there we are done when it is deleted.
 */
export async function bringAway(platform: Platform, run: Run): Promise<StepResult> {
  const { remote, mailbox } = run
  if (remote.state === 'deleted') {
    if (mailbox.state === 'deleted') await forget(platform, run)
    return 'done'
  }
  if (remote.remote_id === null) return await bringAwayUnknown(platform, run)
  if (remote.state !== 'deleting') await note(platform, run, { state: 'deleting', failure: null })
  const user = await run.driver.get(idOf(run))
  if (user === null && isYoung(platform, run)) return 'wait'
  if (user !== null && user.state !== 'deleted' && !(await deleted(run, user))) return 'wait'
  const days = run.driver.capabilities.restoreDays
  const isRestorable = user !== null && days > 0
  await note(platform, run, {
    state: 'deleted',
    failure: null,
    told: ['state'],
    restorableUntil: isRestorable ? new Date(platform.clock.now().getTime() + days * 24 * 3_600_000) : null,
    ...(user === null ? {} : { user: { ...user, state: 'deleted' as const } }),
  })
  return 'again'
}

/** @returns false while the service does not find it yet. */
async function deleted({ driver }: Run, user: RemoteUser): Promise<boolean> {
  try {
    await driver.delete(user.id)
    return true
  } catch (error) {
    if (error instanceof RemoteFailure && error.kind === 'not_found') return false
    throw error
  }
}

/** Whether it was made so lately that it may be there without being seen. */
function isYoung(platform: Platform, { remote }: Run): boolean {
  const sinceMs = platform.clock.now().getTime() - remote.created_at.getTime()
  return sinceMs < enginePolicy.alarmAfterMs
}

/** Perhaps it was made, and we were not told. */
async function bringAwayUnknown(platform: Platform, run: Run): Promise<StepResult> {
  const { remote, mailbox, driver } = run
  const mayBeThere = remote.state !== 'requested'
  const user = mayBeThere ? await driver.findByAddress(mailbox.address) : null
  if (user !== null && user.mark === remote.mark) {
    await note(platform, run, { state: 'deleting', remoteId: user.id, user, failure: null })
    return 'again'
  }
  if (remote.state === 'creating' && user === null && ageMs(platform, run) < enginePolicy.alarmAfterMs) {
    return 'wait'
  }
  await note(platform, run, { state: 'deleted', restorableUntil: null, failure: null, told: ['state'] })
  return 'again'
}

/** A mailbox that is wanted again. */
export async function bringBack(platform: Platform, run: Run): Promise<StepResult> {
  const { remote, driver } = run
  if (!remote.changed.includes('state')) {
    throw new RemoteFailure('rejected', 'The user was deleted there. A retry restores it.')
  }
  if (remote.remote_id === null) {
    await note(platform, run, { state: 'requested', failure: null })
    return 'again'
  }
  const user = await driver.get(idOf(run))
  if (user === null) {
    // What was deleted a moment ago is not yet among the deleted for every reader.
    if (ageMs(platform, run) < enginePolicy.alarmAfterMs) return 'wait'
    throw new RemoteFailure('rejected', 'The user is gone there, and cannot be restored.')
  }
  if (user.state === 'deleted') await driver.restore(user.id)
  await note(platform, run, { state: 'propagating', restorableUntil: null, failure: null })
  return 'wait'
}
