/** Quotas over IMAP: what they show, what they refuse, and whom they concern. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { foldersPerMailboxMax } from '../../messages/folders.ts'
import { type PolicySettings, putSettings } from '../../messages/policies.ts'
import { transaction } from '../../platform/database.ts'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

async function boxWith(settings: PolicySettings): Promise<TestMailbox> {
  const box = await imap.test.createMailbox()
  const { platform } = imap.test
  await transaction(platform.db, (tx) => putSettings(platform, tx, box.owner, settings))
  return box
}

const quotaRows: [settings: PolicySettings, want: string][] = [
  [{ quotaBytes: null, quotaMessages: null }, ''],
  [{ quotaBytes: 512 * 1024, quotaMessages: null }, 'STORAGE 0 512 '],
  [{ quotaBytes: 1, quotaMessages: 0 }, 'STORAGE 0 1 MESSAGE 0 0 '],
  [{ quotaBytes: null, quotaMessages: 1000 }, 'MESSAGE 0 1000 '],
]
for (const [settings, want] of quotaRows) {
  test(`GETQUOTA with ${JSON.stringify(settings)}`, async () => {
    const client = await imap.logIn(await boxWith(settings))
    assert.deepEqual(await client.ok('GETQUOTA ""'), [
      `* QUOTA "" (${want}MAILBOX 6 ${foldersPerMailboxMax})`,
    ])
  })
}

test('usage counts units of 1,024 octets and all folders', async () => {
  const client = await imap.logIn(await boxWith({ quotaBytes: 1024 * 1024, quotaMessages: 9 }))
  await client.append('INBOX', mail('x'.repeat(1500)))
  await client.append('Sent', mail('y'))
  assert.deepEqual(await client.ok('GETQUOTAROOT Sent'), [
    '* QUOTAROOT "Sent" ""',
    `* QUOTA "" (STORAGE 2 1024 MESSAGE 2 9 MAILBOX 6 ${foldersPerMailboxMax})`,
  ])
})

async function messagesOf(client: RawClient, folder: string): Promise<string | undefined> {
  const [line = ''] = await client.ok(`STATUS ${folder} (MESSAGES)`)
  return /MESSAGES (\d+)/.exec(line)?.[1]
}

test('APPEND and COPY are refused with OVERQUOTA, MOVE is not, and room that is made counts at once', async () => {
  const client = await imap.logIn(await boxWith({ quotaMessages: 2 }))
  await client.append('INBOX', mail('one'))
  await client.append('INBOX', mail('two'))
  assert.match(await client.append('INBOX', mail('three')), /^NO \[OVERQUOTA\] /)
  await client.ok('SELECT INBOX')
  assert.match((await client.run('COPY 1 Sent')).tagged, /^NO \[OVERQUOTA\] /)
  assert.match((await client.run('UID COPY 1:2 Sent')).tagged, /^NO \[OVERQUOTA\] /)
  assert.match((await client.run('MOVE 1 Sent')).tagged, /^OK /)
  assert.equal(await messagesOf(client, 'Sent'), '1')
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
  await client.ok('EXPUNGE')
  assert.match(await client.append('INBOX', mail('three')), /^OK /)
  assert.match((await client.run('COPY 1 Sent')).tagged, /^NO \[OVERQUOTA\] /)
})

test('MULTIAPPEND is all or nothing', async () => {
  const client = await imap.logIn(await boxWith({ quotaMessages: 1 }))
  const [one, two] = [mail('one'), mail('two')]
  const both = `INBOX {${one.length}+}\r\n${one} {${two.length}+}\r\n${two}`
  assert.match((await client.run(`APPEND ${both}`)).tagged, /^NO \[OVERQUOTA\] /)
  assert.equal(await messagesOf(client, 'INBOX'), '0')
})

test('a message that cannot fit is refused before it is sent', async () => {
  const client = await imap.logIn(await boxWith({ quotaBytes: 1000 }))
  client.send('a APPEND INBOX {1001}\r\n')
  assert.match(await client.line(), /^a NO \[OVERQUOTA\] /)
  client.send('b APPEND INBOX {10}\r\n')
  assert.match(await client.line(), /^\+ /)
  client.send('Subject:x\n\r\n')
  assert.match((await client.answer('b')).tagged, /^OK /)
})

test('REPLACE needs room only for what the new message has more', async () => {
  const [old, larger] = [mail('one'), mail('one and more')]
  const client = await imap.logIn(await boxWith({ quotaMessages: 1, quotaBytes: larger.length }))
  await client.append('Drafts', old)
  await client.ok('SELECT Drafts')
  const replace = async (message: string): Promise<string> =>
    (await client.run(`REPLACE 1 Drafts {${message.length}+}\r\n${message}`)).tagged
  assert.match(await replace(larger), /^OK /)
  assert.match(await replace(`${larger}x`), /^NO \[OVERQUOTA\] /)
  assert.match(await replace(old), /^OK /)
})

test('a quota concerns one mailbox: others neither see nor feel it', async () => {
  const full = await imap.logIn(await boxWith({ quotaMessages: 0 }))
  const free = await imap.logIn(await boxWith({ quotaMessages: 5 }))
  assert.match(await full.append('INBOX', mail('x')), /^NO \[OVERQUOTA\] /)
  assert.match(await free.append('INBOX', mail('x')), /^OK /)
  assert.deepEqual(
    (await full.ok('GETQUOTA ""')).map((line) => /MESSAGE \d+ \d+/.exec(line)?.[0]),
    ['MESSAGE 0 0'],
  )
  assert.deepEqual(
    (await free.ok('GETQUOTA ""')).map((line) => /MESSAGE \d+ \d+/.exec(line)?.[0]),
    ['MESSAGE 1 5'],
  )
})

test('QUOTA and METADATA are offered, QUOTASET is not', async () => {
  const client = await imap.logIn()
  const [line = ''] = await client.ok('CAPABILITY')
  const offered = line.split(' ')
  for (const name of ['QUOTA', 'QUOTA=RES-STORAGE', 'QUOTA=RES-MESSAGE', 'QUOTA=RES-MAILBOX', 'METADATA']) {
    assert.ok(offered.includes(name), name)
  }
  assert.ok(!offered.includes('QUOTASET'))
})
