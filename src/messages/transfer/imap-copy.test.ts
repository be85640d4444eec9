import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { exportMailbox } from './export.ts'
import { copyFromImap, type ImapSource } from './imap-copy.ts'
import type { TransferSummary } from './transfer-item.ts'

let imap: TestImap
let other: TestMailbox
let client: RawClient
before(async () => {
  imap = await startTestImap()
  other = await imap.test.createMailbox()
  client = await imap.logIn(other)
  await client.ok('CREATE "Projects/&AOQ-rger"')
  for (let n = 1; n <= 7; n++)
    await append('INBOX', n, n === 3 ? '(\\Seen $Work) "01-Mar-2020 10:00:00 +0100" ' : '')
  for (let n = 8; n <= 9; n++) await append('Sent', n)
  await append('"Projects/&AOQ-rger"', 10, '(\\Flagged) ')
})
after(() => imap[Symbol.asyncDispose]())

async function append(folder: string, n: number, marks = ''): Promise<void> {
  const tagged = await client.append(folder, `Subject: number ${n}\r\n\r\nText ${n}\r\n`, marks)
  assert.match(tagged, /^OK/)
}

function copy(to: TestMailbox, more: Partial<ImapSource> = {}, stopAfter?: number): Promise<TransferSummary> {
  const source = {
    host: '127.0.0.1',
    port: imap.listener.port,
    isImplicitTls: false,
    username: other.address,
    password: other.password,
    acceptsAnyCertificate: true,
    ...more,
  }
  return copyFromImap(imap.test.platform, to.owner, source, ({ messages }) => {
    if (stopAfter !== undefined && messages >= stopAfter) throw new Error('pulled the plug')
  })
}

async function contents(box: TestMailbox): Promise<string[]> {
  const found: string[] = []
  for await (const item of exportMailbox(imap.test.platform, box.mailboxId)) {
    if (item.kind === 'folder') continue
    const pieces: Buffer[] = []
    for await (const piece of item.content) pieces.push(piece)
    const number = /number (\d+)/.exec(Buffer.concat(pieces).toString())?.[1]
    found.push([item.folder, number, item.flags, ...item.keywords].join(' '))
  }
  return found
}

const all = [
  'INBOX 1 0',
  'INBOX 2 0',
  'INBOX 3 1 $Work',
  ...[4, 5, 6, 7].map((n) => `INBOX ${n} 0`),
  'Projects/ärger 10 4',
  'Sent 8 0',
  'Sent 9 0',
]

test('a mailbox of another server comes with its folders, flags, keywords and dates', async () => {
  const box = await imap.test.createMailbox()
  const summary = await copy(box)
  assert.equal(summary.messages, 10)
  assert.deepEqual(summary.skipped, [])
  assert.deepEqual(await contents(box), all)
  const mine = await imap.logIn(box)
  await mine.ok('SELECT INBOX')
  assert.match((await mine.ok('FETCH 3 INTERNALDATE'))[0] ?? '', /" 1-Mar-2020 09:00:00 \+0000"/)
})

test('a copy that broke off goes on, and brings nothing twice', async () => {
  const box = await imap.test.createMailbox()
  await assert.rejects(copy(box, {}, 1), /pulled the plug/)
  const before = (await contents(box)).length
  assert.ok(before > 0 && before < 10, `${before} messages were copied`)
  assert.equal((await copy(box)).messages, 10 - before)
  assert.deepEqual(await contents(box), all)
  assert.equal((await copy(box)).messages, 0)
})

test('what is new at the other server comes with the next run', async () => {
  const box = await imap.test.createMailbox()
  await copy(box)
  await append('Sent', 11)
  assert.equal((await copy(box)).messages, 1)
  assert.deepEqual((await contents(box)).slice(-1), ['Sent 11 0'])
})

test('folders that were numbered anew are named, not copied twice', async () => {
  const box = await imap.test.createMailbox()
  await copy(box)
  const before = (await contents(box)).length
  await client.ok('DELETE "Projects/&AOQ-rger"')
  await client.ok('CREATE "Projects/&AOQ-rger"')
  await append('"Projects/&AOQ-rger"', 12)
  const { skipped } = await copy(box)
  assert.deepEqual(
    skipped.map(({ what }) => what),
    ['Projects/ärger'],
  )
  assert.equal((await contents(box)).length, before)
})

test('a wrong password is an error, and nothing is made', async () => {
  const box = await imap.test.createMailbox()
  await assert.rejects(copy(box, { password: 'wrong' }))
  assert.deepEqual(await contents(box), [])
})
