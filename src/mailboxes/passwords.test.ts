import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVault, newMasterKey } from '../platform/vault.ts'
import {
  generatePassword,
  openPassword,
  requireStrongPassword,
  storePassword,
  verifyMailboxPassword,
} from './passwords.ts'

const [oldKey, newKey] = [newMasterKey(), newMasterKey()]
const vault = createVault(oldKey)

test('a generated password has at least 128 bits, passes its own check, and does not repeat', () => {
  const made = new Set(Array.from({ length: 1000 }, generatePassword))
  assert.equal(made.size, 1000)
  for (const password of made) {
    assert.ok(Buffer.from(password, 'base64url').length * 8 >= 128)
    assert.match(password, /^[\w-]+$/, 'clients and files take it as it is')
    assert.match(password, /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)/, 'Microsoft wants three sorts of characters')
    requireStrongPassword(password, 'ann@demo.test')
  }
})

const strong = [
  'correct horse',
  'xk3-9fq-2mm',
  'p\u00e4ssw\u00f6rter!',
  '\u{1f600} 1\u{1f40e}8\u{1f50b}5!',
  'xk3-9fq-'.repeat(31).concat('endings!'),
]
for (const password of strong) {
  test(`${JSON.stringify(password.slice(0, 20))} (${password.length}) is strong enough`, () => {
    requireStrongPassword(password, 'ann@demo.test')
  })
}

const weak: [password: string, why: RegExp][] = [
  ['', /at least 8/],
  ['1234567', /at least 8/],
  ['\u{1f600}'.repeat(7), /at least 8/],
  [`${'x'.repeat(256)}y`, /at most 256 bytes/],
  ['\u00fc'.repeat(129), /at most 256 bytes/],
  ['ten chars\n!', /control/],
  ['ten chars\u0000!', /control/],
  ['password123', /common/],
  ['PASSWORD!!1!', /common/],
  ['mailwright2026', /guess/],
  ['1234567890', /sequential/],
  ['aaaaaaaaaaaa', /repeated/],
  ['annabellelee', /its own address/],
]
for (const [password, why] of weak) {
  test(`${JSON.stringify(password.slice(0, 20))} (${password.length}) is too weak`, () => {
    assert.throws(() => requireStrongPassword(password, 'annabellelee@demo.test'), {
      code: 'password_too_weak',
      detail: why,
    })
  })
}

test('names are no better than the address', () => {
  requireStrongPassword('grete-1987', 'ann@demo.test')
  assert.throws(() => requireStrongPassword('grete-1987', 'ann@demo.test', [null, 'Grete Lind']), {
    code: 'password_too_weak',
    detail: /names/,
  })
})

test('a stored password is checked and shown again, for its mailbox only', () => {
  const stored = storePassword(vault, 'm1', 'correct horse')
  assert.equal(stored.key_id, vault.keyId)
  assert.equal(verifyMailboxPassword(vault, 'm1', stored, 'correct horse'), true)
  assert.equal(verifyMailboxPassword(vault, 'm2', stored, 'correct horse'), false)
  assert.equal(openPassword(vault, 'm1', stored.sealed_password), 'correct horse')
  assert.throws(() => openPassword(vault, 'm2', stored.sealed_password))
  for (const wrong of ['', 'correct horsf', 'correct horse ', 'Correct horse', 'x'.repeat(300)]) {
    assert.equal(verifyMailboxPassword(vault, 'm1', stored, wrong), false, wrong)
  }
})

test('an accented letter may be typed as one code point or as two; it is shown as it was chosen', () => {
  const stored = storePassword(vault, 'm1', 'cafe\u0301 au lait')
  assert.equal(verifyMailboxPassword(vault, 'm1', stored, 'caf\u00e9 au lait'), true)
  assert.equal(openPassword(vault, 'm1', stored.sealed_password), 'cafe\u0301 au lait')
})

test('it is checked under the key that it was stored under', () => {
  const stored = storePassword(vault, 'm1', 'correct horse')
  const rotated = createVault(`${newKey},${oldKey}`)
  assert.equal(verifyMailboxPassword(rotated, 'm1', stored, 'correct horse'), true)
  assert.throws(() => verifyMailboxPassword(createVault(newKey), 'm1', stored, 'correct horse'), /master key/)
})
