/** The demo, run as a person runs it: it ends well, shows its table, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { repositoryRoot } from '../scripts/sources.ts'

const demoMsMax = 120_000

const tableRows = [
  /^ {2}Step +Count +Size +Time +Per s$/m,
  /^ {2}Start the server and its database +\d+\.\d\d s$/m,
  /^ {2}Make a workspace, connect demo\.test +\d+\.\d\d s$/m,
  /^ {2}Make 50 mailboxes in one call +50 mailboxes +\d+\.\d\d s +[\d,]+$/m,
  /^ {2}Fetch the password of each +50 passwords +\d+\.\d\d s +[\d,]+$/m,
  /^ {2}Deliver by SMTP, each to 10 mailboxes +27 messages +10\.\d MB +\d+\.\d\d s +[\d,]+$/m,
  /^ {2}Submit with a login over STARTTLS +1 message +0\.\d kB +\d+\.\d\d s$/m,
  /^ {2}Read back by IMAP and compare +271 messages +10\d\.\d MB +\d+\.\d\d s +[\d,]+$/m,
  /^ {2}Stop the server +\d+\.\d\d s$/m,
  /^ {2}Together +\d+\.\d\d s$/m,
]

test('the demo shows its table and leaves nothing behind', { timeout: demoMsMax }, async (t) => {
  const demo = await startDemo(t)
  const [code] = await once(demo.child, 'close')
  assert.equal(code, 0, demo.errors())
  assert.equal(demo.errors(), '')
  for (const row of tableRows) assert.match(demo.output(), row)
  assert.match(demo.output(), /^All 271 messages came back byte for byte as they were sent\.$/m)
  for (const program of ['curl', 'swaks', 'mutt'])
    assert.match(demo.output(), new RegExp(`^  ${program} `, 'm'))
  assert.ok(!demo.output().includes('\x1b'), 'no control sequences where nobody sees them')
  await assertNothingLeft(demo.temporary)
})

test('a demo that is interrupted leaves nothing behind', { timeout: demoMsMax }, async (t) => {
  const demo = await startDemo(t)
  while (!demo.output().includes('Make 50 mailboxes') && demo.child.exitCode === null) {
    await once(demo.child.stdout ?? demo.child, 'data')
  }
  demo.child.kill('SIGINT')
  const [code] = await once(demo.child, 'close')
  assert.equal(code, 1)
  assert.match(demo.errors(), /the demo was ended by SIGINT/)
  await assertNothingLeft(demo.temporary)
})

test('the demo cleans up when nobody reads what it prints', { timeout: 120_000 }, async (t) => {
  const demo = await startDemo(t)
  demo.child.stdout?.destroy()
  const [code] = await once(demo.child, 'close')
  assert.equal(code, 1)
  await assertNothingLeft(demo.temporary)
})

type Demo = { child: ChildProcess; temporary: string; output(): string; errors(): string }

/** In an empty directory, with a directory of its own for temporary files. */
async function startDemo(t: TestContext): Promise<Demo> {
  const [cwd, temporary] = await Promise.all([temporaryDirectory(t), temporaryDirectory(t)])
  const child = spawn(process.execPath, [join(repositoryRoot, 'src/main.ts'), 'demo'], {
    cwd,
    env: { PATH: process.env['PATH'], TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill())
  const output = collect(child.stdout)
  const errors = collect(child.stderr)
  return { child, temporary, output, errors }
}

async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mailwright-test-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  return () => text
}

async function assertNothingLeft(temporary: string): Promise<void> {
  assert.deepEqual(await readdir(temporary), [])
  assert.deepEqual(await processesThatName(temporary), [])
}

/** The processes whose command line or environment has this path. Only Linux tells. */
async function processesThatName(path: string): Promise<string[]> {
  const found: string[] = []
  for (const id of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(id)) continue
    for (const file of ['cmdline', 'environ']) {
      const text = await readFile(`/proc/${id}/${file}`, 'utf8').catch(() => '') // it may have ended by now
      if (text.includes(path)) found.push(`${id}: ${text}`)
    }
  }
  return found
}
