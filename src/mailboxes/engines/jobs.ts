/** The jobs that bring mailboxes at services elsewhere to where they are wanted. */
import type { Tx } from '../../platform/database.ts'
import { addJob, addJobs } from '../../platform/jobs.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Works on the mailboxes of a connection that are due. */
    'engines.reconcile': { connection_id: string }
    /** Wakes connections that have something due: what a node that ended left, and what waits for a domain. */
    'engines.reconcile_due': Record<string, never>
    /** Reads all users of a connection, or of every connection. */
    'engines.observe': { connection_id?: string }
  }
}

/** For the transaction that makes mailboxes of these connections due. */
export async function wakeConnections(tx: Tx, connectionIds: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    [...new Set(connectionIds)].map((id) => ({
      name: 'engines.reconcile' as const,
      payload: { connection_id: id },
      key: `engines.reconcile:${id}`,
    })),
  )
}

/** For what is due later. Under a key of its own: it must not put off what is due now. */
export async function wakeConnectionAt(tx: Tx, connectionId: string, runAt: Date): Promise<void> {
  await addJob(
    tx,
    'engines.reconcile',
    { connection_id: connectionId },
    { key: `engines.reconcile_later:${connectionId}`, runAt },
  )
}
