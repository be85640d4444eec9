/**
 * Several test files in one process, one after the other: each is imported inside a test of its own, so that what it
 * declares, and its hooks, belong to that, and nothing that it starts meets the others.
 */
import { closeSync, existsSync, openSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { repositoryRoot } from './sources.ts'

/**
 * Takes files from the front of a queue that several processes share, and runs them as tests of `node --test`, until
 * none is left or this process had its part.
 * @param paths absolute, the same in each process.
 * @param claims a directory that the processes share: an empty file in it says that a path is taken, one with a word
 * that it was run to its end.
 * @param most how many files this process takes.
 */
export async function runFromQueue(paths: readonly string[], claims: string, most: number): Promise<void> {
  // CI judges a commit: the same commit the same way. New cases are looked for by every run elsewhere.
  if (process.env['CI'] !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 })
  // Without it a test that waits for nothing more would end the process, and the files behind it with it.
  const awake = setInterval(() => undefined, 2 ** 30)
  let taken = 0
  for (const path of paths) {
    if (taken === most) break
    const claimed = claimOf(path, claims)
    if (!claim(claimed)) continue
    taken += 1
    await test(nameOf(path), async () => {
      await import(pathToFileURL(path).href)
    })
    writeFileSync(claimed, 'ended')
  }
  clearInterval(awake)
}

/**
 * A test that ends its process, with whatever code, takes the rest of its file and all behind it along, and `node --test`
 * sees no failure where the code is 0.
 * @returns those that were not run to their end, by name.
 */
export function leftUnrun(paths: readonly string[], claims: string): string[] {
  const hasEnded = (file: string): boolean => existsSync(file) && statSync(file).size > 0
  return paths.filter((path) => !hasEnded(claimOf(path, claims))).map(nameOf)
}

function nameOf(path: string): string {
  return relative(repositoryRoot, path)
}

function claimOf(path: string, claims: string): string {
  return join(claims, encodeURIComponent(nameOf(path)))
}

/** @returns whether it is ours: the first to make the file has it. */
function claim(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx'))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}
