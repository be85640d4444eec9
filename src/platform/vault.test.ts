import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createVault, newMasterKey, VaultError } from './vault.ts'

const oldKey = newMasterKey()
const newKey = newMasterKey()
const vault = createVault(oldKey)

test('what was sealed opens, whatever it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, context) => {
      const sealed = vault.seal(Buffer.from(bytes), context)
      assert.deepEqual(vault.open(sealed, context), Buffer.from(bytes))
    }),
  )
  assert.equal(vault.open(vault.seal('pässword', 'a'), 'a').toString(), 'pässword')
})

test('the same secret is sealed differently each time, and is not to be seen', () => {
  const [one, two] = [vault.seal('a secret here', 'a:1'), vault.seal('a secret here', 'a:1')]
  assert.notDeepEqual(one, two)
  assert.equal(one.includes('a secret here'), false)
})

test('a value that was copied into another place does not open', () => {
  const sealed = vault.seal('secret', 'mailbox_passwords:1')
  assert.throws(() => vault.open(sealed, 'mailbox_passwords:2'), VaultError)
  assert.throws(() => vault.open(sealed, ''), VaultError)
})

test('no byte can be changed, and none left out', () => {
  const sealed = vault.seal('secret', 'a')
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => vault.open(changed, 'a'), VaultError, `byte ${at}`)
    assert.throws(() => vault.open(sealed.subarray(0, at), 'a'), VaultError, `length ${at}`)
  }
  assert.throws(() => vault.open(Buffer.concat([sealed, Buffer.from([0])]), 'a'), VaultError)
})

test('another key does not open it, and the error names the key that is missing', () => {
  const sealed = vault.seal('secret', 'a')
  assert.throws(() => createVault(newKey).open(sealed, 'a'), {
    message: new RegExp(`the master key ${vault.keyId} is not`),
  })
})

test('of several keys the first seals and all open', () => {
  const rotated = createVault(`${newKey}\n${oldKey}\n`)
  const before = vault.seal('secret', 'a')
  assert.equal(rotated.open(before, 'a').toString(), 'secret')
  assert.equal(rotated.isStale(before), true)
  const after = rotated.seal('secret', 'a')
  assert.equal(rotated.isStale(after), false)
  assert.equal(rotated.keyId, createVault(newKey).keyId)
  assert.throws(() => vault.open(after, 'a'), VaultError)
  assert.equal(createVault(`${oldKey},${newKey}`).keyId, vault.keyId)
})

test('a key is the same in base64, base64url and hex', () => {
  const bytes = Buffer.from(oldKey, 'base64')
  for (const form of [
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64url'),
  ]) {
    const same = createVault(form)
    assert.equal(same.keyId, vault.keyId)
    assert.equal(same.open(vault.seal('secret', 'a'), 'a').toString(), 'secret')
  }
  assert.match(vault.keyId, /^[0-9a-f]{8}$/)
})

const badKeys = [
  '',
  ' , ',
  'short',
  Buffer.alloc(31).toString('base64'),
  Buffer.alloc(33).toString('base64'),
  'a'.repeat(63),
  `${oldKey.slice(0, 20)}!${oldKey.slice(20)}`,
  `${newKey},short`,
]
for (const keys of badKeys) {
  test(`${JSON.stringify(keys.slice(0, 12))} (${keys.length}) is no master key`, () => {
    assert.throws(() => createVault(keys), VaultError)
  })
}

test('a digest depends on the value, the context and the key, and on nothing else', () => {
  const rotated = createVault(`${newKey},${oldKey}`)
  const digest = vault.digest('password', 'a:1')
  assert.equal(digest.length, 32)
  assert.deepEqual(createVault(oldKey).digest('password', 'a:1'), digest)
  assert.deepEqual(rotated.digest('password', 'a:1', vault.keyId), digest)
  assert.notDeepEqual(rotated.digest('password', 'a:1'), digest)
  assert.notDeepEqual(vault.digest('passwore', 'a:1'), digest)
  assert.notDeepEqual(vault.digest('password', 'a:2'), digest)
  assert.throws(() => vault.digest('password', 'a:1', rotated.keyId), VaultError)
})
