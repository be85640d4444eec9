/**
 * Processes of the embedded PostgreSQL: running its programs, ending them within bounds, and finding a server that an
 * earlier process left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeAbandonedSocketDirectory } from './postgres-endpoint.ts'
import type { Launcher } from './postgres-launcher.ts'

export type Exit = { code: number | null; signal: string | null }

/** Time for a fast shutdown, which writes a checkpoint; after it an immediate one, which the next start repairs. */
const fastShutdownMs = 10_000
const immediateShutdownMs = 10_000
const pollMs = 20

/** initdb takes half a second on an idle machine; slow disks make it wait for its final sync. */
const programRunMsMax = 120_000
const programOutputBytesMax = 64 * 1024

/** Starts `program` through the launcher. Its own process group keeps a Ctrl-C at the terminal away from it. */
export function spawnProgram(launcher: Launcher, program: string, args: readonly string[]): ChildProcess {
  const [command = program, ...rest] = [...launcher.prefix, program, ...args]
  return spawn(command, rest, {
    cwd: '/', // the present directory may be one that the account cannot enter
    detached: true,
    // No variable of ours, secret or PG*, reaches it.
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(launcher.spawnAs === null ? {} : { uid: launcher.spawnAs.uid, gid: launcher.spawnAs.gid }),
  })
}

/** Runs `program` to its end, with `input` on stdin. Gives its exit and both outputs; throws when it cannot start. */
export async function runProgram(
  launcher: Launcher,
  program: string,
  args: readonly string[],
  input = '',
): Promise<Exit & { output: string }> {
  const child = spawnProgram(launcher, program, args)
  let output = ''
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-programOutputBytesMax)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  child.stdin?.on('error', () => {}) // it may end without reading
  child.stdin?.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), programRunMsMax)
  try {
    const exit = await new Promise<Exit>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, signal }))
    })
    return { ...exit, output }
  } finally {
    clearTimeout(timer)
  }
}

/** Stops the server: fast, then immediately. Throws when it is still there after both. */
export async function stopServer(pid: number, hasEnded: () => Promise<boolean>): Promise<void> {
  sendSignal(pid, 'SIGINT')
  if (await becomesTrue(hasEnded, fastShutdownMs)) return
  sendSignal(pid, 'SIGQUIT')
  if (await becomesTrue(hasEnded, immediateShutdownMs)) return
  throw new Error(
    `PostgreSQL (process ${pid}) did not stop within ${fastShutdownMs + immediateShutdownMs} ms.`,
  )
}

/**
 * Makes way for a new server on `cluster`: ends a server that a killed Mailwright left running, and removes a
 * postmaster.pid whose number belongs to some other process by now, which PostgreSQL would take for a running server.
 * The caller holds the data directory's lock, so a server found here belongs to nobody.
 */
export async function clearAbandonedServer(cluster: string, onLog: (line: string) => void): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid')
  const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return
  const hasEnded = async () => (await serverProcesses(cluster, pid)).running.length === 0
  if ((await serverProcesses(cluster, pid)).running.includes(pid)) {
    onLog(`stopping PostgreSQL (process ${pid}), which an earlier Mailwright left running`)
    await stopServer(pid, hasEnded)
  } else if (!(await becomesTrue(hasEnded, immediateShutdownMs))) {
    // Without their postmaster the others end by themselves; two servers on the same files would destroy them.
    throw new Error(`Processes of an earlier PostgreSQL on ${cluster} are still running; end them first.`)
  }
  // Where any doubt is left, PostgreSQL's own checks decide, and they need the file.
  if (!(await serverProcesses(cluster, pid)).isCertain) return
  await rm(pidFile, { force: true })
  await removeAbandonedSocketDirectory(lines[4] ?? '') // the fifth line names it
}

type ServerProcesses = { running: number[]; isCertain: boolean }

/** The processes of the server on `cluster` whose postmaster was `pid`. */
async function serverProcesses(cluster: string, pid: number): Promise<ServerProcesses> {
  if (process.platform !== 'linux') {
    return { running: (await commandOf(pid)).includes(cluster) ? [pid] : [], isCertain: false }
  }
  const directory = await realpath(cluster)
  const numbers = (await readdir('/proc')).map(Number).filter(Number.isInteger)
  const answers = await Promise.all(numbers.map((number) => serves(number, cluster, directory)))
  return {
    running: numbers.filter((_, index) => answers[index] === 'yes'),
    isCertain: !answers.includes('unknown'),
  }
}

/** Linux: the postmaster and all its children are called postgres and work in the data directory. */
async function serves(pid: number, cluster: string, directory: string): Promise<'yes' | 'no' | 'unknown'> {
  try {
    if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() !== 'postgres') return 'no'
    return (await readlink(`/proc/${pid}/cwd`)) === directory ? 'yes' : 'no'
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) return 'no' // it has ended
  }
  // In a container root may not look at other users' processes that closely. Only the postmaster's command line,
  // which everyone sees, has the directory.
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
  return command.includes(cluster) ? 'yes' : 'unknown'
}

async function commandOf(pid: number): Promise<string> {
  const child = spawn('ps', ['-o', 'command=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  await new Promise((resolve) => child.once('error', resolve).once('close', resolve))
  return output
}

/**
 * For systems without `setpriv --pdeathsig`: a shell that waits on a pipe from this process and, when that breaks
 * because this process has died, stops the server. End it by closing its stdin after the server has ended.
 */
export function watchForOwnDeath(serverPid: number): { cancel(): void } {
  const shell = spawn('/bin/sh', ['-c', 'read -r word || kill -INT "$0"', String(serverPid)], {
    detached: true, // a Ctrl-C at the terminal is not our death
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return {
    cancel() {
      shell.stdin.end('over\n')
    },
  }
}

async function becomesTrue(condition: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs
  while (performance.now() < deadlineMs) {
    if (await condition()) return true
    await sleep(pollMs)
  }
  return false
}

function sendSignal(pid: number, signal: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return
    throw new Error(`PostgreSQL (process ${pid}) belongs to another user and cannot be stopped.`, {
      cause: error,
    })
  }
}
