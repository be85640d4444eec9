import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesChanged } from './person-names.ts'

const ann = { first_name: 'Ann', last_name: 'Lee', display_name: 'Ann Lee' }
for (const [what, before, names, expected] of [
  ['the shown name follows', ann, { first: 'Eve' }, ['Eve', 'Lee', 'Eve Lee']],
  [
    'one that somebody has given stays',
    { ...ann, display_name: 'Sales' },
    { first: 'Eve' },
    ['Eve', 'Lee', undefined],
  ],
  [
    'where there was none there is one',
    { ...ann, display_name: null },
    { last: 'Ray' },
    ['Ann', 'Ray', 'Ann Ray'],
  ],
  ['names that are empty are none', ann, { first: '', last: '' }, [null, null, null]],
] as const) {
  test(what, () => {
    const { firstName, lastName, displayName } = namesChanged(before, names)
    assert.deepEqual([firstName, lastName, displayName], expected)
  })
}
