import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../platform/ids.ts'
import { type KeyFormat, keyFormats, newFormattedToken } from './key-formats.ts'
import { tokenDigest } from './tokens.ts'

const id = newId()

const shapes: Record<KeyFormat, { token: RegExp; prefix: RegExp; accessKey: RegExp | null }> = {
  mailwright: { token: /^mw_[\w-]{43}$/, prefix: /^mw_[\w-]{5}$/, accessKey: null },
  scaleway: {
    token: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    prefix: /^[0-9a-f]{8}$/,
    accessKey: /^SCW[A-Z0-9]{17}$/,
  },
  inkbox: {
    token: new RegExp(`^ApiKey_${id}\\.[\\w-]{43}$`),
    prefix: new RegExp(`^ApiKey_${id}$`),
    accessKey: null,
  },
}

for (const format of keyFormats) {
  test(`a key of the format ${format} has its shape, and is never the same`, () => {
    const made = newFormattedToken(format, id)
    const { token, prefix, accessKey } = shapes[format]
    assert.match(made.token, token)
    assert.match(made.prefix, prefix)
    assert.ok(made.token.startsWith(made.prefix))
    assert.deepEqual(made.sha256, tokenDigest(made.token))
    assert.equal(made.format, format)
    if (accessKey === null) assert.equal(made.accessKey, null)
    else assert.match(made.accessKey ?? '', accessKey)
    assert.notEqual(newFormattedToken(format, id).token, made.token)
  })
}
