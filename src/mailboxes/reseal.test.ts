import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { tryLogin } from '../testing/log-in.ts'
import { masterKeyOf } from '../testing/test-node.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { viewCredentials } from './credentials.ts'
import { provisionMailboxes } from './provision.ts'
import { resealPasswords } from './reseal.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const oldKey = await masterKeyOf(t)
const newKey = newMasterKey()
const made = await t.createMailbox()
const mailboxes = 1201 // more than two transactions’ worth, with the one above
await transaction(platform.db, (tx) =>
  provisionMailboxes(
    platform,
    tx,
    scope,
    Array.from({ length: mailboxes - 1 }, (_, index) => ({
      address: `many${index}@demo.test`,
      displayName: null,
      firstName: null,
      lastName: null,
      password: null,
      tags: [],
      service: 'local' as const,
    })),
  ),
)

test('under the present key there is nothing to do', async () => {
  assert.equal(await resealPasswords(platform), 0)
})

test('everything is sealed again under the new key, also by two that run at once, and the old one is not needed', async () => {
  const rotating = { ...platform, vault: createVault(`${newKey}\n${oldKey}`) }
  assert.ok(await tryLogin(rotating, 'imap', made.address, made.password), 'before it is sealed again')
  const counts = await Promise.all([resealPasswords(rotating), resealPasswords(rotating)])
  assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), mailboxes)
  assert.equal(await resealPasswords(rotating), 0)
  const rotated = { ...platform, vault: createVault(newKey) }
  assert.ok(await tryLogin(rotated, 'imap', made.address, made.password))
  const { password } = await transaction(platform.db, (tx) =>
    viewCredentials(rotated, tx, scope, made.address),
  )
  assert.equal(password, made.password)
  await assert.rejects(tryLogin(platform, 'imap', made.address, made.password), /master key/)
})

test('what cannot be opened is told, and stays as it is', async () => {
  const stranger = { ...platform, vault: createVault(newMasterKey()) }
  await assert.rejects(resealPasswords(stranger), /master key/)
  const rotated = { ...platform, vault: createVault(newKey) }
  assert.ok(await tryLogin(rotated, 'imap', made.address, made.password))
})
