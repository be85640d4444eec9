import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { countStatements } from '../testing/count-statements.ts'
import { tryLogin } from '../testing/log-in.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { deleteMailbox, restoreMailbox, resumeMailbox, suspendMailbox } from './mailboxes.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const mailbox = await t.createMailbox('ann.lee@demo.test')

test('the right password logs in, whatever the spelling of the address', async () => {
  for (const username of ['ann.lee@demo.test', 'Ann.Lee@DEMO.TEST', '"ann.lee"@demo.test.']) {
    assert.deepEqual(await tryLogin(platform, 'imap', username, mailbox.password), {
      mailboxId: mailbox.mailboxId,
      address: 'ann.lee@demo.test',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      appPasswordId: null,
      apiKeyId: null,
      expiresAt: null,
    })
  }
})

const refused: [username: string, password: string][] = [
  ['ann.lee@demo.test', ''],
  ['ann.lee@demo.test', 'correct horse batter'],
  ['ann.lee@demo.test', 'x'.repeat(10_000)],
  ['ann.lee+x@demo.test', mailbox.password],
  ['ann.lee', mailbox.password],
  ['bob@demo.test', mailbox.password],
  ['ann.lee@other.test', mailbox.password],
  ['', mailbox.password],
  ["' or 1=1 --@demo.test", mailbox.password],
]
for (const [username, password] of refused) {
  test(`${username || 'nobody'} with ${JSON.stringify(password.slice(0, 20))} is refused`, async () => {
    assert.equal(await tryLogin(platform, 'imap', username, password), null)
  })
}

test('another mailbox’s password does not do', async () => {
  const other = await t.createMailbox('bob.lee@demo.test')
  const { sealed_password, verifier, key_id } = await db
    .selectFrom('mailbox_passwords')
    .select(['sealed_password', 'verifier', 'key_id'])
    .where('mailbox_id', '=', other.mailboxId)
    .executeTakeFirstOrThrow()
  const copied = await t.createMailbox('copied@demo.test')
  await db
    .updateTable('mailbox_passwords')
    .set({ sealed_password, verifier, key_id })
    .where('mailbox_id', '=', copied.mailboxId)
    .execute()
  assert.equal(await tryLogin(platform, 'imap', 'copied@demo.test', other.password), null)
})

test('a mailbox that is not served does not log in, until it is again', async () => {
  const isIn = async (): Promise<boolean> =>
    (await tryLogin(platform, 'smtp', mailbox.address, mailbox.password)) !== null
  const ref = mailbox.mailboxId
  await transaction(db, (tx) => suspendMailbox(platform, tx, scope, ref))
  assert.equal(await isIn(), false)
  await transaction(db, (tx) => resumeMailbox(platform, tx, scope, ref))
  assert.equal(await isIn(), true)
  await transaction(db, (tx) => deleteMailbox(platform, tx, scope, ref, { purge: false }))
  assert.equal(await isIn(), false)
  await transaction(db, (tx) => restoreMailbox(platform, tx, scope, ref))
  assert.equal(await isIn(), true)
  await transaction(db, (tx) => deleteMailbox(platform, tx, scope, ref, { purge: true }))
  assert.equal(await isIn(), false)
})

test('a node without the key says so, and does not call the password wrong', async () => {
  const made = await t.createMailbox()
  const stranger = { ...platform, vault: createVault(newMasterKey()) }
  await assert.rejects(tryLogin(stranger, 'imap', made.address, made.password), /master key/)
})

test('a right login costs one statement', async () => {
  const made = await t.createMailbox()
  assert.equal(await countStatements(() => tryLogin(platform, 'imap', made.address, made.password)), 1)
})

test('logins are counted by protocol and result', async () => {
  const made = await t.createMailbox()
  const countOf = async (result: string): Promise<number> =>
    (await platform.metrics.logins.get()).values.find(
      ({ labels }) => labels.protocol === 'pop3' && labels.result === result,
    )?.value ?? 0
  await tryLogin(platform, 'pop3', made.address, made.password)
  await tryLogin(platform, 'pop3', made.address, 'wrong')
  await tryLogin(platform, 'pop3', 'nobody@demo.test', 'wrong')
  assert.deepEqual([await countOf('accepted'), await countOf('refused')], [1, 2])
})
