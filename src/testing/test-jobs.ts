/** For tests of background jobs: the program's own handlers, and a way to run at once what is due. */
import { runOnce, type Task, Logger as WorkerLogger } from 'graphile-worker'
import { sql } from 'kysely'
import { jobHandlers } from '../job-handlers.ts'
import type { AnyJobHandler, JobHandlers } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'

/** The program's handlers, some of them replaced. */
export function handlersWith(replaced: Partial<JobHandlers>): JobHandlers {
  return { ...jobHandlers, ...replaced }
}

/** Runs every job that is due, and those that they add, until none is left. A job that fails stays for a later try. */
export async function runJobs(platform: Platform, handlers: JobHandlers = jobHandlers): Promise<void> {
  // The worker passes over a job whose queue is just being let go, and ends when it finds no other. It does not wait until
  // what became of a job is written, either: until then the job is locked.
  for (let round = 0; round < roundsMax; round++) {
    await runDue(platform, handlers)
    const { rows } = await sql<{ left: number }>`
      select count(*)::int as left from graphile_worker.jobs
      where locked_at is not null or run_at <= now() and attempts < max_attempts`.execute(platform.db)
    if (rows[0]?.left === 0) return
  }
}

const roundsMax = 100

async function runDue(platform: Platform, handlers: JobHandlers): Promise<void> {
  await runOnce({
    pgPool: platform.pool,
    logger: new WorkerLogger(() => () => undefined),
    noHandleSignals: true,
    taskList: Object.fromEntries(
      Object.entries(handlers).map(([name, handler]): [string, Task] => [
        name,
        (payload, { abortSignal }) => (handler as AnyJobHandler)(platform, payload, abortSignal),
      ]),
    ),
  })
}
