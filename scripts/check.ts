/**
 * `npm run check`: lint, types and floors side by side, with the time of each. A check that fails shows all
 * that it printed; one that passes shows one line. Ends with code 1 if any of them fails.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { repositoryRoot } from './sources.ts'

type Check = { name: string; script: string; args: readonly string[] }
type Outcome = { check: Check; passed: boolean; seconds: number; output: string }

const checkMsMax = 120_000 // far above the usual seconds: only a tool that hangs meets it

/** Each script runs with the Node that runs this one. */
const checks: readonly Check[] = [
  {
    name: 'lint',
    script: 'node_modules/@biomejs/biome/bin/biome',
    args: ['check', '--error-on-warnings', '--max-diagnostics=100'],
  },
  { name: 'types', script: 'node_modules/typescript/bin/tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'floors', script: 'scripts/check-floors.ts', args: [] },
]

const startedAt = performance.now()
const outcomes = await Promise.all(checks.map(run))
for (const { check, passed, output } of outcomes) {
  if (!passed) console.log(`--- ${check.name}\n${output.trimEnd()}\n`)
}
for (const { check, passed, seconds } of outcomes) {
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${check.name.padEnd(6)} ${seconds.toFixed(1).padStart(6)} s`)
}
const passed = outcomes.every((outcome) => outcome.passed)
const totalSeconds = (performance.now() - startedAt) / 1000
console.log(`${passed ? 'ok  ' : 'FAIL'}  all    ${totalSeconds.toFixed(1).padStart(6)} s`)
process.exitCode = passed ? 0 : 1

/** Runs one tool to its end; a tool that cannot start or does not end has failed. */
function run(check: Check): Promise<Outcome> {
  const since = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(repositoryRoot, check.script), ...check.args], {
      cwd: repositoryRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: checkMsMax,
    })
    const pieces: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
    child.stderr.on('data', (piece: Buffer) => pieces.push(piece))
    const end = (ok: boolean, why = '') => {
      const seconds = (performance.now() - since) / 1000
      resolve({ check, passed: ok, seconds, output: Buffer.concat(pieces).toString('utf8') + why })
    }
    child.on('error', (error) => end(false, `${check.script} did not start: ${error.message}`))
    child.on('close', (code, signal) => {
      end(
        code === 0,
        signal === null ? '' : `\nended by ${signal} (at most ${checkMsMax / 1000} s are given)`,
      )
    })
  })
}
