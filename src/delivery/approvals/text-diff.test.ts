/** The difference of texts: what it shows, and that the after can be made of the before and it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { diffCharsMax, unifiedDiff } from './text-diff.ts'

const rows: [before: string, after: string, want: string][] = [
  ['a', 'a', ''],
  ['', 'a', '@@ -1,0 +1,1 @@\n+a'],
  ['a', '', '@@ -1,1 +1,0 @@\n-a'],
  ['a\nb\nc', 'a\nx\nc', '@@ -1,3 +1,3 @@\n a\n-b\n+x\n c'],
  ['1\n2\n3\n4\n5\n6', '1\n2\n3\n4\n5\nx', '@@ -3,4 +3,4 @@\n 3\n 4\n 5\n-6\n+x'],
  ['a\r\nb', 'a\nc', '@@ -1,2 +1,2 @@\n a\n-b\n+c'],
]
for (const [before, after, want] of rows) {
  test(`${JSON.stringify(before)} and ${JSON.stringify(after)}`, () => {
    assert.equal(unifiedDiff(before, after), want)
  })
}

test('changes that are far apart are hunks of their own', () => {
  const lines = Array.from({ length: 40 }, (_, at) => `line ${at}`)
  const changed = lines.map((line, at) => (at === 3 || at === 30 ? 'other' : line))
  assert.equal(unifiedDiff(lines.join('\n'), changed.join('\n')).match(/^@@ /gm)?.length, 2)
})

test('a large one is cut', () => {
  const text = (mark: string): string => Array.from({ length: 5000 }, (_, at) => `${mark} ${at}`).join('\n')
  const diff = unifiedDiff(text('a'), text('b'))
  assert.ok(diff.length <= diffCharsMax + 4)
  assert.match(diff, /\n\.\.\.$/)
})

/** Puts the hunks into the text that they were made of. */
function applied(before: string, diff: string): string {
  const old = before === '' ? [] : before.split('\n')
  const lines: string[] = []
  let at = 0
  for (const line of diff === '' ? [] : diff.split('\n')) {
    const start = /^@@ -(\d+)/.exec(line)?.[1]
    if (start !== undefined) while (at < Number(start) - 1) lines.push(old[at++] ?? '')
    else if (line.startsWith('+')) lines.push(line.slice(1))
    else {
      assert.equal(line.slice(1), old[at])
      if (line.startsWith(' ')) lines.push(old[at] ?? '')
      at++
    }
  }
  return [...lines, ...old.slice(at)].join('\n')
}

test('what is shown leads from the one to the other', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', 'dd', 'e'), { maxLength: 40 })
    .map((all) => all.join('\n'))
  fc.assert(
    fc.property(text, text, (before, after) => {
      assert.equal(applied(before, unifiedDiff(before, after)), after)
    }),
  )
})
