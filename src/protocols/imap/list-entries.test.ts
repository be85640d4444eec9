import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ListedFolder, selectEntries, subscribedEntries } from './list-entries.ts'

const none = { subscribed: false, remote: false, recursiveMatch: false, specialUse: false }
const subscribed = { ...none, subscribed: true }
const recursive = { ...subscribed, recursiveMatch: true }
const remote = { ...none, remote: true }
const specialUse = { ...none, specialUse: true }
const returns = { subscribed: false, children: false, specialUse: false, status: null, metadata: null }

type Row = [select: typeof none, patterns: string | string[], want: string[], reference?: string]

/** A pattern in a list, and any selection, is the extended syntax. */
function shownBy(folders: readonly ListedFolder[], lost: readonly string[], row: Row): string[] {
  const [select, patterns, , reference = ''] = row
  const extended = select !== none || Array.isArray(patterns)
  const query = { extended, select, reference, patterns: [patterns].flat(), returns }
  return selectEntries(folders, lost, query).map(({ path, attributes, childInfo }) =>
    [`(${attributes.join(' ')})`, path, ...childInfo].join(' '),
  )
}

function folder(path: string, isSubscribed = false, special_use: ListedFolder['special_use'] = null) {
  return { path, special_use, subscribed: isSubscribed }
}

describe('LIST of folders, some of whose levels were deleted', () => {
  const folders = [
    folder('INBOX', true, 'inbox'),
    folder('Sent', false, 'sent'),
    folder('work'),
    folder('work/2026', true),
    folder('x/y/z'),
  ]
  const rows: Row[] = [
    [
      none,
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
      ['x*'],
      [
        '(\\NonExistent \\Noselect \\HasChildren) x',
        '(\\NonExistent \\Noselect \\HasChildren) x/y',
        '(\\HasNoChildren) x/y/z',
      ],
    ],
    [none, 'work/%', ['(\\HasNoChildren) work/2026']],
    [none, '%', ['(\\HasNoChildren) work/2026'], 'work/'],
    [none, [''], [], 'work'], // RFC 9051 §6.3.9: an empty pattern is ignored
    [none, ['', 'work'], ['(\\HasChildren) work']],
    [none, ['inbox', 'INBOX', '*BOX'], ['(\\HasNoChildren) INBOX']],
    [specialUse, '*', ['(\\HasNoChildren \\Sent) Sent']],
    [{ ...specialUse, subscribed: true }, '*', []],
    [subscribed, '*', ['(\\HasNoChildren \\Subscribed) INBOX', '(\\HasNoChildren \\Subscribed) work/2026']],
    [recursive, '%', ['(\\HasNoChildren \\Subscribed) INBOX', '(\\HasChildren) work SUBSCRIBED']],
    [recursive, 'x', []],
  ]
  for (const row of rows) {
    test(`${JSON.stringify(row.slice(0, 2))}`, () => assert.deepEqual(shownBy(folders, [], row), row[2]))
  }
})

