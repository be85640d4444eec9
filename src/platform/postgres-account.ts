/**
 * Chooses how PostgreSQL is started: under which account and through which helper programs.
 *
 * PostgreSQL refuses to run as root, so under root it runs as the account `postgres` or `nobody`. That account often
 * cannot reach files below a directory like /root; then it is lent the one capability to look into directories.
 * Where the process is root in name only (a container or sandbox that maps no second user), a user namespace in
 * which root has another number does it. Which of these work cannot be told from the outside, so they are tried.
 */
import { chown, lstat, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Account, Launcher } from './postgres-launcher.ts'
import { runProgram } from './postgres-process.ts'

/** Accounts in /etc/passwd that PostgreSQL may run as under root, best first. */
const accountNames = ['postgres', 'nobody'] as const

/**
 * The first way of starting `program` that works here, tried with a small script that needs what PostgreSQL needs: a
 * named account that is not root, a private directory below `directory`, and the program with its libraries. Throws
 * one sentence when none does; the reasons are its `cause`. `clusterOwner` is the owner of an existing database, and
 * keeps being it. `uid` and `gid` are those of this process.
 */
export async function chooseLauncher(options: {
  directory: string
  program: string
  clusterOwner: Account | null
  uid: number
  gid: number
}): Promise<Launcher> {
  const self: Account = { uid: options.uid, gid: options.gid }
  const accounts = await readAccounts()
  const launchers =
    self.uid === 0 ? launchersForRoot(options.clusterOwner, accounts) : launchersForUser(self, accounts)
  const failures: string[] = []
  for (const launcher of launchers) {
    const failure = await tryLauncher(launcher, options)
    if (failure === null) return launcher
    failures.push(`${launcher.description}: ${failure}`)
  }
  const advice =
    self.uid === 0 ? 'start Mailwright as an ordinary user' : 'check that this is a Linux with glibc or a Mac'
  throw new Error(
    `The embedded PostgreSQL cannot be run here (${failures[0]}); ${advice}, or set DATABASE_URL to a PostgreSQL of your own.`,
    { cause: failures.join('\n') },
  )
}

/** Gives the directory and everything in it to `owner`. Links are not followed. The directory itself comes last. */
export async function giveTreeTo(owner: Account, directory: string): Promise<void> {
  const { uid } = await stat(directory)
  if (uid === owner.uid) return
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    await chown(join(entry.parentPath, entry.name), owner.uid, owner.gid)
  }
  await chown(directory, owner.uid, owner.gid)
}

/** The owner of the path, or null when there is no such path. */
export async function ownerOf(path: string): Promise<Account | null> {
  try {
    const { uid, gid } = await lstat(path)
    return { uid, gid }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

function launchersForUser(self: Account, accounts: NamedAccount[]): Launcher[] {
  const launchers: Launcher[] = [
    {
      prefix: ['setpriv', ...dieWithParent, '--'],
      spawnAs: null,
      owner: self,
      endsWithParent: true,
      description: 'as this user',
    },
    {
      prefix: [],
      spawnAs: null,
      owner: self,
      endsWithParent: false,
      description: 'as this user, without setpriv',
    },
  ]
  // initdb refuses a user without a name, as `docker run --user 12345` makes one.
  return [...launchers, ...accounts.slice(0, 1).map((account) => inUserNamespace(self, account))]
}

function launchersForRoot(clusterOwner: Account | null, accounts: NamedAccount[]): Launcher[] {
  const keeper = clusterOwner !== null && clusterOwner.uid !== 0 ? clusterOwner : accounts[0]
  const owner = accounts.find((account) => account.uid === keeper?.uid) ?? nameless(keeper)
  if (owner === undefined) return []
  return [
    asAccount(owner, null),
    asAccount(owner, 'dac_read_search'), // look into any directory, read any file
    asAccount(owner, 'dac_override'), // containers have this one; it can write any file too
    {
      prefix: [],
      spawnAs: { uid: owner.uid, gid: owner.gid },
      owner: { uid: owner.uid, gid: owner.gid },
      endsWithParent: false,
      description: `as ${owner.name}, without setpriv`,
    },
    inUserNamespace({ uid: 0, gid: 0 }, accounts[0] ?? owner),
  ]
}

function nameless(account: Account | undefined): NamedAccount | undefined {
  return account && { ...account, name: `user ${account.uid}` }
}

/** `setpriv` sets this after the switch of the account, which would clear it. SIGINT is a fast shutdown. */
const dieWithParent = ['--pdeathsig', 'INT'] as const

function asAccount(account: NamedAccount, capability: 'dac_read_search' | 'dac_override' | null): Launcher {
  const capabilities = capability === null ? '-all' : `-all,+${capability}`
  return {
    prefix: [
      'setpriv',
      `--reuid=${account.uid}`,
      `--regid=${account.gid}`,
      '--clear-groups',
      `--inh-caps=${capabilities}`,
      ...(capability === null
        ? []
        : [
            `--ambient-caps=${capabilities}`,
            // Without this, access(2), with which PostgreSQL checks its own program, ignores capabilities.
            '--securebits=+no_setuid_fixup',
          ]),
      `--bounding-set=${capabilities}`,
      '--no-new-privs',
      ...dieWithParent,
      '--',
    ],
    spawnAs: null,
    owner: { uid: account.uid, gid: account.gid },
    endsWithParent: true,
    description: `as ${account.name}${capability === null ? '' : ` with ${capability}`}`,
  }
}

function inUserNamespace(self: Account, account: NamedAccount): Launcher {
  const map = [`--map-user=${account.uid}`, `--map-group=${account.gid}`]
  return {
    prefix: ['unshare', '--user', ...map, '--', 'setpriv', '--no-new-privs', ...dieWithParent, '--'],
    spawnAs: null,
    owner: self,
    endsWithParent: true,
    description: 'in a user namespace',
  }
}

// [ -x ] asks access(2), as PostgreSQL does about its own program.
const tryScript =
  '[ "$(id -u)" != 0 ] && id -un >/dev/null && cd "$1" && [ -w . ] && [ -x "$0" ] && exec "$0" --version'

async function tryLauncher(
  launcher: Launcher,
  options: { directory: string; program: string },
): Promise<string | null> {
  const probe = await mkdtemp(join(options.directory, 'probe-'))
  try {
    await chown(probe, launcher.owner.uid, launcher.owner.gid)
    const result = await runProgram(launcher, '/bin/sh', ['-c', tryScript, options.program, probe])
    return result.code === 0 ? null : result.output.trim().split('\n')[0] || `exit code ${result.code}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await rm(probe, { recursive: true, force: true })
  }
}

type NamedAccount = Account & { name: string }

/** passwd(5): name, password, user id, group id, and more. */
async function readAccounts(): Promise<NamedAccount[]> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n')
  return accountNames.flatMap((wanted) => {
    const [name, , uid, gid] = lines.find((line) => line.startsWith(`${wanted}:`))?.split(':') ?? []
    const account = { name: name ?? '', uid: Number(uid), gid: Number(gid) }
    return Number.isInteger(account.uid) && Number.isInteger(account.gid) && account.uid > 0 ? [account] : []
  })
}
