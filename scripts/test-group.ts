/**
 * Several test files in one process, one after the other: each is imported inside a test of its own, so that what it
 * declares, and its hooks, belong to that, and nothing that it starts meets the others.
 */
import { relative } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { repositoryRoot } from './sources.ts'

/** Declares the files at these absolute paths as tests, to be run by `node --test`. */
export function declareFiles(paths: readonly string[]): void {
  for (const path of paths) {
    test(relative(repositoryRoot, path), async () => {
      await import(pathToFileURL(path).href)
    })
  }
}