describe('the examples of RFC 5258 §5', () => {
  const fruit = [
    folder('Fruit'),
    folder('Fruit/Apple'),
    folder('Fruit/Banana', true),
    folder('INBOX', true),
    folder('Tofu'),
    folder('Vegetable', true),
    folder('Vegetable/Broccoli', true),
    folder('Vegetable/Corn'),
  ]
  const rows: Row[] = [
    [
      subscribed, // example 2
      '*',
      [
        '(\\HasNoChildren \\Subscribed) Fruit/Banana',
        '(\\NonExistent \\Noselect \\HasNoChildren \\Subscribed) Fruit/Peach',
        '(\\HasNoChildren \\Subscribed) INBOX',
        '(\\HasChildren \\Subscribed) Vegetable',
        '(\\HasNoChildren \\Subscribed) Vegetable/Broccoli',
      ],
    ],
    [
      remote, // example 4: there are none
      '%',
      [
        '(\\HasChildren) Fruit',
        '(\\HasNoChildren) INBOX',
        '(\\HasNoChildren) Tofu',
        '(\\HasChildren) Vegetable',
      ],
    ],
    [
      recursive,
      '%',
      [
        '(\\HasChildren) Fruit SUBSCRIBED',
        '(\\HasNoChildren \\Subscribed) INBOX',
        '(\\HasChildren \\Subscribed) Vegetable SUBSCRIBED',
      ],
    ],
  ]
  for (const row of rows) {
    test(`fruit: ${JSON.stringify(row[0])} ${row[1]}`, () =>
      assert.deepEqual(shownBy(fruit, ['Fruit/Peach'], row), row[2]))
  }

  const foo = [folder('Foo'), folder('Foo/Bar'), folder('Foo/Baz', true), folder('INBOX'), folder('Moo')]
  const fooRows: [what: string, folders: ListedFolder[], want: string[]][] = [
    ['8 A: a child is subscribed', foo, ['(\\HasChildren) Foo SUBSCRIBED']],
    [
      '8 A1: the parent too',
      foo.with(0, folder('Foo', true)),
      ['(\\HasChildren \\Subscribed) Foo SUBSCRIBED'],
    ],
    ['8 A2: without the parent', foo.slice(1), ['(\\NonExistent \\Noselect \\HasChildren) Foo SUBSCRIBED']],
    ['8 B: none is', foo.with(2, folder('Foo/Baz')), []],
    [
      '8 C: the parent and another are',
      [folder('Foo', true), folder('Foo/Bar'), folder('Moo', true)],
      ['(\\HasChildren \\Subscribed) Foo', '(\\HasNoChildren \\Subscribed) Moo'],
    ],
  ]
  for (const [what, folders, want] of fooRows) {
    test(`example ${what}`, () => assert.deepEqual(shownBy(folders, [], [recursive, '%', []]), want))
  }

  test('example 9: names that are shown for what the pattern shows as well are left out', () => {
    const folders = [
      ...['baz2/bar2', 'baz2/bar22', 'baz2/bar222', 'eps2', 'eps2/mamba', 'foo2/bar1', 'foo2/bar2'].map(
        (path) => folder(path, true),
      ),
      folder('qux2/bar2', true),
      folder('baz2'),
      folder('foo2'),
    ].sort((a, b) => (a.path < b.path ? -1 : 1))
    assert.deepEqual(shownBy(folders, [], [recursive, '*2', []]), [
      '(\\HasNoChildren \\Subscribed) baz2/bar2',
      '(\\HasNoChildren \\Subscribed) baz2/bar22',
      '(\\HasNoChildren \\Subscribed) baz2/bar222',
      '(\\HasChildren \\Subscribed) eps2 SUBSCRIBED',
      '(\\HasChildren) foo2 SUBSCRIBED',
      '(\\HasNoChildren \\Subscribed) foo2/bar2',
      '(\\HasNoChildren \\Subscribed) qux2/bar2',
    ])
  })

  test('example 10: CHILDINFO does not mean that there are children', () => {
    const show = (select: typeof none, pattern: string | string[]) =>
      shownBy([folder('foo')], ['foo/bar'], [select, pattern, []])
    assert.deepEqual(show(none, ['foo', 'foo/*']), ['(\\HasNoChildren) foo'])
    assert.deepEqual(show(subscribed, 'foo/*'), [
      '(\\NonExistent \\Noselect \\HasNoChildren \\Subscribed) foo/bar',
    ])
    assert.deepEqual(show(recursive, 'foo'), ['(\\HasNoChildren) foo SUBSCRIBED'])
  })

  test('a level that only a lost subscription has is shown by RECURSIVEMATCH alone', () => {
    const show = (select: typeof none) => shownBy([], ['a/b'], [select, '%', []])
    assert.deepEqual(show(none), [])
    assert.deepEqual(show(subscribed), [])
    assert.deepEqual(show(recursive), ['(\\NonExistent \\Noselect \\HasNoChildren) a SUBSCRIBED'])
  })

  test('special uses may be what is matched recursively', () => {
    const folders = [folder('a'), folder('a/Sent', false, 'sent')]
    const select = { ...specialUse, recursiveMatch: true }
    assert.deepEqual(shownBy(folders, [], [select, '%', []]), ['(\\HasChildren) a SPECIAL-USE'])
  })
})

describe('LSUB', () => {
  const folders = [folder('INBOX', true, 'inbox'), folder('work'), folder('work/2026', true)]
  const rows: [reference: string, pattern: string, want: string[]][] = [
    ['', '*', ['() INBOX', '(\\NonExistent) gone', '(\\NonExistent) lost/a', '() work/2026']],
    ['', '%', ['() INBOX', '(\\NonExistent) gone', '(\\Noselect) lost', '(\\Noselect) work']],
    ['work/', '%', ['() work/2026']],
    ['', 'work', []],
  ]
  for (const [reference, pattern, want] of rows) {
    test(`"${reference}" ${pattern}`, () => {
      const shown = subscribedEntries(folders, ['gone', 'lost/a'], { reference, pattern }).map(
        ({ path, attributes }) => `(${attributes.join(' ')}) ${path}`,
      )
      assert.deepEqual(shown, want)
    })
  }
})
