/**
 * The data directory: it is made with safe modes, held by one process at a time, and keeps small secret files.
 *
 * The lock is an exclusive transaction on an empty SQLite file, because that is the one operating-system lock
 * that Node offers: the kernel grants it to one process, also when two ask at the same moment, and takes it back
 * when the process dies in any way. Nothing has to be cleaned up and no process id has to be trusted.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export type DataDirectory = {
  /** Absolute. */
  path: string
  /** Gives the directory free for the next process. May be called more than once. */
  release(): Promise<void>
}

/** Another process holds the data directory. The message is one sentence for the person at the terminal. */
export class DataDirectoryInUse extends Error {
  readonly directory: string
  /** null while the holder has not written its process id yet. */
  readonly holderPid: number | null

  constructor(directory: string, holderPid: number | null) {
    const holder = holderPid === null ? 'another process' : `the process ${holderPid}`
    super(
      `The data directory ${directory} is in use by ${holder}; stop it first, or choose another directory.`,
    )
    this.name = 'DataDirectoryInUse'
    this.directory = directory
    this.holderPid = holderPid
  }
}

/** SQLITE_BUSY: the lock is held elsewhere. https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5

/**
 * Makes the directory when it is missing and takes its lock. Throws DataDirectoryInUse when it is taken.
 * Under root a new directory gets mode 0711, so that the account which runs PostgreSQL can reach its own files
 * below it; otherwise 0700. The mode of an existing directory is its owner's choice and stays.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const directory = resolve(path)
  await makeDirectory(directory, process.getuid?.() === 0 ? 0o711 : 0o700)
  const pidFile = join(directory, 'mailwright.pid')
  const lock = takeLock(join(directory, 'mailwright.lock'))
  if (lock === 'taken') throw new DataDirectoryInUse(directory, await readPid(pidFile))
  try {
    await writeFileDurably(pidFile, `${process.pid}\n`)
  } catch (error) {
    lock.close()
    throw error
  }
  return {
    path: directory,
    async release() {
      if (!lock.isOpen) return
      await rm(pidFile, { force: true })
      lock.close()
    },
  }
}

/**
 * The trimmed content of a secret file. A missing file is first made, with mode 0600, from what `make` returns;
 * whoever makes it first wins, and an existing file is never written again.
 */
export async function readOrCreateSecretFile(path: string, make: () => string): Promise<string> {
  const existing = await readIfPresent(path)
  if (existing === null) await createFileDurably(path, `${make()}\n`)
  const secret = (existing ?? (await readFile(path, 'utf8'))).trim()
  if (secret === '') throw new Error(`The secret file ${path} is empty; restore it from a backup.`)
  return secret
}

/** Replaces the file in one step that survives a crash: either the old or the new content is there. Mode 0600. */
export async function writeFileDurably(path: string, content: string, mode = 0o600): Promise<void> {
  const temporary = await writeTemporary(path, content, mode)
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

function takeLock(file: string): DatabaseSync | 'taken' {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) return 'taken'
    throw new Error(`The file ${file} cannot be locked; is the data directory on a local disk?`, {
      cause: error,
    })
  }
}

async function readPid(pidFile: string): Promise<number | null> {
  const pid = Number((await readIfPresent(pidFile))?.trim())
  return Number.isInteger(pid) && pid > 0 ? pid : null
}

/** Unlike a rename, a hard link does not replace a file that another process made in the meantime. */
async function createFileDurably(path: string, content: string): Promise<void> {
  const temporary = await writeTemporary(path, content, 0o600)
  try {
    await link(temporary, path)
  } catch (error) {
    if (hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS'))
      await rename(temporary, path) // no hard links here (exFAT)
    else if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(path))
}

async function writeTemporary(path: string, content: string, mode: number): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const file = await open(temporary, 'wx', mode)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  return temporary
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** As mkdir with `recursive`, which never ends where a file system answers ENOENT below a directory (procfs). */
async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EEXIST' && (await isDirectory(path))) return
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path || (await isDirectory(parent))) {
      throw new Error(`the data directory ${path} cannot be made`, { cause: error })
    }
    await makeDirectory(parent, mode)
    await makeDirectory(path, mode)
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
