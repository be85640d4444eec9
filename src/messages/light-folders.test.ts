import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createEventBus } from '../platform/event-bus.ts'
import { countStatements } from '../testing/count-statements.ts'
import { append, folderIdOf, inTransaction, mail } from '../testing/test-mail.ts'
import { openSecondNode } from '../testing/test-node.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted } from './changes.ts'
import { copyMessages, moveMessages } from './copies.ts'
import { flagBits } from './flags.ts'
import { newsOf, readFolderNews } from './folder-news.ts'
import {
  isRemembered,
  keepText,
  knownLightFolder,
  type LightFolder,
  lightFolderOf,
  lightMessagesIn,
} from './light-folders.ts'
import { type LightMessage, readLightMessages } from './light-messages.ts'
import { searchMessages } from './search/search.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const all = [{ first: 1, last: 2 ** 32 - 1 }]
const unknown = { modseq: 0, isStale: false }

async function stored(box: TestMailbox, folderId: string): Promise<LightMessage[]> {
  const found: LightMessage[] = []
  for await (const page of readLightMessages(t.platform.db, box.mailboxId, folderId, all)) found.push(...page)
  return found
}

async function remembered(
  box: TestMailbox,
  folderId: string,
  known = unknown,
): Promise<{ folder: LightFolder; messages: LightMessage[] }> {
  const folder = await lightFolderOf(t.platform, { mailboxId: box.mailboxId, folderId }, known)
  assert.ok(folder)
  return { folder, messages: [...lightMessagesIn(folder, all)] }
}

test('what is remembered is what is stored, after every kind of change', async () => {
  const box = await t.createMailbox()
  const ids = [
    await folderIdOf(t.platform, box.mailboxId, 'INBOX'),
    await folderIdOf(t.platform, box.mailboxId, 'Sent'),
  ]
  const pick = (): string => ids[Math.floor(Math.random() * 2)] ?? ''
  const { owner } = box
  const range = (): { first: number; last: number }[] => {
    const first = 1 + Math.floor(Math.random() * 30)
    return [{ first, last: first + Math.floor(Math.random() * 6) }]
  }
  const changes: (() => Promise<unknown>)[] = [
    () => append(t.platform, owner, pick(), [mail(), mail()], { flags: flagBits.draft, keywords: ['$Work'] }),
    () =>
      inTransaction(t.platform, (tx) =>
        changeFlags(t.platform, tx, owner, pick(), range(), {
          mode: 'add',
          flags: flagBits.deleted,
          keywords: ['$A'],
        }),
      ),
    () =>
      inTransaction(t.platform, (tx) =>
        changeFlags(t.platform, tx, owner, pick(), range(), {
          mode: 'replace',
          flags: flagBits.seen,
          keywords: [],
        }),
      ),
    () => inTransaction(t.platform, (tx) => expungeDeleted(t.platform, tx, owner, pick(), range())),
    () => inTransaction(t.platform, (tx) => copyMessages(t.platform, tx, owner, pick(), range(), pick())),
    () => inTransaction(t.platform, (tx) => moveMessages(t.platform, tx, owner, pick(), range(), pick())),
  ]
  for (let n = 0; n < 200; n++) {
    // Several at once: what one of them notes may not be the next that happened.
    const some = Array.from(
      { length: 1 + (n % 3) },
      () => changes[Math.floor(Math.random() * changes.length)],
    )
    await Promise.all(some.map((change) => change?.()))
    for (const id of ids) assert.deepEqual((await remembered(box, id)).messages, await stored(box, id))
  }
})

test('own changes cost no reading', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail(), mail(), mail()])
  const { folder } = await remembered(box, inbox)
  const change = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const
  await inTransaction(t.platform, (tx) =>
    changeFlags(t.platform, tx, box.owner, inbox, [{ first: 2, last: 2 }], change),
  )
  await inTransaction(t.platform, (tx) => expungeDeleted(t.platform, tx, box.owner, inbox, null))
  await append(t.platform, box.owner, inbox, [mail()])
  assert.ok(folder.heard <= folder.modseq, 'nothing was heard that is not known')
  assert.deepEqual([...lightMessagesIn(folder, all)], await stored(box, inbox))
  assert.deepEqual([...folder.uids], [1, 3, 4])
})

