/** Every type of event that the program declares is described, and what is described exists (docs/events.md). */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSources, repositoryRoot } from '../scripts/sources.ts'
import { internalEventTypes, isPublicType, parseTypeFilter, wantsType } from '../src/platform/event-types.ts'

/** The bodies of `interface EventTypes { … }` in all sources. */
async function declarations(): Promise<string[]> {
  const sources = await readSources(['src'])
  return [...sources.values()].flatMap((text) =>
    [...text.matchAll(/interface EventTypes \{\n(.*?)\n {2}\}/gs)].map(([, body = '']) => body),
  )
}

async function declaredTypes(): Promise<string[]> {
  const names = (await declarations()).flatMap((body) =>
    [...body.matchAll(/^ {4}'([\w.]+)':/gm)].map(([, name = '']) => name),
  )
  return names.sort()
}

const page = await readFile(join(repositoryRoot, 'docs/events.md'), 'utf8')
const [shown = '', hidden = ''] = page.split('### Not shown')

const rowsOf = (text: string): string[][] =>
  [...text.matchAll(/^\| `([\w.]+)` \| (.+) \|$/gm)].map(([, type = '', rest = '']) => [
    type,
    ...rest.split(' | '),
  ])

test('every declared type has one row, and every row a type', async () => {
  const described = [...rowsOf(shown), ...rowsOf(hidden)].map(([type = '']) => type)
  assert.deepEqual(described.sort(), await declaredTypes())
})

test('rows say when it happens and what is in it; those that are not shown, why', () => {
  for (const [type = '', when = '', data = '', ...more] of rowsOf(shown)) {
    assert.ok(
      when.length > 5 && /^[a-z]\w*( \(.*?\))?(, [a-z]\w*( \(.*?\))?)*$/.test(data),
      `${type}: ${data}`,
    )
    assert.deepEqual(more, [], type)
    assert.ok(isPublicType(type), type)
  }
  assert.deepEqual(Object.fromEntries(rowsOf(hidden)), internalEventTypes)
})

test('no declared field is a secret', async () => {
  const secret =
    /\b\w*(?:password|secret|token|passphrase|private|seed|credential|recovery_code|otp|hash)\w*\??: /gi
  const found = (await declarations()).flatMap((body) => [...body.matchAll(secret)].map(([name]) => name))
  assert.deepEqual(
    found.filter((name) => !harmless.includes(name)),
    [],
  )
})

/** The id of an app password, which opens nothing. */
const harmless = ['app_password_id?: ']

test('a filter takes types, kinds and everything', () => {
  const cases: [patterns: string[], type: string, wanted: boolean][] = [
    [[], 'message.received', true],
    [['*'], 'message.received', true],
    [['message.received'], 'message.received', true],
    [['message.received'], 'message.sent', false],
    [['message.*'], 'message.sent', true],
    [['message.*'], 'messages.sent', false],
    [['domain.created', 'batch.*'], 'batch.completed', true],
    [['domain.created', 'batch.*'], 'domain.deleted', false],
  ]
  for (const [patterns, type, wanted] of cases) {
    assert.equal(wantsType(parseTypeFilter(patterns, ''), type), wanted, `${patterns} ${type}`)
  }
  for (const wrong of [
    '',
    'message',
    '.*',
    'message.',
    'm*.x',
    'message.**',
    'Message.x',
    'a.b.c',
    'message.x y',
  ]) {
    assert.throws(() => parseTypeFilter([wrong], '/types'), { code: 'invalid_request' }, wrong)
  }
})
