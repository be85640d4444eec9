import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { eventsOf, folderIdOf, inTransaction } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import {
  type AnnotationQuery,
  annotationLimits,
  readAnnotations,
  requireEntryName,
  writeAnnotations,
} from './annotations.ts'
import { localEngine } from './local-engine.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const isRefusal = (code: ErrorCode) => (error: unknown) => error instanceof Refusal && error.code === code

const valid: [name: string, want: string][] = [
  ['/private/comment', '/private/comment'],
  ['/Shared/Vendor/CMU/color', '/shared/vendor/cmu/color'],
  ['/shared', '/shared'],
  ['/private/a b', '/private/a b'],
]
for (const [name, want] of valid) test(`entry ${name}`, () => assert.equal(requireEntryName(name), want))

const invalid = [
  '',
  '/',
  'comment',
  '/comment',
  '/privately/comment',
  '/private/',
  '/private//a',
  '/private/a/',
  '/private/a*',
  '/private/%',
  '/private/\u00e9',
  '/private/a\n',
  `/private/${'a'.repeat(annotationLimits.nameBytesMax)}`,
]
for (const name of invalid) {
  test(`entry ${JSON.stringify(name.slice(0, 30))} is refused`, () =>
    assert.throws(() => requireEntryName(name), isRefusal('annotation_name_invalid')))
}

test('an entry name is taken as it was given back, or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      try {
        const name = requireEntryName(`/private/${text}`)
        assert.equal(requireEntryName(name), name)
      } catch (error) {
        assert.ok(error instanceof Refusal)
      }
    }),
  )
})

const set = (
  box: TestMailbox,
  folderId: string | null,
  values: Record<string, string | Buffer | null>,
): Promise<void> =>
  inTransaction(t.platform, (tx) =>
    writeAnnotations(
      t.platform,
      tx,
      box.owner,
      folderId,
      Object.entries(values).map(([entry, value]) => ({
        entry,
        value: typeof value === 'string' ? Buffer.from(value) : value,
      })),
    ),
  )

async function get(box: TestMailbox, query: Partial<AnnotationQuery>): Promise<unknown[]> {
  const found = await readAnnotations(t.platform.db, box.mailboxId, {
    folderIds: [null],
    entries: [],
    depth: 0,
    valueBytesMax: null,
    ...query,
  })
  return found.map(({ entry, value, sizeBytes }) => [entry, value?.toString() ?? sizeBytes])
}

const depths: [entries: string[], depth: 0 | 1 | 'infinity', max: number | null, want: unknown[]][] = [
  [['/private/a'], 0, null, [['/private/a', '1']]],
  [['/private/b'], 0, null, []],
  [
    ['/private/a'],
    1,
    null,
    [
      ['/private/a', '1'],
      ['/private/a/b', '22'],
    ],
  ],
  [
    ['/private/a', '/private'],
    'infinity',
    null,
    [
      ['/private/a', '1'],
      ['/private/a/b', '22'],
      ['/private/a/b/c', '333'],
      ['/private/ab', '4'],
    ],
  ],
  [
    ['/private/a/b'],
    'infinity',
    2,
    [
      ['/private/a/b', '22'],
      ['/private/a/b/c', 3],
    ],
  ],
  [
    ['/private', '/shared'],
    1,
    null,
    [
      ['/private/a', '1'],
      ['/private/ab', '4'],
      ['/shared/z', ''],
    ],
  ],
]
for (const [entries, depth, valueBytesMax, want] of depths) {
  test(`entries ${entries.join(' ')} to depth ${depth}, at most ${valueBytesMax} bytes`, async () => {
    const box = await t.createMailbox()
    await set(box, null, {
      '/private/a': '1',
      '/private/a/b': '22',
      '/private/a/b/c': '333',
      '/private/ab': '4',
      '/shared/z': '',
    })
    assert.deepEqual(await get(box, { entries, depth, valueBytesMax }), want)
  })
}

test('entries of folders, of none and of other mailboxes stay apart', async () => {
  const [box, other] = [await t.createMailbox(), await t.createMailbox()]
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const sent = await folderIdOf(t.platform, box.mailboxId, 'Sent')
  const entry = '/private/comment'
  await set(box, inbox, { [entry]: 'inbox' })
  await set(box, sent, { [entry]: 'sent' })
  await set(box, null, { [entry]: 'server' })
  const of = (folderIds: (string | null)[], who = box) => get(who, { folderIds, entries: [entry] })
  assert.deepEqual(await of([inbox]), [[entry, 'inbox']])
  assert.deepEqual(await of([null]), [[entry, 'server']])
  assert.equal((await of([inbox, sent, null])).length, 3)
  assert.deepEqual(await of([inbox, sent, null], other), [])
  await assert.rejects(set(other, inbox, { [entry]: 'x' }), isRefusal('folder_not_found'))
  assert.deepEqual(await of([inbox]), [[entry, 'inbox']])
})

test('values are any bytes, the last one wins, null removes, and it is told', async () => {
  const box = await t.createMailbox()
  const bytes = Buffer.from([0, 1, 255, 10])
  await set(box, null, { '/private/x': bytes, '/private/y': '' })
  await set(box, null, { '/private/y': null, '/private/none': null })
  const found = await readAnnotations(t.platform.db, box.mailboxId, {
    folderIds: [null],
    entries: ['/private'],
    depth: 1,
    valueBytesMax: null,
  })
  assert.deepEqual(found, [{ folderId: null, entry: '/private/x', sizeBytes: 4, value: bytes }])
  const told = (await eventsOf(t.platform, box.mailboxId)).filter(
    ({ type }) => type === 'folder.annotations_changed',
  )
  assert.deepEqual(
    told.map(({ data }) => data),
    [
      { folder_id: null, entries: ['/private/x', '/private/y'] },
      { folder_id: null, entries: ['/private/y', '/private/none'] },
    ],
  )
})

test('limits: the size of a value, the number in a folder, the bytes of a mailbox; and all or nothing', async () => {
  const box = await t.createMailbox()
  const { valueBytesMax, entriesPerFolderMax, bytesPerMailboxMax } = annotationLimits
  const large = Buffer.alloc(valueBytesMax + 1, 'x')
  await assert.rejects(
    set(box, null, { '/private/small': 'x', '/private/large': large }),
    isRefusal('annotation_too_large'),
  )
  assert.deepEqual(await get(box, { entries: ['/private'], depth: 1 }), [])
  await set(box, null, { '/private/large': large.subarray(1) })
  const many = Object.fromEntries(
    Array.from({ length: entriesPerFolderMax }, (_, n) => [`/private/e${n}`, 'x']),
  )
  await assert.rejects(set(box, null, many), isRefusal('annotation_limit_reached'))
  await set(box, null, { ...many, '/private/large': null })
  await sql`insert into annotations (mailbox_id, folder_id, entry, value)
    select ${box.mailboxId}::uuid, ${newId()}::uuid, 'e' || n, convert_to(repeat('x', 30000), 'UTF8')
    from generate_series(1, ${Math.ceil(bytesPerMailboxMax / 30_000)}::int) n`.execute(t.platform.db)
  await assert.rejects(set(box, null, { '/private/e0': 'y' }), isRefusal('annotation_limit_reached'))
  await set(box, null, { '/private/e0': null }) // what is too much can be taken away
})

test('a purged mailbox leaves none', async () => {
  const box = await t.createMailbox()
  await set(box, null, { '/private/x': 'x' })
  await inTransaction(t.platform, (tx) => localEngine.purge(t.platform, tx, box.mailboxId))
  assert.deepEqual(await get(box, { entries: ['/private'], depth: 'infinity' }), [])
})
