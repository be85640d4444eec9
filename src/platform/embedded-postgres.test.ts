import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded-postgres.ts'
import { findPostgresBinaries } from './postgres-binaries.ts'
import { postgresSettings } from './postgres-settings.ts'

const isRoot = process.getuid?.() === 0
const onLinux = process.platform === 'linux'
const scratch = await realpath(await mkdtemp(join(tmpdir(), 'mw-pg-')))
await chmod(scratch, 0o711) // under root, the account of PostgreSQL passes through
const started: EmbeddedPostgres[] = []
const children: ChildProcess[] = []
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(started.map((server) => server.stop()))
  await rm(scratch, { recursive: true, force: true })
})

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options)
  started.push(server)
  return server
}

async function query(server: { connectionString: string }, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: server.connectionString })
  await client.connect()
  try {
    const result = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
    return result.rows
  } finally {
    await client.end()
  }
}

/** Another Node process that starts the database in the directory, tells where it is, and stays. */
async function startInChild(directory: string, wrapper: string[] = []) {
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)})
    const onLog = (line) => line.startsWith('PostgreSQL runs') && console.log(line)
    const binaries = process.argv[2] ? JSON.parse(process.argv[2]) : undefined
    const server = await startEmbeddedPostgres({ directory: process.argv[1], onLog, ...(binaries ? { binaries } : {}) })
    process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))
    console.log(JSON.stringify({ pid: server.pid, connectionString: server.connectionString }))
  `
  const binaries = wrapper.length > 0 ? [JSON.stringify(await findPostgresBinaries())] : []
  const [command = '', ...args] = [
    ...wrapper,
    process.execPath,
    '--input-type=module',
    '-e',
    program,
    directory,
    ...binaries,
  ]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (line.startsWith('{')) break
  }
  const server: { pid: number; connectionString: string } = JSON.parse(lines.at(-1) ?? 'null')
  return { child, server, how: lines[0] }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !onLinux || !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ') // ended, not yet reaped
  } catch {
    return false
  }
}

async function waitUntilGone(pid: number): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (isAlive(pid)) {
    assert.ok(performance.now() < deadlineMs, `process ${pid} is still running`)
    await sleep(20)
  }
}

async function processesIn(directory: string): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if ((await readlink(`/proc/${name}/cwd`).catch(() => '')) === directory) found.push(Number(name))
  }
  return found
}

test('the first start makes the database, the second finds it again, quickly', async () => {
  const directory = join(scratch, 'twice')
  const first = await start({ directory })
  await query(first, 'CREATE TABLE note (id int PRIMARY KEY)')
  await query(first, 'INSERT INTO note VALUES (7)')
  const settings = `SELECT current_user, current_database(), current_setting('fsync'), current_setting('synchronous_commit'),
    current_setting('full_page_writes'), current_setting('data_checksums'), current_setting('server_encoding'),
    current_setting('listen_addresses'), current_setting('is_superuser')`
  assert.deepEqual(await query(first, settings), [
    ['mailwright', 'mailwright', 'on', 'on', 'on', 'on', 'UTF8', '', 'off'],
  ])
  await assert.rejects(query(first, `SELECT pg_read_file('/etc/passwd')`), /permission denied/)
  assert.equal((await stat(join(directory, 'password'))).mode & 0o777, 0o600)
  assert.equal((await stat(join(directory, 'socket'))).mode & 0o777, 0o700)
  const processGroup = spawnSync('ps', ['-o', 'pgid=', '-p', String(first.pid)], { encoding: 'utf8' }).stdout
  assert.equal(Number(processGroup), first.pid, 'of its own: Ctrl-C does not reach it')
  await Promise.all([first.stop(), first.stop()])
  assert.deepEqual(await first.exited, { code: 0, signal: null })
  assert.ok(!isAlive(first.pid))

  const beginMs = performance.now()
  const second = await start({ directory, settings: { work_mem: '5MB' } })
  const readyMs = performance.now() - beginMs
  assert.deepEqual(await query(second, `SELECT id, current_setting('work_mem') FROM note`), [[7, '5MB']])
  assert.ok(readyMs < 3000, `took ${readyMs} ms`) // 70 ms on an idle machine
  await second.stop()
})

test('every setting is one that this PostgreSQL knows, and takes effect', async () => {
  const server = await start({ directory: join(scratch, 'twice') })
  const settings = postgresSettings(8 * 1024 ** 3)
  const rows = await query(server, `SELECT name, source FROM pg_settings WHERE source = 'command line'`)
  const set = rows.map(([name]) => String(name).toLowerCase())
  for (const name of Object.keys(settings)) assert.ok(set.includes(name), name)
  await server.stop()
})

test('sorting and case do not depend on the machine', async () => {
  const server = await start({ directory: join(scratch, 'twice') })
  const rows = await query(
    server,
    `SELECT lower('ÄÖÉ'), (SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,B,ä,a}'::text[]) x)`,
  )
  assert.deepEqual(rows, [['äöé', 'Babä']])
  await server.stop()
})

