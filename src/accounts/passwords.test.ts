import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { test } from 'node:test'
import { hashPassword, passwordBytesMax, verifyPassword } from './passwords.ts'

const hash = await hashPassword('correct horse battery')
const [, , , , salt = '', tag = ''] = hash.split('$')

test('the hash is argon2id in its usual form, with a salt of its own', async () => {
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.notEqual(await hashPassword('correct horse battery'), hash)
})

test('the right password is accepted, others are not', async () => {
  assert.equal(await verifyPassword('correct horse battery', hash), true)
  for (const wrong of ['', 'correct horse batter', 'correct horse battery ', 'Correct horse battery']) {
    assert.equal(await verifyPassword(wrong, hash), false, wrong)
  }
})

test('an accented letter may be typed as one code point or as two', async () => {
  const accented = await hashPassword('caf\u00e9 au lait')
  assert.equal(await verifyPassword('cafe\u0301 au lait', accented), true)
})

test('a hash that was made with other costs is checked with its own', async () => {
  const nonce = Buffer.from('a salt of 16 byt')
  const made = argon2Sync('argon2id', {
    message: Buffer.from('password'),
    nonce,
    parallelism: 2,
    tagLength: 32,
    memory: 64,
    passes: 3,
  })
  const encoded = `$argon2id$v=19$m=64,t=3,p=2$${nonce.toString('base64')}$${made.toString('base64')}`
  assert.equal(await verifyPassword('password', encoded), true)
  assert.equal(await verifyPassword('passwore', encoded), false)
})

test('a password past the bound is refused without being hashed', async () => {
  const long = 'x'.repeat(passwordBytesMax + 1)
  assert.equal(await verifyPassword(long, await hashPassword(long)), false)
})

const malformed = [
  '',
  'correct horse battery',
  '$argon2id$v=19$m=19456,t=2,p=1$$',
  hash.slice(0, -1),
  `${hash}$`,
  hash.replace('argon2id', 'argon2i'),
  hash.replace('v=19', 'v=16'),
  `$argon2id$v=19$m=0,t=2,p=1$${salt}$${tag}`,
  `$argon2id$v=19$m=7,t=2,p=1$${salt}$${tag}`,
  `$argon2id$v=19$m=19456,t=0,p=1$${salt}$${tag}`,
  `$argon2id$v=19$m=19456,t=2,p=0$${salt}$${tag}`,
  `$argon2id$v=19$m=99999999999,t=2,p=1$${salt}$${tag}`,
  `$argon2id$v=19$m=19456,t=99999999999,p=1$${salt}$${tag}`,
  `$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$${tag}`,
  `$argon2id$v=19$m=19456,t=2,p=1$${salt}$c2hvcnQ`,
]
for (const encoded of malformed) {
  test(`nothing matches ${JSON.stringify(encoded.slice(0, 48))}`, async () => {
    assert.equal(await verifyPassword('correct horse battery', encoded), false)
  })
}
