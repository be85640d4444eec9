import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const logModule = new URL('./log.ts', import.meta.url).href

/** What a process of its own writes to standard error. */
async function logged(code: string): Promise<unknown[]> {
  const { stderr, stdout } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { createLogger } from ${JSON.stringify(logModule)}\n${code}`,
  ])
  assert.equal(stdout, '')
  return stderr.split('\n').flatMap((line): unknown[] => (line === '' ? [] : [JSON.parse(line)]))
}

test('one JSON line for each event, on standard error, from the level up, with secrets cut', async () => {
  const lines = await logged(`
    const log = createLogger('info')
    log.debug({ event: 'too.small' })
    log.info({ event: 'login', password: 'hunter2', user: { token: 'hunter2' }, config: { masterKey: 'hunter2' } })
    log.error({ event: 'job.failed', cause: new Error('outside', { cause: new Error('inside') }) })`)
  assert.equal(lines.length, 2)
  const [login, failed] = lines.map((line) => JSON.stringify(line))
  assert.doesNotMatch(login ?? '', /hunter2/)
  assert.match(login ?? '', /"time":"\d{4}-\d\d-\d\dT/)
  assert.equal(login?.match(/\[secret\]/g)?.length, 3)
  assert.match(failed ?? '', /outside: inside/)
})