test('only the right password opens the TCP port', async () => {
  const server = await start({ directory: join(scratch, 'twice'), transport: 'tcp' })
  const url = new URL(server.connectionString)
  assert.equal(url.hostname, '127.0.0.1')
  assert.deepEqual(await query(server, 'SELECT id FROM note'), [[7]])
  url.password = 'wrong'
  await assert.rejects(query({ connectionString: url.href }, 'SELECT 1'), { code: '28P01' })
  url.username = 'postgres'
  await assert.rejects(query({ connectionString: url.href }, 'SELECT 1'), { code: '28000' })
  await server.stop()
})

for (const [what, name] of [
  ['too long for a socket', 'long-'.repeat(30)],
  ['with odd characters', `it's "a", b%2C %20c?&=#é`],
] as const) {
  test(`a data directory whose name is ${what}`, async () => {
    const server = await start({ directory: join(scratch, name) })
    assert.deepEqual(await query(server, 'SELECT 1'), [[1]])
    const socket = new URL(server.connectionString.replace('@/', '@none/')).searchParams.get('host') ?? ''
    assert.equal(dirname(socket) === tmpdir(), name.startsWith('long'), socket)
    await server.stop()
    const isLeft = await stat(socket).then(
      () => true,
      () => false,
    )
    assert.equal(isLeft, !name.startsWith('long'), 'a temporary directory goes')
  })
}

test('a start that fails says why and leaves nothing running', async () => {
  const directory = join(scratch, 'twice')
  await assert.rejects(start({ directory, settings: { shared_buffers: 'nonsense' } }), (error) => {
    assert.ok(error instanceof Error)
    assert.match(error.message, /did not start: the server ended before it was ready/)
    assert.match(error.message, /invalid value for parameter "shared_buffers": "nonsense"/)
    return true
  })
  await rm(join(directory, 'password'))
  await assert.rejects(start({ directory }), /password authentication failed/)
  if (onLinux) assert.deepEqual(await processesIn(join(directory, 'cluster')), [])
})

test('a making of the database that was cut off does not stop the next start', async () => {
  const directory = join(scratch, 'cut-off')
  const { child } = await startAndKill(directory, 250)
  await once(child, 'exit')
  await mkdir(join(directory, 'cluster.new-123456', 'base'), { recursive: true })
  await writeFile(join(directory, 'cluster.new-123456', 'PG_VERSION'), '18\n')
  const server = await start({ directory })
  assert.deepEqual(await query(server, 'SELECT 1'), [[1]])
  await server.stop()
  assert.ok((await readdir(directory)).every((name) => !name.startsWith('cluster.new-')))
})

/** Kills the child `afterMs` after the first sign of the new cluster: in the middle of initdb. */
async function startAndKill(directory: string, afterMs: number) {
  const starting = startInChild(directory).catch(() => null)
  while (!(await readdir(directory).catch(() => [])).some((name) => name.startsWith('cluster.new-')))
    await sleep(5)
  await sleep(afterMs)
  const child = children.at(-1)
  assert.ok(child)
  assert.ok(
    (await readdir(directory)).some((name) => name.startsWith('cluster.new-')),
    'it was faster than the kill',
  )
  child.kill('SIGKILL')
  void starting
  return { child }
}

