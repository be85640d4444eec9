/** For tests of background jobs: the program's own handlers, and a way to run at once what is due. */
import { runOnce, Logger as WorkerLogger } from 'graphile-worker'
import { jobHandlers } from '../job-handlers.ts'
import type { JobHandlers } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'

/** The program's handlers, some of them replaced. */
export function handlersWith(replaced: Partial<JobHandlers>): JobHandlers {
  return { ...jobHandlers, ...replaced }
}

/** Runs every job that is due, and those that they add, until none is left. A job that fails stays for a later try. */
export async function runJobs(platform: Platform, handlers: JobHandlers = jobHandlers): Promise<void> {
  await runOnce({
    pgPool: platform.pool,
    logger: new WorkerLogger(() => () => undefined),
    noHandleSignals: true,
    taskList: Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        // The payload is what addJob was given, through JSON.
        (payload: unknown) =>
          (handler as (platform: Platform, payload: unknown) => Promise<void>)(platform, payload),
      ]),
    ),
  })
}
