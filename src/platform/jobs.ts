/** Background jobs in the same database (graphile-worker): enqueued in the transaction that needs them. */
import { parseCronItems, run, type Task, Logger as WorkerLogger } from 'graphile-worker'
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from './database.ts'
import type { Platform } from './platform.ts'

/** Jobs and what each is given. A folder adds its own by module augmentation. */
// biome-ignore lint/suspicious/noEmptyInterface: the folders above fill it
export interface JobTypes {}

export type JobName = keyof JobTypes

/** `stopping` is aborted when the node stops and a job has not ended for some seconds: a long one should listen. */
export type JobHandlers = {
  [N in JobName]: (platform: Platform, payload: JobTypes[N], stopping?: AbortSignal) => Promise<void>
}

/** A handler for a payload that is what addJob was given, through JSON. */
export type AnyJobHandler = (platform: Platform, payload: unknown, stopping: AbortSignal) => Promise<void>

/** When a job runs by itself: five fields of cron, in UTC. */
export type JobSchedule = Partial<Record<JobName, string>>

export type AddJobOptions = {
  /** Not before this moment. */
  runAt?: Date
  /** A later job of the same key replaces one that has not run yet. */
  key?: string
  /** Jobs of one queue run one after another, over all nodes: for what would keep others from running. */
  queue?: string
}

const attemptsMax = 25

/** Adds a job that runs after, and only if, the transaction commits. */
export async function addJob<N extends JobName>(
  tx: Tx,
  name: N,
  payload: JobTypes[N],
  options: AddJobOptions = {},
): Promise<void> {
  await sql`select graphile_worker.add_job(
    ${name}::text, payload := ${JSON.stringify(payload)}::json, run_at := ${options.runAt ?? null}::timestamptz,
    job_key := ${options.key ?? null}::text, queue_name := ${options.queue ?? null}::text,
    max_attempts := ${attemptsMax}::int)`.execute(tx)
}

/** A job as data, for those who add several. */
export type NewJob = { [N in JobName]: { name: N; payload: JobTypes[N] } & AddJobOptions }[JobName]

/** Adds jobs in one statement, under the same rules as `addJob`. */
export async function addJobs(tx: Tx, jobs: readonly NewJob[]): Promise<void> {
  if (jobs.length > 0) await jobsStatement(jobs).execute(tx)
}

/** The same as a statement that the caller sends with others (`together`). */
export function jobsStatement(jobs: readonly NewJob[]): RawBuilder<unknown> {
  const rows = jobs.map(({ name, payload, runAt, key, queue }) => ({
    name,
    payload,
    run_at: runAt ?? null,
    key: key ?? null,
    queue: queue ?? null,
  }))
  return sql`select graphile_worker.add_job(name, payload := payload, run_at := run_at, job_key := key, queue_name := queue,
      max_attempts := ${attemptsMax}::int)
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as new (name text, payload json, run_at timestamptz, key text, queue text)`
}

export type Jobs = { stop(): Promise<void> }

const concurrency = 4

/** Starts this node's worker. `handlers` must name every job that the core can add. */
export async function startJobs(
  platform: Platform,
  handlers: JobHandlers,
  schedule: JobSchedule,
): Promise<Jobs> {
  const taskList: Record<string, Task> = {}
  for (const [name, handler] of Object.entries(handlers)) {
    taskList[name] = async (payload, { abortSignal }) => {
      try {
        await (handler as AnyJobHandler)(platform, payload, abortSignal)
        platform.metrics.jobs.inc({ task: name, result: 'done' })
      } catch (error) {
        platform.metrics.jobs.inc({ task: name, result: 'failed' })
        platform.log.error({ event: 'job.failed', task: name, cause: error })
        throw error
      }
    }
  }
  const runner = await run({
    pgPool: platform.pool,
    taskList,
    concurrency,
    noHandleSignals: true,
    pollInterval: 2000,
    // Not as the text of a crontab, in which a name may have no dot.
    parsedCronItems: parseCronItems(Object.entries(schedule).map(([task, match]) => ({ task, match }))),
    logger: new WorkerLogger(() => (level, message) => {
      if (level === 'error') platform.log.error({ event: 'jobs.worker', message })
      else platform.log.debug({ event: 'jobs.worker', message })
    }),
  })
  return { stop: () => runner.stop() }
}
