/**
 * The settings of the embedded PostgreSQL, passed as `-c` at every start, so that an update of Mailwright brings its
 * settings with it. What is not named here can be set in the cluster's postgresql.conf.
 */
const megabyte = 1024 ** 2

/** Below this much memory the smaller sizes are used. */
const roomyMemoryBytes = 2048 * megabyte

/** What the process may use: the machine's memory, or less in a container with a limit. */
export function postgresSettings(memoryBytes: number): Record<string, string> {
  const roomy = memoryBytes >= roomyMemoryBytes
  const cacheMegabytes = Math.max(128, Math.floor(memoryBytes / megabyte / 2))
  return {
    // Acknowledged means durable: a commit returns after its WAL is on disk, and torn pages can be repaired.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',

    // Memory. Node and the kernel's page cache need the rest of a small machine.
    shared_buffers: roomy ? '256MB' : '128MB',
    effective_cache_size: `${cacheMegabytes}MB`, // only an estimate for the planner: prefer indexes
    work_mem: '8MB',
    maintenance_work_mem: roomy ? '128MB' : '64MB',

    // Fewer checkpoints, spread out: bulk deliveries write each page to the WAL in full once per checkpoint.
    max_wal_size: '2GB',
    min_wal_size: '256MB', // segments are reused instead of made anew
    checkpoint_timeout: '15min',
    checkpoint_completion_target: '0.9',
    wal_compression: 'pglz', // of full pages; the npm build has neither lz4 nor zstd

    // SSDs: a random read costs about as much as a sequential one, and many can be in flight.
    random_page_cost: '1.1',
    effective_io_concurrency: '32',

    // Short indexed statements: compiling them costs more than it saves. Parallel workers would need /dev/shm, of
    // which containers have only 64 MB, and both cores of a small machine.
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    max_parallel_maintenance_workers: '0',
    max_connections: '100',

    // Flags and queues are updated in place all day: clean up at 5 % dead rows, at the speed of an SSD.
    autovacuum: 'on',
    autovacuum_naptime: '30s',
    autovacuum_vacuum_scale_factor: '0.05',
    autovacuum_analyze_scale_factor: '0.05',
    autovacuum_vacuum_cost_limit: '1000',

    // A transaction that its client forgot would keep locks and stop the clean-up for ever.
    idle_in_transaction_session_timeout: '5min',

    // Lines on stderr go to Mailwright's log, which adds the time. Every checkpoint is not news.
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '',
    log_checkpoints: 'off',

    // The same everywhere, whatever the machine is set to.
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
  }
}

/** As command-line arguments: `-c name=value` each. */
export function settingArguments(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
