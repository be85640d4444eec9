/** How a PostgreSQL program is run: what postgres-account.ts chooses and postgres-process.ts uses. */

export type Launcher = {
  /** What goes before the program's own path on the command line. */
  prefix: readonly string[]
  /** The account that Node itself switches to, where no helper program does it. */
  spawnAs: Account | null
  /** Who must own the files. */
  owner: Account
  /** The kernel stops the program when this process dies in any way. */
  endsWithParent: boolean
  /** For the log. */
  description: string
}

export type Account = { uid: number; gid: number }
