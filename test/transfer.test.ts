/** `mailwright export`, `import` and `copy`, as a person runs them beside the running server. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import {
  type ChildServer,
  callApi,
  mailwrightProgram,
  startChildServer,
} from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { temporaryDirectory } from '../src/testing/test-database.ts'

const run = promisify(execFile)

let stack: AsyncDisposableStack
let server: ChildServer
let directory: string
let data: string
before(async () => {
  stack = new AsyncDisposableStack()
  directory = await temporaryDirectory(stack)
  data = join(directory, 'data')
  await mkdir(data)
  server = stack.use(await startChildServer(data))
  await callApi(server, 'POST', '/v1/domains', { name: 'demo.test' })
  for (const name of ['ann', 'bob', 'cleo', 'dora']) {
    await callApi(server, 'POST', '/v1/mailboxes', { address: `${name}@demo.test` })
  }
  const client = await connectImap(server, 'ann@demo.test')
  await client.mailboxCreate('Archive/2025')
  for (let n = 1; n <= 3; n++)
    await client.append('INBOX', `Subject: ${n}\r\n\r\nFrom me ${n}\r\n`, n === 2 ? ['\\Seen', '$Work'] : [])
  await client.append(
    'Archive/2025',
    'Subject: old\r\n\r\nOld\r\n',
    ['\\Flagged'],
    new Date('2025-05-05T05:05:05Z'),
  )
  await client.logout()
})
after(() => stack.disposeAsync())

async function mailwright(...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory, MAILWRIGHT_DATA_DIR: data }
  const { stderr } = await run(mailwrightProgram, args, { env, timeout: 60_000 })
  return stderr
}

async function contentsOf(address: string): Promise<string[]> {
  const client = await connectImap(server, address)
  const found: string[] = []
  for (const path of ['Archive/2025', 'INBOX']) {
    const lock = await client.getMailboxLock(path)
    for await (const { envelope, flags, internalDate } of client.fetch('1:*', {
      envelope: true,
      flags: true,
      internalDate: true,
    })) {
      const marks = [...(flags ?? [])].filter((flag) => flag !== '\\Recent').sort()
      const year = new Date(internalDate ?? 0).getUTCFullYear()
      found.push([path, envelope?.subject, year === 2025 ? '2025' : 'now', ...marks].join(' '))
    }
    lock.release()
  }
  await client.logout()
  return found
}

const all = ['Archive/2025 old 2025 \\Flagged', 'INBOX 1 now', 'INBOX 2 now $Work \\Seen', 'INBOX 3 now']

for (const [format, to] of [
  ['zip', 'bob'],
  ['mbox', 'cleo'],
  ['maildir', 'dora'],
] as const) {
  test(`${format}: out of one mailbox and into another`, async () => {
    const path = join(directory, `ann.${format}`)
    assert.match(
      await mailwright('export', 'ann@demo.test', path, '--format', format),
      /^4 messages, 0\.0 MB in /m,
    )
    assert.match(await mailwright('import', `${to}@demo.test`, path), /^4 messages/m)
    assert.deepEqual(await contentsOf(`${to}@demo.test`), all)
  })
}

/** Counts messages and collects flags, by the readers of Python's library. */
const pythonReader = `
import mailbox, sys
for box in (mailbox.mbox(sys.argv[1] + '/INBOX.mbox'), mailbox.Maildir(sys.argv[2], factory=None)):
    print(sorted((m['Subject'], m.get_flags(), m.get_payload().strip()) for m in box))
print(mailbox.Maildir(sys.argv[2], factory=None).list_folders())`

test('Python reads the mbox and the Maildir', async (t) => {
  if (!requireProgram(t, 'python3')) return
  const paths = [join(directory, 'ann.mbox'), join(directory, 'ann.maildir')]
  const { stdout } = await run('python3', ['-c', pythonReader, ...paths])
  const [mbox, maildir, folders] = stdout.split('\n')
  assert.equal(mbox, "[('1', 'O', '>From me 1'), ('2', 'RO', '>From me 2'), ('3', 'O', '>From me 3')]")
  assert.equal(maildir, "[('1', '', 'From me 1'), ('2', 'Sa', 'From me 2'), ('3', '', 'From me 3')]")
  assert.match(folders ?? '', /'Archive\.2025'/)
})

test('copy brings a mailbox from another server, here our own', async () => {
  await callApi(server, 'POST', '/v1/mailboxes', { address: 'eve@demo.test' })
  const { password } = await callApi<{ password: string }>(
    server,
    'GET',
    '/v1/mailboxes/ann@demo.test/credentials',
  )
  const file = join(directory, 'password')
  await writeFile(file, `${password}\n`)
  const from = `imap://ann%40demo.test@${server.endpoints.imap}`
  const said = await mailwright(
    'copy',
    'eve@demo.test',
    from,
    '--password-file',
    file,
    '--accept-any-certificate',
  )
  assert.match(said, /^4 messages/m)
  assert.deepEqual(await contentsOf('eve@demo.test'), all)
})

for (const [what, args, says] of [
  [
    'a mailbox that is not there',
    ['export', 'nobody@demo.test', 'x'],
    /There is no mailbox nobody@demo\.test/,
  ],
  ['a path that is not there', ['import', 'ann@demo.test', 'no-such-file'], /no-such-file is not there/],
  [
    'a password in the URL',
    ['copy', 'ann@demo.test', 'imaps://a:b@demo.test', '--password-file', 'x'],
    /does not belong on the command line/,
  ],
] as const) {
  test(`${what} is told in one sentence`, async () => {
    await assert.rejects(mailwright(...args), (error: Error & { stderr?: string; code?: number }) => {
      assert.match(error.stderr ?? '', says)
      assert.doesNotMatch(error.stderr ?? '', /at .*\.ts:/)
      return error.code === 1
    })
  })
}
