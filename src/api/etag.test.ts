import assert from 'node:assert/strict'
import { test } from 'node:test'
import { etagOf, etagOfId, idsOfIfMatch, versionsOfIfMatch } from './etag.ts'

const rows: [header: string | undefined, versions: number[] | null][] = [
  [undefined, null],
  ['*', null],
  [' * ', null],
  ['W/"3"', [3]],
  ['"3"', [3]],
  ['W/"3", "12"', [3, 12]],
  ['3', []],
  ['W/"x"', []],
  ['', []],
  ['w/"3"', []], // RFC 9110 §8.8.3: W/ is case-sensitive
  ['"99999999999999999999"', []],
]
for (const [header, versions] of rows) {
  test(`If-Match: ${header}`, () => assert.deepEqual(versionsOfIfMatch(header), versions))
}

test('an ETag matches itself', () => {
  assert.deepEqual(versionsOfIfMatch(etagOf({ version: 41 })), [41])
})

test('the same of ids', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057'
  assert.deepEqual(idsOfIfMatch(etagOfId(id)), [id])
  assert.deepEqual(idsOfIfMatch(`"${id.toUpperCase()}", "41"`), [id])
  assert.deepEqual([idsOfIfMatch('*'), idsOfIfMatch(undefined), idsOfIfMatch('')], [null, null, []])
})
