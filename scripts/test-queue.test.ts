import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { leftUnrun } from './test-queue.ts'

type Ended = { code: number; output: string; left: number[] }

/**
 * Runs files of these texts, by as many processes as there are in `most`: how many files each takes at most.
 * @returns also which of the files were not run to their end.
 */
async function runQueue(
  texts: readonly string[],
  most: readonly number[] = [texts.length],
  more: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-queue-'))
  try {
    const files = texts.map((_, at) => join(directory, `file${at}.mjs`))
    await Promise.all(texts.map((text, at) => writeFile(files[at] ?? '', text)))
    const runner = pathToFileURL(join(import.meta.dirname, 'test-queue.ts')).href
    const claims = join(directory, 'claims')
    await mkdir(claims)
    const processes = most.map((_, at) => join(directory, `process${at}.mjs`))
    await Promise.all(
      processes.map((process, at) =>
        writeFile(
          process,
          `import { runFromQueue } from '${runner}'
          await runFromQueue(${JSON.stringify(files)}, ${JSON.stringify(claims)}, ${most[at]})`,
        ),
      ),
    )
    // Without the variable by which a test runner knows its children: this is a run of its own.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    return await new Promise((resolve) => {
      execFile(
        process.execPath,
        ['--test', '--test-timeout=2000', '--test-reporter=tap', ...processes],
        { env: { ...env, ...more } },
        (error, stdout) => {
          const unrun = leftUnrun(files, claims).map((name) => basename(name))
          const left = texts.flatMap((_, at) => (unrun.includes(`file${at}.mjs`) ? [at] : []))
          resolve({ code: error === null ? 0 : 1, output: stdout, left })
        },
      )
    })
  } finally {
    await rm(directory, { recursive: true })
  }
}

const head = "import { after, before, beforeEach, test } from 'node:test'\n"

test('a file is imported when the one before it has ended, and its hooks are its own', async () => {
  const log = 'globalThis.log ??= []\n'
  const file = (name: string) =>
    `${head}${log}log.push('import ${name}')
    before(() => log.push('before ${name}'))
    after(() => log.push('after ${name}'))
    beforeEach(() => log.push('each ${name}'))
    test('${name}', () => { log.push('test ${name}') })`
  const show = `${head}test('shows', () => { console.log('log:' + log.join()) })`
  const { code, output } = await runQueue([file('one'), file('two'), show])
  const lives = ['one', 'two'].flatMap((name) =>
    ['import', 'before', 'each', 'test', 'after'].map((what) => `${what} ${name}`),
  )
  assert.match(output, new RegExp(`log:${lives.join()}\n`))
  assert.equal(code, 0)
})

const passes = `${head}test('the last', () => undefined)`

test('a file that cannot be imported fails, and those behind it run', async () => {
  const { code, output } = await runQueue([`${head}throw new Error('broken')`, passes])
  assert.equal(code, 1)
  assert.match(output, /not ok 1 - .*file0/)
  assert.match(output, /ok 1 - the last/)
})

test('a hook that fails ends its file alone', async () => {
  const broken = `${head}before(() => { throw new Error('broken') })\ntest('never runs', () => undefined)`
  const { code, output } = await runQueue([broken, passes])
  assert.equal(code, 1)
  assert.match(output, /not ok 1 - never runs/)
  assert.match(output, /ok 1 - the last/)
})

test('what waits for ever fails, and those behind it run', async () => {
  const { code, output } = await runQueue([
    `${head}test('hangs', () => new Promise(() => undefined))`,
    passes,
  ])
  assert.equal(code, 1)
  assert.match(output, /not ok 1 - hangs/)
  assert.match(output, /ok 1 - the last/)
})

test('a process takes no more than its part, and no file is taken twice', async () => {
  const texts = Array.from(
    { length: 5 },
    (_, at) => `${head}test('file ${at}', () => { console.log('ran: ${at} in ' + process.pid) })`,
  )
  const { code, output, left } = await runQueue(texts, [2, 2, 2])
  assert.equal(code, 0)
  assert.deepEqual(left, [])
  const ran = [...output.matchAll(/ran: (\d) in (\d+)/g)]
  assert.deepEqual(ran.map(([, at]) => at).sort(), ['0', '1', '2', '3', '4'])
  const parts = Map.groupBy(ran, ([, , pid]) => pid)
  for (const part of parts.values()) assert.ok(part.length <= 2)
})

test('a file that ends its process without an error is told, and those behind it', async () => {
  const ends = `${head}test('ends', () => process.exit(0))`
  assert.deepEqual((await runQueue([passes, ends, passes])).left, [1, 2])
  assert.deepEqual((await runQueue([passes, ends])).left, [1])
})

test('in CI the cases of properties are the same every time', async () => {
  const fastCheck = import.meta.resolve('fast-check')
  const draws = `${head}import fc from '${fastCheck}'
    test('draws', () => { console.log('drawn: ' + fc.sample(fc.nat(), fc.readConfigureGlobal()).join()) })`
  const drawn = async (): Promise<string> => {
    const { output } = await runQueue([draws], [1], { CI: 'true' })
    return /drawn: [\d,]+/.exec(output)?.[0] ?? assert.fail(output)
  }
  assert.equal(await drawn(), await drawn())
})
