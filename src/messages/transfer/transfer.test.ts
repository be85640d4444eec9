import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { temporaryDirectory } from '../../testing/test-database.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { flagBits } from '../flags.ts'
import { readEmlZip, writeEmlZip } from './eml-zip.ts'
import { exportMailbox } from './export.ts'
import { importItems } from './import.ts'
import { readMaildir, writeMaildir } from './maildir.ts'
import { readMbox } from './mbox-reader.ts'
import { writeMbox } from './mbox-writer.ts'
import type { TransferItem } from './transfer-item.ts'

type Told = {
  folder: string
  flags: number
  keywords: readonly string[]
  internalDate: string | undefined
  text: string
}

let t: TestPlatform
let stack: AsyncDisposableStack
let directory: string
before(async () => {
  stack = new AsyncDisposableStack()
  t = stack.use(await startTestPlatform())
  directory = await temporaryDirectory(stack)
})
after(() => stack.disposeAsync())

async function* itemsOf(
  told: readonly Told[],
  folders: readonly string[],
): AsyncGenerator<TransferItem, void> {
  for (const path of folders) {
    yield { kind: 'folder', path }
    for (const { text, internalDate, ...marks } of told.filter(({ folder }) => folder === path)) {
      const content = (async function* () {
        for (let at = 0; at < text.length; at += 1000) yield Buffer.from(text.slice(at, at + 1000), 'latin1')
      })()
      yield { kind: 'message', ...marks, internalDate: new Date(internalDate ?? 0), content }
    }
  }
}

async function tell(items: AsyncIterable<TransferItem>): Promise<{ folders: string[]; messages: Told[] }> {
  const folders: string[] = []
  const messages: Told[] = []
  for await (const item of items) {
    if (item.kind === 'folder') folders.push(item.path)
    else {
      const pieces: Buffer[] = []
      for await (const piece of item.content) pieces.push(piece)
      messages.push({
        folder: item.folder,
        flags: item.flags,
        keywords: item.keywords,
        internalDate: item.internalDate?.toISOString(),
        text: Buffer.concat(pieces).toString('latin1'),
      })
    }
  }
  return { folders, messages }
}

const header = 'From: ann@demo.test\r\nSubject: one\r\n\r\n'
const message = (text: string, more: Partial<Told> = {}): Told => ({
  folder: 'INBOX',
  flags: 0,
  keywords: [],
  internalDate: '2026-03-01T10:00:00.000Z',
  text: header + text,
  ...more,
})

const awkward: Told[] = [
  message('plain\r\n'),
  message('From the start of a line\r\n>From quoted\r\n>>From twice\r\n\r\nFrom behind an empty line\r\n'),
  message('ends in empty lines\r\n\r\n\r\n'),
  message('all flags\r\n', {
    flags: 31,
    keywords: ['$Work', '$Later'],
    internalDate: '1999-12-31T23:59:58.000Z',
  }),
  message('one\r\n', { flags: flagBits.flagged }),
  message(`${'a long line '.repeat(20_000)}\r\n${'many lines\r\n'.repeat(60_000)}`),
  message('caf\xe9 in latin-1\r\n', { folder: 'Archive/2024 Q1.final', keywords: ['$Work'] }),
  message('odd name\r\n', { folder: 'Grüße/日本語 & 100: "x"?' }),
  message('hidden name\r\n', { folder: '.dot/...' }),
]
const folders = [
  'INBOX',
  'Archive',
  'Archive/2024 Q1.final',
  'Grüße',
  'Grüße/日本語 & 100: "x"?',
  '.dot',
  '.dot/...',
  'Empty',
]

const formats = [
  ['mbox', writeMbox, (path: string) => readMbox(path, 'INBOX')],
  ['maildir', writeMaildir, readMaildir],
  ['zip', writeEmlZip, (path: string) => readEmlZip(path, 'INBOX')],
] as const

for (const [name, write, read] of formats) {
  describe(`${name}, out of one mailbox and into another`, () => {
    let from: TestMailbox
    let to: TestMailbox
    const path = (): string => join(directory, `whole-${name}`)

    test('writes all', async () => {
      from = await t.createMailbox()
      const summary = await importItems(t.platform, from.owner, itemsOf(awkward, folders))
      assert.equal(summary.messages, awkward.length)
      assert.deepEqual(summary.skipped, [])
      const written = await write(exportMailbox(t.platform, from.mailboxId), path())
      assert.equal(written.messages, awkward.length)
      assert.deepEqual(written.skipped, [])
    })

    test('and gives the same back', async () => {
      to = await t.createMailbox()
      const summary = await importItems(t.platform, to.owner, read(path()))
      assert.deepEqual(summary.skipped, [])
      const [before, after] = [
        await tell(exportMailbox(t.platform, from.mailboxId)),
        await tell(exportMailbox(t.platform, to.mailboxId)),
      ]
      assert.deepEqual(after.folders, before.folders)
      assert.equal(after.messages.length, awkward.length)
      for (const [at, one] of after.messages.entries()) assert.deepEqual(one, before.messages[at])
    })

    test('does not write over what is there', async () => {
      await assert.rejects(write(exportMailbox(t.platform, from.mailboxId), path()), { code: 'EEXIST' })
    })
  })
}

