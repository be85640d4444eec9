import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compileListPattern } from './list-pattern.ts'

const rows: [reference: string, pattern: string, yes: string[], no: string[]][] = [
  ['', '*', ['a', 'a/b', 'INBOX'], []],
  ['', '%', ['a', 'INBOX'], ['a/b']],
  ['', 'a', ['a'], ['A', 'ab', '', 'b']],
  ['', 'a/%', ['a/b', 'a/bc'], ['a', 'a/b/c']],
  ['', 'a/*', ['a/b', 'a/b/c'], ['a', 'ab']],
  ['', 'a*', ['a', 'ab', 'a/b'], ['ba']],
  ['', '%/%', ['a/b'], ['a', 'a/b/c']],
  ['', '%b', ['ab', 'b', 'bb'], ['a/b', 'ba']],
  ['', '*%', ['a/b'], []],
  ['', '%%x', ['x', 'aax'], ['a/x']],
  ['', '*/c', ['a/c', 'a/b/c'], ['c']],
  ['', '%a*b', ['ab', 'xa/b', 'ayb'], ['x/ab']],
  ['', '', [], ['a']],
  ['a/', '%', ['a/b'], ['a', 'b', 'a/b/c']],
  ['a', '/b', ['a/b'], ['ab']],
  ['', 'inbox', ['INBOX'], ['INBOX/a', 'Inboxes']],
  ['', 'inbox/%', ['INBOX/a'], ['INBOX', 'INBOX/A/b']],
  ['', 'in%', ['INBOX'], ['IN', 'INBOXES']],
  ['', 'INBOX/a', ['INBOX/a'], ['INBOX/A']],
  ['', '%ü%', ['grün', 'ü'], ['u']],
  ['', '😀%', ['😀', '😀x'], ['😁']],
  ['', '[.*', ['[.x'], ['x']],
]

/** The same by regular expression. */
function expected(pattern: string, name: string): boolean {
  const source = pattern.replace(/[*%]/g, (wildcard) => (wildcard === '*' ? '.*' : '[^/]*'))
  return new RegExp(`^${source}$`, 's').test(name)
}

describe('list patterns', () => {
  for (const [reference, pattern, yes, no] of rows) {
    test(`${JSON.stringify(reference)} ${JSON.stringify(pattern)}`, () => {
      const matches = compileListPattern(reference, pattern)
      assert.deepEqual(
        yes.filter((name) => !matches(name)),
        [],
      )
      assert.deepEqual(no.filter(matches), [])
    })
  }

  test('agree with a regular expression', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '%'), maxLength: 10 })
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 })
    fc.assert(
      fc.property(pattern, name, (p, n) => assert.equal(compileListPattern('', p)(n), expected(p, n))),
      { numRuns: 5000 },
    )
  })

  test('many wildcards against a long name take little time', () => {
    const started = performance.now()
    assert.equal(compileListPattern('', `${'*a'.repeat(500)}b`)('a'.repeat(1000)), false)
    assert.equal(compileListPattern('', `${'%a'.repeat(500)}b`)('a/'.repeat(500)), false)
    assert.ok(performance.now() - started < 1_000)
  })
})
