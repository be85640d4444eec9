/** Brings mailboxes at services elsewhere to where they are wanted (DESIGN section 1, rule 5). */
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Claim, claimNext, putOff, release, scheduleNext } from './claims.ts'
import { concernsConnection, driverOf, noteConnectionFailure, noteWorking } from './connection-health.ts'
import { RemoteFailure, type RemoteFailureKind } from './driver.ts'
import { wakeConnections } from './jobs.ts'
import { enginePolicy } from './policy.ts'
import { isUnderWay } from './remote-states.ts'
import { ageMs, ClaimLost, note, type Run } from './run.ts'
import { step } from './steps.ts'
import { presenceOf } from './wanted.ts'

/** The job: works on mailboxes of a connection that are due, for a while. */
export async function reconcileConnection(platform: Platform, connectionId: string): Promise<void> {
  for (let done = 0; done < enginePolicy.mailboxesPerJob; done++) {
    const claim = await claimNext(platform, connectionId)
    if (claim === 'busy') return
    if (claim === null) break
    // Another worker may help; with nothing left for it, it ends at once.
    if (done === 0) await transaction(platform.db, (tx) => wakeConnections(tx, [connectionId]))
    await reconcileOne(platform, claim)
  }
  await scheduleNext(platform, connectionId)
}

async function reconcileOne(platform: Platform, claim: Claim): Promise<void> {
  try {
    const mailbox = await platform.db
      .selectFrom('mailboxes')
      .selectAll()
      .where('id', '=', claim.remote.mailbox_id)
      .executeTakeFirst()
    if (!mailbox) return
    const driver = driverOf(platform, claim.connection)
    await runSteps(platform, { claim, driver, mailbox, remote: claim.remote })
  } catch (error) {
    if (error instanceof ClaimLost) return platform.log.info({ event: 'engines.claim_lost' })
    // Not thrown: the others of the connection would wait for this one for ever.
    platform.log.error({ event: 'engines.run_failed', mailboxId: claim.remote.mailbox_id, cause: error })
    await putOff(platform, claim, new Date(platform.clock.now().getTime() + enginePolicy.pauseMsMax))
  } finally {
    await release(platform, claim)
  }
}

const stepsMax = 8

async function runSteps(platform: Platform, run: Run): Promise<void> {
  try {
    for (let steps = 0; steps < stepsMax; steps++) {
      const result = await step(platform, run)
      if (result === 'wait') return await wait(platform, run, null)
      if (result === 'done') {
        await settle(platform, run)
        return await noteWorking(platform, run.claim.connection.id)
      }
    }
    await wait(platform, run, null)
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error
    await fail(platform, run, error)
  }
}

/** Nothing is left to do. A row that is gone was forgotten. */
async function settle(platform: Platform, run: Run): Promise<void> {
  const isLeft = await platform.db
    .selectFrom('mailbox_remotes')
    .select('mailbox_id')
    .where('mailbox_id', '=', run.mailbox.id)
    .executeTakeFirst()
  if (isLeft) await note(platform, run, { attempts: 0, nextAttemptAt: null, isLate: false })
}

/** The service needs time: pauses grow, long waiting is told, and ends. */
async function wait(platform: Platform, run: Run, failure: RemoteFailure | null): Promise<void> {
  const { attempts, state } = run.remote
  const waited = isUnderWay(state) ? ageMs(platform, run) : attempts * enginePolicy.pauseMsMax
  if (waited > enginePolicy.failAfterMs) {
    const words = `It did not come about within a day${failure === null ? '' : `: ${failure.message}`}.`
    return await giveUp(platform, run, new RemoteFailure(failure?.kind ?? 'not_ready', words))
  }
  const pauseMs = Math.min(enginePolicy.pauseMsMin * 2 ** Math.min(attempts, 20), enginePolicy.pauseMsMax)
  await note(platform, run, {
    attempts: attempts + 1,
    nextAttemptAt: new Date(platform.clock.now().getTime() + Math.max(pauseMs, failure?.retryAfterMs ?? 0)),
    isLate: waited > enginePolicy.alarmAfterMs,
    ...(failure === null ? {} : { failure }),
  })
}

/** Kinds that may be otherwise by themselves in a while. */
const passing: ReadonlySet<RemoteFailureKind> = new Set(['not_ready', 'not_found'])

async function fail(platform: Platform, run: Run, failure: RemoteFailure): Promise<void> {
  const found = await whatItConcerns(run, failure)
  if (concernsConnection(found)) {
    await noteConnectionFailure(platform, run.claim.connection.id, found)
    return await wait(platform, run, found)
  }
  if (passing.has(found.kind)) return await wait(platform, run, found)
  await giveUp(platform, run, found)
}

/** One user whom we may not touch (an admin, perhaps) does not stop the others: it is asked whether we are let in at all. */
async function whatItConcerns({ driver }: Run, failure: RemoteFailure): Promise<RemoteFailure> {
  if (failure.kind !== 'unauthorized') return failure
  try {
    await driver.check()
  } catch (error) {
    if (error instanceof RemoteFailure) return error
    throw error
  }
  return new RemoteFailure('rejected', failure.message, { requestId: failure.requestId, cause: failure })
}

/** Until somebody asks anew. A mailbox that is there keeps its state, with what is wrong. */
async function giveUp(platform: Platform, run: Run, failure: RemoteFailure): Promise<void> {
  const { state } = run.remote
  const isOver = isUnderWay(state) || (state === 'deleted' && presenceOf(run.mailbox.state) === 'there')
  const isForgotten = state === 'deleted' && !run.remote.changed.includes('state')
  await note(platform, run, {
    failure,
    attempts: 0,
    nextAttemptAt: null,
    isLate: false,
    ...(isOver && !isForgotten ? { state: 'failed' as const, mailboxState: 'failed' as const } : {}),
  })
  if (!concernsConnection(failure)) await noteWorking(platform, run.claim.connection.id)
}
