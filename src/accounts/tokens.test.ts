import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { apiKeyPrefix, describeToken, newToken, sessionPrefix, tokenDigest } from './tokens.ts'

for (const prefix of [apiKeyPrefix, sessionPrefix]) {
  test(`a token of ${prefix} has 256 random bits behind its prefix`, () => {
    const { token } = newToken(prefix)
    assert.equal(token.slice(0, prefix.length), prefix)
    assert.equal(Buffer.from(token.slice(prefix.length), 'base64url').length, 32)
    assert.notEqual(newToken(prefix).token, token)
  })
}

test('what is stored is the SHA-256 and a beginning that opens nothing', () => {
  const { token, sha256, prefix } = newToken(apiKeyPrefix)
  assert.deepEqual(sha256, createHash('sha256').update(token).digest())
  assert.deepEqual(sha256, tokenDigest(token))
  assert.equal(prefix, token.slice(0, 8))
  assert.deepEqual(describeToken(token), { token, sha256, prefix })
})
