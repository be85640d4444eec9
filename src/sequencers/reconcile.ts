/**
 * Brings the mailboxes of a connection to where they are wanted (DESIGN section 1, rule 5). No sequencer has a key that
 * makes an addition happen once: what is about to be done is noted first, and what is in doubt is looked for before
 * anything is done again.
 */
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { addDue } from './additions.ts'
import { confirmDue } from './confirmations.ts'
import { noteConnectionFailure, noteWorking } from './connection-health.ts'
import { lookForDoubtful } from './doubts.ts'
import { SequencerError } from './driver.ts'
import { isListStale, scheduleNext } from './due.ts'
import { observe } from './observe.ts'
import { keyOf, openSequencer } from './opening.ts'
import { sequencerPolicy } from './policy.ts'
import { dropSequencer } from './removal.ts'
import { removeDue } from './removals.ts'
import { lockSequencer, type Sequencer } from './rows.ts'
import { type Run, RunEnded } from './run.ts'
import { updateDue } from './updates.ts'

/**
 * Works with a connection for a while; the job comes again for what is left. What the sequencer does wrong is in the
 * database, not thrown.
 * @param gone aborted when another node may be at it by now, or this one stops: nothing more is begun.
 */
export async function reconcileSlice(platform: Platform, id: string, gone: AbortSignal): Promise<void> {
  const sequencer = await platform.db
    .selectFrom('sequencers')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  if (!sequencer) return
  const key = keyOf(platform, sequencer)
  if (key !== null && !isPaused(platform, sequencer)) await work(platform, sequencer, key, gone)
  if (sequencer.delete_when_empty && (await dropIfEmpty(platform, id))) return
  await scheduleNext(platform, id)
}

function isPaused({ clock }: Platform, { retry_at: at }: Sequencer): boolean {
  return at !== null && at > clock.now()
}

async function work(platform: Platform, sequencer: Sequencer, key: string, gone: AbortSignal): Promise<void> {
  const { platform: name, settings, next_call_at: nextCallAt } = sequencer
  const { driver, ...opened } = openSequencer(platform, {
    platform: name,
    settings,
    key,
    nextCallAt,
    signal: gone,
  })
  const end = performance.now() + sequencerPolicy.sliceMs
  const run: Run = {
    platform,
    sequencer,
    driver,
    isOver: () => run.stopped !== null || gone.aborted || performance.now() >= end,
    stopped: null,
    failuresInRow: 0,
    hasSucceeded: false,
  }
  try {
    await steps(run)
  } catch (error) {
    if (error instanceof SequencerError) run.stopped = error
    else if (!(error instanceof RunEnded)) throw error
  } finally {
    await platform.db
      .updateTable('sequencers')
      .set({ next_call_at: opened.nextCallAt() })
      .where('id', '=', sequencer.id)
      .execute()
  }
  if (run.stopped !== null) await noteConnectionFailure(platform, sequencer, run.stopped)
  else if (run.hasSucceeded && sequencer.failures > 0) await noteWorking(platform, sequencer.id)
}

async function steps(run: Run): Promise<void> {
  const { platform, sequencer, driver } = run
  if (sequencer.state === 'failing') {
    await driver.check() // one call, in place of a mailbox that would fail
    await noteWorking(platform, sequencer.id)
  }
  if (isListStale(sequencer, platform.clock.now())) await observe(run)
  await lookForDoubtful(run)
  await removeDue(run)
  await updateDue(run)
  await addDue(run)
  await confirmDue(run)
}

async function dropIfEmpty(platform: Platform, id: string): Promise<boolean> {
  return await transaction(platform.db, async (tx) => {
    const sequencer = await lockSequencer(tx, id)
    const { rows } =
      await sql`select from sequencer_mailboxes where sequencer_id = ${id}::uuid limit 1`.execute(tx)
    if (!sequencer?.delete_when_empty || rows.length > 0) return false
    await dropSequencer(platform, tx, sequencer)
    return true
  })
}
