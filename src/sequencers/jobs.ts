/** The jobs that bring mailboxes to sequencers. */
import type { Tx } from '../platform/database.ts'
import { addJob, addJobs } from '../platform/jobs.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    /** Works with a connection for a while. */
    'sequencers.reconcile': { sequencer_id: string }
    /** Looks for mailboxes that have changed since they were pushed, and wakes connections with something due. */
    'sequencers.find_changes': Record<string, never>
    'sequencers.clean_up': Record<string, never>
  }
}

/** For the transaction that makes something of these connections due. */
export async function wakeSequencers(tx: Tx, ids: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    [...new Set(ids)].map((id) => ({
      name: 'sequencers.reconcile' as const,
      payload: { sequencer_id: id },
      key: `sequencers.reconcile:${id}`,
    })),
  )
}

/** For what is due later. Under a key of its own: it must not put off what is due now. */
export async function wakeSequencerAt(tx: Tx, id: string, runAt: Date): Promise<void> {
  const key = `sequencers.reconcile_later:${id}`
  await addJob(tx, 'sequencers.reconcile', { sequencer_id: id }, { key, runAt })
}
