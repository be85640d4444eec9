/** Programs of others that tests use. Where one is absent the test is skipped with a word; in CI it fails. */
import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/**
 * Skips the test when a program is not installed.
 * @returns whether the test goes on.
 * @throws with MAILWRIGHT_TEST_REQUIRE_PROGRAMS=1, as in CI: there nothing may be skipped.
 */
export function requireProgram(t: TestContext, name: string): boolean {
  if (isInstalled(name)) return true
  const sentence = `${name} is not installed`
  if (process.env['MAILWRIGHT_TEST_REQUIRE_PROGRAMS'] === '1') throw new Error(sentence)
  t.skip(sentence)
  return false
}

function isInstalled(name: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
