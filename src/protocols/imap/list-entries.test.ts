import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ListedFolder, selectEntries, subscribedEntries } from './list-entries.ts'

const folders: ListedFolder[] = [
  { path: 'INBOX', special_use: 'inbox', subscribed: true },
  { path: 'Sent', special_use: 'sent', subscribed: false },
  { path: 'work', special_use: null, subscribed: false },
  { path: 'work/2026', special_use: null, subscribed: true },
  { path: 'x/y/z', special_use: null, subscribed: false }, // x and x/y were deleted
]

const none = { subscribed: false, remote: false, recursiveMatch: false, specialUse: false }
const subscribed = { ...none, subscribed: true }
const recursive = { ...subscribed, recursiveMatch: true }
const returns = { subscribed: false, children: false, specialUse: false, status: null }

const listRows: [select: typeof none, extended: boolean, pattern: string, want: string[]][] = [
  [
    none,
    false,
    '%',
    [
      '(\\HasNoChildren) INBOX',
      '(\\HasNoChildren \\Sent) Sent',
      '(\\HasChildren) work',
      '(\\Noselect \\HasChildren) x',
    ],
  ],
  [
    none,
    true,
    'x*',
    [
      '(\\NonExistent \\Noselect \\HasChildren) x',
      '(\\NonExistent \\Noselect \\HasChildren) x/y',
      '(\\HasNoChildren) x/y/z',
    ],
  ],
  [none, false, 'work/%', ['(\\HasNoChildren) work/2026']],
  [{ ...none, specialUse: true }, true, '*', ['(\\HasNoChildren \\Sent) Sent']],
  [
    subscribed,
    true,
    '*',
    ['(\\HasNoChildren \\Subscribed) INBOX', '(\\HasNoChildren \\Subscribed) work/2026'],
  ],
  [recursive, true, '%', ['(\\HasNoChildren \\Subscribed) INBOX', '(\\HasChildren) work CHILDINFO']],
]
for (const [select, extended, pattern, want] of listRows) {
  test(`LIST ${JSON.stringify(select)} ${pattern}`, () => {
    const query = { extended, select, reference: '', patterns: [pattern], returns }
    const shown = selectEntries(folders, query).map(
      ({ path, attributes, childInfo }) =>
        `(${attributes.join(' ')}) ${path}${childInfo ? ' CHILDINFO' : ''}`,
    )
    assert.deepEqual(shown, want)
  })
}

const lsubRows: [reference: string, pattern: string, want: string[]][] = [
  ['', '*', ['() INBOX', '() work/2026']],
  ['', '%', ['() INBOX', '(\\Noselect) work']],
  ['work/', '%', ['() work/2026']],
]
for (const [reference, pattern, want] of lsubRows) {
  test(`LSUB "${reference}" ${pattern}`, () => {
    const shown = subscribedEntries(folders, { reference, pattern }).map(
      ({ path, attributes }) => `(${attributes.join(' ')}) ${path}`,
    )
    assert.deepEqual(shown, want)
  })
}
