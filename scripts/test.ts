/**
 * `npm test`: runs test files by `node --test`, several to a process (test-queue.ts), as the import of the program and
 * the first start of a server cost more than most files take. Patterns name the files; options go to Node.
 * One file by itself needs none of this: `node --test FILE`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryRoot } from './sources.ts'
import { filesPerProcess, planTests } from './test-plan.ts'
import { leftUnrun } from './test-queue.ts'

const patterns = process.argv.slice(2).filter((one) => !one.startsWith('-'))
const options = process.argv.slice(2).filter((one) => one.startsWith('-'))

const paths = globSync(patterns, { cwd: repositoryRoot }).map((path) => path.replaceAll(sep, '/'))
for (const pattern of patterns) {
  if (globSync(pattern, { cwd: repositoryRoot }).length === 0)
    throw new Error(`no test file matches ${pattern}`)
}
const sources = new Map(paths.map((path) => [path, readFileSync(join(repositoryRoot, path), 'utf8')]))

const scratch = mkdtempSync(join(tmpdir(), 'mailwright-tests-'))
try {
  const { alone, shared } = planTests(sources)
  const processes = [
    ...alone.map((path) => [path]),
    ...Array.from({ length: Math.ceil(shared.length / filesPerProcess) }, () => shared),
  ]
  const claims = join(scratch, 'claims')
  mkdirSync(claims)
  const files = processes.map((queue, at) => {
    const file = join(scratch, `${String(at).padStart(4, '0')}.mjs`) // Node starts them in the order of their names
    writeFileSync(file, processSource(queue, claims))
    return file
  })
  process.exitCode = await runNode(files)
  const left = leftUnrun(paths.map(absolute), claims)
  if (process.exitCode === 0 && left.length > 0) {
    console.error(`FAILED: not run to their end: ${left.join(', ')}`)
    process.exitCode = 1
  }
} finally {
  rmSync(scratch, { recursive: true })
}

function absolute(path: string): string {
  return join(repositoryRoot, path)
}

function processSource(queue: readonly string[], claims: string): string {
  const runner = pathToFileURL(join(import.meta.dirname, 'test-queue.ts')).href
  const parameters = [queue.map(absolute), claims, filesPerProcess]
  const literals = parameters.map((one) => JSON.stringify(one)).join(', ')
  return `import { runFromQueue } from ${JSON.stringify(runner)}\nawait runFromQueue(${literals})\n`
}

/** @returns the code to end with. */
async function runNode(files: readonly string[]): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-global-setup=src/testing/global-setup.ts',
      '--test-concurrency=3',
      '--test-timeout=900000',
      ...options,
      ...files,
    ],
    {
      cwd: repositoryRoot,
      stdio: 'inherit',
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: join(repositoryRoot, 'node_modules/.cache/node'),
      },
    },
  )
  // Ctrl-C reaches the child as well, which ends its tests and the database server before it goes.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  await once(child, 'close')
  return child.exitCode ?? 1
}
