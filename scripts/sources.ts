/** Reads the TypeScript files of the repository, for the checks that look at all of them. */
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

export const repositoryRoot = join(import.meta.dirname, '..')

/**
 * The text of every .ts and .tsx file below `folders`, by its path relative to `root`, in order of path.
 * A folder that does not exist has no files. Fixtures are data and left out.
 */
export async function readSources(
  folders: readonly string[],
  root = repositoryRoot,
): Promise<Map<string, string>> {
  const paths = (await Promise.all(folders.map((folder) => listSources(join(root, folder))))).flat().sort()
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')))
  return new Map(paths.map((path, at) => [relative(root, path).replaceAll(sep, '/'), texts[at] ?? '']))
}

async function listSources(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
  return entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/[\\/](node_modules|fixtures)[\\/]/.test(relative(folder, path)))
}