test('what another node does is read by whoever knows of it', async () => {
  await using stack = new AsyncDisposableStack()
  const other = await openSecondNode(stack, t)
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail()])
  await remembered(box, inbox)
  const [made] = await append(other, box.owner, inbox, [mail()])
  assert.ok(made)
  assert.equal((await remembered(box, inbox, { modseq: made.modseq, isStale: false })).messages.length, 2)
  await append(other, box.owner, inbox, [mail()])
  assert.equal((await remembered(box, inbox, { modseq: made.modseq, isStale: true })).messages.length, 3)
})

test('after a connection broke, what was committed unheard of is read', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail()])
  await remembered(box, inbox)
  const deaf = { ...t.platform, bus: createEventBus(() => undefined) } // the same node, which is told of nothing
  await append(deaf, box.owner, inbox, [mail()])
  assert.equal((await remembered(box, inbox)).messages.length, 1)
  t.platform.bus.doubt()
  assert.equal(knownLightFolder(t.platform, inbox), null)
  assert.equal((await remembered(box, inbox)).messages.length, 2)
})

test('those who ask at once share what is read, and a folder that is gone is forgotten', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail()])
  const [one, two] = await Promise.all([remembered(box, inbox), remembered(box, inbox)])
  assert.equal(one.folder, two.folder)
  keepText(t.platform, one.folder, 1, 'text')
  assert.equal((await remembered(box, inbox)).folder.texts.get(1), 'text')
  await t.platform.db.deleteFrom('folders').where('id', '=', inbox).execute()
  const target = { mailboxId: box.mailboxId, folderId: inbox }
  assert.equal(await lightFolderOf(t.platform, target, { modseq: 0, isStale: true }), null)
  assert.equal(isRemembered(t.platform, inbox), false)
})

test('news and searches of a remembered folder are those of the database', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail(), mail(), mail(), mail()], { keywords: ['$Work'] })
  const target = { mailboxId: box.mailboxId, folderId: inbox }
  const known = { ...target, modseq: 2, uidnext: 5 }
  const { folder } = await remembered(box, inbox)
  const add = (flags: number, first: number) =>
    inTransaction(t.platform, (tx) =>
      changeFlags(t.platform, tx, box.owner, inbox, [{ first, last: first }], {
        mode: 'add',
        flags,
        keywords: ['$B'],
      }),
    )
  await add(flagBits.flagged, 2)
  await add(flagBits.deleted, 3)
  await inTransaction(t.platform, (tx) => expungeDeleted(t.platform, tx, box.owner, inbox, null))
  await append(t.platform, box.owner, inbox, [mail()])
  const told = newsOf(folder, known, Uint32Array.of(1, 2, 3, 4))
  const read = await readFolderNews(t.platform, known)
  assert.deepEqual({ ...told, expungedFrom: null }, { ...read, expungedFrom: null })
  assert.ok((told.expungedFrom ?? 0) <= (read?.expungedFrom ?? 0), 'not above where it was')
  for (const criterion of [
    { kind: 'flag', flag: 'flagged' },
    { kind: 'not', criterion: { kind: 'keyword', keyword: '$b' } },
    { kind: 'modseq', atLeast: 3 },
    {
      kind: 'or',
      criteria: [
        { kind: 'uids', ranges: [{ first: 4, last: 9 }] },
        { kind: 'flag', flag: 'flagged' },
      ],
    },
    { kind: 'size', relation: 'larger', sizeBytes: 1 },
  ] as const) {
    let found: number[] = []
    const statements = await countStatements(async () => {
      found = await searchMessages(t.platform, target, criterion)
    })
    assert.equal(statements, 0)
    // A folder that is not remembered is searched by the database.
    await using stack = new AsyncDisposableStack()
    const other = await openSecondNode(stack, t)
    assert.deepEqual(found, await searchMessages(other, target, criterion))
  }
})
