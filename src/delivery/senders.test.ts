import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { suspendMailbox } from '../mailboxes/mailboxes.ts'
import { transaction } from '../platform/database.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { ownsSender } from './senders.ts'

let t: TestPlatform
let ann: TestMailbox
before(async () => {
  t = await startTestPlatform()
  ann = await t.createMailbox('ann@demo.test')
  await t.createMailbox('bob@demo.test')
})
after(() => t[Symbol.asyncDispose]())

const rows: [mailFrom: string, owns: boolean][] = [
  ['', true],
  ['ann@demo.test', true],
  ['ANN@DEMO.TEST', true],
  ['ann+tag@demo.test', true],
  ['bob@demo.test', false],
  ['bob+ann@demo.test', false],
  ['nobody@demo.test', false],
  ['ann@example.com', false],
  ['ann', false],
  ['"ann"@demo.test', true],
  ['ann@demo.test\r\nRCPT TO:<x@y>', false],
]
for (const [mailFrom, owns] of rows) {
  test(`ann ${owns ? 'may' : 'may not'} send from ${JSON.stringify(mailFrom)}`, async () => {
    assert.equal(await ownsSender(t.platform, ann.owner, mailFrom), owns)
  })
}

test('a suspended mailbox sends no more, also where the login is older', async () => {
  const box = await t.createMailbox()
  assert.equal(await ownsSender(t.platform, box.owner, box.address), true)
  await transaction(t.platform.db, (tx) => suspendMailbox(t.platform, tx, t.scope, box.address))
  assert.equal(await ownsSender(t.platform, box.owner, box.address), false)
})
