import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../platform/errors.ts'
import {
  flagBits,
  keywordBytesMax,
  keywordsPerMessageMax,
  requireKeywords,
  type SystemFlag,
  uniqueKeywords,
} from './flags.ts'

test('each system flag has a bit of its own', () => {
  const names = Object.keys(flagBits) as SystemFlag[]
  for (const name of names) {
    for (const other of names) assert.equal((flagBits[name] & flagBits[other]) !== 0, name === other)
  }
})

const rows: [keywords: string[], want: string[]][] = [
  [[], []],
  [['a'], ['a']],
  [['$Junk', '$junk', '$JUNK'], ['$Junk']],
  [
    ['b', 'a', 'B', 'c'],
    ['b', 'a', 'c'],
  ],
]
for (const [keywords, want] of rows) {
  test(`unique keywords of ${JSON.stringify(keywords)}`, () => {
    assert.deepEqual(uniqueKeywords(keywords), want)
  })
}

const limits: [what: string, keywords: string[], refused: boolean][] = [
  ['no keyword', [], false],
  ['the longest keyword', ['k'.repeat(keywordBytesMax)], false],
  ['a keyword that is too long', ['k'.repeat(keywordBytesMax + 1)], true],
  ['a keyword with too many bytes in few characters', ['ü'.repeat(keywordBytesMax / 2 + 1)], true],
  ['as many as fit', Array.from({ length: keywordsPerMessageMax }, (_, n) => `k${n}`), false],
  ['one more than fits', Array.from({ length: keywordsPerMessageMax + 1 }, (_, n) => `k${n}`), true],
]
for (const [what, keywords, refused] of limits) {
  test(`${what}: ${refused ? 'refused' : 'taken'}`, () => {
    if (refused) assert.throws(() => requireKeywords(keywords), isLimit)
    else requireKeywords(keywords)
  })
}

function isLimit(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'keyword_limit_reached'
}
