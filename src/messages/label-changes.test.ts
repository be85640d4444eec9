/** A label on many messages becomes another, or goes; others stay. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { append, folderIdOf, inTransaction, mail, messagesIn } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { editedMax } from './edit-messages.ts'
import { type LabelRename, replaceLabel } from './label-changes.ts'

let t: TestPlatform
before(async () => (t = await startTestPlatform()))
after(() => t[Symbol.asyncDispose]())

test('messages in all folders, in any case of the name, and each once', async () => {
  const box = await t.createMailbox()
  const put = async (path: string, ...labels: string[][]) => {
    const folderId = await folderIdOf(t.platform, box.mailboxId, path)
    for (const keywords of labels) await append(t.platform, box.owner, folderId, [mail()], { keywords })
    return async () => (await messagesIn(t.platform, box.mailboxId, folderId)).map((one) => one.keywords)
  }
  const inbox = await put('INBOX', ['Hot', 'kept'], ['kept'], ['HOT', 'Warm'])
  const sent = await put('Sent', ['hot'])
  const change = (rename: LabelRename) =>
    inTransaction(t.platform, (tx) => replaceLabel(t.platform, tx, box.owner, rename))
  assert.equal(await change({ from: 'hot', to: 'Warm' }), 3)
  assert.deepEqual([await inbox(), await sent()], [[['kept', 'Warm'], ['kept'], ['Warm']], [['Warm']]])
  assert.equal(await change({ from: 'hot', to: 'Warm' }), 0)
  assert.equal(await change({ from: 'warm', to: 'WARM' }), 3)
  assert.equal(await change({ from: 'warm', to: 'WARM' }), 0, 'they are spelt so')
  assert.equal(await change({ from: 'Warm', to: null }), 3)
  assert.deepEqual([await inbox(), await sent()], [[['kept'], ['kept'], []], [[]]])
  await assert.rejects(change({ from: 'kept', to: 'two words' }), { code: 'label_invalid' })
})

test('of very many only some change at once', async () => {
  const box = await t.createMailbox()
  const folderId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const raws = Array.from({ length: editedMax + 5 }, () => mail())
  await append(t.platform, box.owner, folderId, raws, { keywords: ['many'] })
  const change = () =>
    inTransaction(t.platform, (tx) => replaceLabel(t.platform, tx, box.owner, { from: 'many', to: null }))
  assert.deepEqual([await change(), await change(), await change()], [editedMax, 5, 0])
})