const mboxes: readonly [what: string, file: string, want: Partial<Told>[]][] = [
  [
    'mutt and Dovecot: status at the end of the header',
    'From ann@demo.test Sun Mar  1 10:00:00 2026\nSubject: a\nStatus: RO\nX-Status: AF\nX-Keywords: $Work other      \nX-UID: 7\nContent-Length: 2\n\nx\n',
    [{ flags: 7, keywords: ['$Work', 'other'], text: 'Subject: a\r\nContent-Length: 2\r\n\r\nx\r\n' }],
  ],
  [
    'Thunderbird',
    'From - Sun Mar 01 10:00:00 2026\r\nX-Mozilla-Status: 0005\r\nX-Mozilla-Status2: 00000000\r\nX-Mozilla-Keys: $label1 \r\nSubject: b\r\n\r\ny\r\n',
    [{ flags: 5, keywords: ['$label1'], text: 'Subject: b\r\n\r\ny\r\n' }],
  ],
  [
    'UW IMAP: its first message is none',
    "From MAILER-DAEMON Sun Mar  1 10:00:00 2026\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nThis text is part of the internal format.\n\nFrom a Sun Mar  1 10:00:00 2026\nSubject: c\n\nz\n",
    [{ text: 'Subject: c\r\n\r\nz\r\n' }],
  ],
  [
    'a line that only looks like the start of a message',
    'From a Sun Mar  1 10:00:00 2026\nSubject: d\n\nwe heard\nFrom a Sun Mar  1 10:00:00 2026\n\nFrom here on\n',
    [{ text: 'Subject: d\r\n\r\nwe heard\r\nFrom a Sun Mar  1 10:00:00 2026\r\n\r\nFrom here on\r\n' }],
  ],
  [
    'a date with a zone, no time',
    'From a Sun Mar  1 10:00 +0100 2026\nSubject: e\n\n',
    [{ text: 'Subject: e\r\n' }],
  ],
  ['nothing', '', []],
]
for (const [what, file, want] of mboxes) {
  test(`mbox of ${what}`, async () => {
    const path = join(directory, 'one.mbox')
    await writeFile(path, file, 'latin1')
    const { messages } = await tell(readMbox(path, 'One'))
    const defaults = { folder: 'One', flags: 0, keywords: [], internalDate: '2026-03-01T10:00:00.000Z' }
    assert.deepEqual(
      // As an import stores it.
      messages.map((one) => ({ ...one, text: one.text.replaceAll(/\r?\n/g, '\r\n') })),
      want.map((one) => ({ ...defaults, ...one })),
    )
  })
}

test('a file that is no mbox is refused in words', async () => {
  const path = join(directory, 'no.mbox')
  await writeFile(path, 'Subject: not so\n\ntext\n')
  await assert.rejects(tell(readMbox(path, 'No')), /does not begin with "From "/)
})

test('what cannot be taken is left out and named', async () => {
  const box = await t.createMailbox()
  const odd = [message('fine\r\n'), message('a NUL \0 here\r\n'), { ...message(''), text: '' }]
  const summary = await importItems(
    t.platform,
    box.owner,
    itemsOf([...odd, message('x', { folder: 'a//b' })], ['INBOX', 'a//b']),
  )
  assert.equal(summary.messages, 1)
  assert.equal(summary.skippedCount, 4) // the folder and what is in it, too
  assert.ok(summary.skipped.some(({ reason }) => reason === 'it has NUL octets'))
})

test('unzip reads the archive', async (context) => {
  const { execFile } = await import('node:child_process')
  const { promisify } = await import('node:util')
  const path = join(directory, 'python.zip')
  const box = await t.createMailbox()
  await importItems(t.platform, box.owner, itemsOf(awkward, folders))
  await writeEmlZip(exportMailbox(t.platform, box.mailboxId), path)
  const script =
    'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), len(z.namelist()))'
  const found = await promisify(execFile)('python3', ['-c', script, path]).catch(() => null)
  if (found === null) return context.skip('python3 is not there')
  const names = folders.length + 4 + awkward.length // the standard folders, without INBOX and Archive
  assert.equal(found.stdout.trim(), `None ${names}`)
  assert.ok((await readFile(path)).length > 0)
})
