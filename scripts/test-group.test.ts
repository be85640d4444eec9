import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

type Ended = { code: number; output: string }

/** Runs files of these texts as one group. */
async function runGroup(texts: readonly string[]): Promise<Ended> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-group-'))
  try {
    const files = texts.map((_, at) => join(directory, `file${at}.mjs`))
    await Promise.all(texts.map((text, at) => writeFile(files[at] ?? '', text)))
    const declare = pathToFileURL(join(import.meta.dirname, 'test-group.ts')).href
    const group = join(directory, 'group.mjs')
    await writeFile(
      group,
      `import { declareFiles } from '${declare}'\ndeclareFiles(${JSON.stringify(files)})`,
    )
    // Without the variable by which a test runner knows its children: this is a run of its own.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    return await new Promise((resolve) => {
      execFile(
        process.execPath,
        ['--test', '--test-timeout=2000', '--test-reporter=tap', group],
        { env },
        (error, stdout) => resolve({ code: error === null ? 0 : 1, output: stdout }),
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
  const { code, output } = await runGroup([file('one'), file('two'), show])
  const lives = ['one', 'two'].flatMap((name) =>
    ['import', 'before', 'each', 'test', 'after'].map((what) => `${what} ${name}`),
  )
  assert.match(output, new RegExp(`log:${lives.join()}\n`))
  assert.equal(code, 0)
})

const passes = `${head}test('the last', () => undefined)`

test('a file that cannot be imported fails, and those behind it run', async () => {
  const { code, output } = await runGroup([`${head}throw new Error('broken')`, passes])
  assert.equal(code, 1)
  assert.match(output, /not ok 1 - .*file0/)
  assert.match(output, /ok 1 - the last/)
})

test('a hook that fails ends its file alone', async () => {
  const broken = `${head}before(() => { throw new Error('broken') })\ntest('never runs', () => undefined)`
  const { code, output } = await runGroup([broken, passes])
  assert.equal(code, 1)
  assert.match(output, /not ok 1 - never runs/)
  assert.match(output, /ok 1 - the last/)
})

test('what waits for ever fails, and those behind it run', async () => {
  const { code, output } = await runGroup([
    `${head}test('hangs', () => new Promise(() => undefined))`,
    passes,
  ])
  assert.equal(code, 1)
  assert.match(output, /not ok 1 - hangs/)
  assert.match(output, /ok 1 - the last/)
})