describe('a Mailwright that was killed', () => {
  const directory = join(scratch, 'killed')

  test('takes PostgreSQL with it, and the next start finds what was committed', async () => {
    const { child, server } = await startInChild(directory)
    await query(server, 'CREATE TABLE note (id int PRIMARY KEY)')
    await query(server, 'INSERT INTO note VALUES (1)')
    child.kill('SIGKILL')
    await waitUntilGone(server.pid)
    const next = await start({ directory })
    assert.deepEqual(await query(next, 'SELECT id FROM note'), [[1]])
    await next.stop()
  })

  test('can be started again at once', async () => {
    const { child, server } = await startInChild(directory)
    await query(server, 'INSERT INTO note VALUES (2)')
    child.kill('SIGKILL')
    const next = await start({ directory })
    assert.deepEqual(await query(next, 'SELECT count(*)::int FROM note'), [[2]])
    await next.stop()
  })

  test('may leave PostgreSQL running all the same: the next start ends it', { skip: !onLinux }, async () => {
    const { child, server } = await startInChild(directory)
    const argv = (await readFile(`/proc/${server.pid}/cmdline`, 'utf8')).split('\0').slice(0, -1)
    const { uid, gid } = await stat(join(directory, 'cluster'))
    child.kill('SIGTERM')
    await once(child, 'exit')
    const [program = '', ...args] = argv
    const abandoned = spawn(program, args, { uid, gid, stdio: 'ignore', detached: true })
    children.push(abandoned)
    const pidFile = join(directory, 'cluster', 'postmaster.pid')
    while (!(await readFile(pidFile, 'utf8').catch(() => '')).includes('ready')) {
      assert.equal(abandoned.exitCode, null)
      await sleep(20)
    }
    const log: string[] = []
    const next = await start({ directory, onLog: (line) => log.push(line) })
    assert.ok(log.some((line) => line.startsWith(`stopping PostgreSQL (process ${abandoned.pid})`)))
    assert.deepEqual(await query(next, 'SELECT count(*)::int FROM note'), [[2]])
    await next.stop()
  })

  test('with everything else, and its process id went to another program', { skip: !onLinux }, async () => {
    const { child, server } = await startInChild(directory)
    await query(server, 'INSERT INTO note VALUES (3)')
    for (const pid of await processesIn(join(directory, 'cluster'))) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
    const pidFile = join(directory, 'cluster', 'postmaster.pid')
    const { uid, gid } = await stat(join(directory, 'cluster'))
    const other = spawn('sleep', ['30'], { uid, gid, stdio: 'ignore' })
    children.push(other)
    const content = await readFile(pidFile, 'utf8')
    await writeFile(pidFile, content.replace(/^\d+/, String(other.pid)))
    const next = await start({ directory })
    assert.deepEqual(await query(next, 'SELECT count(*)::int FROM note'), [[3]])
    assert.equal(other.exitCode, null)
    assert.equal(other.signalCode, null, 'the other program was left alone')
    await next.stop()
  })
})

test('a crash of PostgreSQL is told', async () => {
  const server = await start({ directory: join(scratch, 'killed') })
  process.kill(server.pid, 'SIGKILL')
  assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' })
  await server.stop()
})

/** What a process may be when it is called root. Below a directory of mode 0700, as /root has. */
const containerCapabilities =
  'chown,dac_override,fsetid,fowner,mknod,net_raw,setgid,setuid,setfcap,setpcap,net_bind_service,sys_chroot,kill,audit_write'
const kindsOfRoot: [name: string, wrapper: string[], how: RegExp][] = [
  ['root', ['env'], /with dac_read_search$/],
  [
    'root in a container',
    ['setpriv', '--inh-caps=-all', `--bounding-set=-all,+${containerCapabilities.replaceAll(',', ',+')}`],
    /with dac_override$/,
  ],
  ['root in name only', ['unshare', '--user', '--map-root-user'], /in a user namespace$/],
  [
    'a user without a name',
    ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups'],
    /in a user namespace$/,
  ],
]
describe('PostgreSQL, which refuses root, starts', () => {
  for (const [name, wrapper, how] of kindsOfRoot) {
    const works =
      isRoot &&
      onLinux &&
      spawnSync(wrapper[0] ?? '', [...wrapper.slice(1), 'unshare', '--user', 'true']).status === 0
    test(`for ${name}`, { skip: !works }, async () => {
      const home = await mkdtemp(join(scratch, 'home-'))
      if (name === 'a user without a name') spawnSync('chown', ['54321:54321', home])
      const { child, server, how: description } = await startInChild(join(home, 'postgres'), wrapper)
      assert.match(description ?? '', how)
      assert.deepEqual(await query(server, 'SELECT 1'), [[1]])
      assert.notEqual((await stat(`/proc/${server.pid}`)).uid === 0, name !== 'root in name only')
      // One that finds that server running, and cannot know its parent, ends it first.
      const next = await startInChild(join(home, 'postgres'), wrapper)
      assert.ok(!isAlive(server.pid))
      assert.deepEqual(await query(next.server, 'SELECT 1'), [[1]])
      child.kill('SIGKILL')
      next.child.kill('SIGKILL')
      await waitUntilGone(next.server.pid)
    })
  }

  test('also from programs that its account cannot reach', { skip: !isRoot || !onLinux }, async () => {
    const home = await mkdtemp(join(scratch, 'home-'))
    const { postgres } = await findPostgresBinaries()
    await cp(dirname(dirname(postgres)), join(home, 'native'), { recursive: true, verbatimSymlinks: true })
    const bin = join(home, 'native', 'bin')
    const binaries = { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') }
    const server = await start({ directory: join(home, 'postgres'), binaries })
    assert.deepEqual(await query(server, 'SELECT 1'), [[1]])
    await server.stop()
  })
})

test('a program that does not run here is refused with one sentence', async () => {
  const binaries = { postgres: '/bin/false', initdb: '/bin/false' }
  await assert.rejects(
    start({ directory: join(scratch, 'no-program'), binaries }),
    /^Error: The embedded PostgreSQL cannot be run here \(.*\); .*, or set DATABASE_URL to a PostgreSQL of your own\.$/,
  )
})
