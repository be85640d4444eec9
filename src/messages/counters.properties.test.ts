/** Whatever is done to a mailbox, the counters in its folders equal a recount. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../platform/errors.ts'
import { append, assertCounters, inTransaction, mail } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted } from './changes.ts'
import { copyMessages, moveMessages } from './copies.ts'
import { createFolder, deleteFolder, findFolder } from './folders.ts'
import { renameFolder } from './rename.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const path = fc.constantFrom('INBOX', 'Sent', 'a', 'a/b', 'c')
const ranges = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 8 }), fc.nat(4))
    .map(([first, width]) => ({ first, last: first + width })),
  { minLength: 1, maxLength: 3 },
)
const operation = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    path,
    flags: fc.nat(31),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    kind: fc.constant('flags' as const),
    path,
    ranges,
    flags: fc.nat(31),
    mode: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
  }),
  fc.record({ kind: fc.constant('expunge' as const), path, ranges: fc.option(ranges) }),
  fc.record({ kind: fc.constantFrom('copy' as const, 'move' as const), path, to: path, ranges }),
  fc.record({ kind: fc.constantFrom('create' as const, 'delete' as const), path }),
  fc.record({ kind: fc.constant('rename' as const), path, to: path }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

test('counters equal a recount after any operations', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 14 }), async (operations) => {
      const { owner, mailboxId } = await t.createMailbox()
      const idOf = async (wanted: string) => {
        const folder = await findFolder(t.platform, mailboxId, wanted)
        if (!folder) throw new Refusal('folder_not_found')
        return folder.id
      }
      const perform = async (one: Operation): Promise<unknown> => {
        const { platform } = t
        if (one.kind === 'append') {
          const raws = Array.from({ length: one.count }, (_, n) => mail({ text: 'x'.repeat(n * 7) }))
          return await append(platform, owner, await idOf(one.path), raws, { flags: one.flags })
        }
        return await inTransaction(platform, async (tx) => {
          switch (one.kind) {
            case 'flags': {
              const change = { mode: one.mode, flags: one.flags, keywords: [] }
              return await changeFlags(platform, tx, owner, await idOf(one.path), one.ranges, change)
            }
            case 'expunge':
              return await expungeDeleted(platform, tx, owner, await idOf(one.path), one.ranges)
            case 'copy':
              return await copyMessages(
                platform,
                tx,
                owner,
                await idOf(one.path),
                one.ranges,
                await idOf(one.to),
              )
            case 'move':
              return await moveMessages(
                platform,
                tx,
                owner,
                await idOf(one.path),
                one.ranges,
                await idOf(one.to),
              )
            case 'create':
              return await createFolder(platform, tx, owner, one.path)
            case 'delete':
              return await deleteFolder(platform, tx, owner, one.path)
            case 'rename':
              return await renameFolder(platform, tx, owner, one.path, one.to)
          }
        })
      }
      for (const one of operations) {
        await perform(one).catch((error: unknown) => assert.ok(error instanceof Refusal, String(error)))
      }
      await assertCounters(t.platform, mailboxId)
    }),
    { numRuns: 25 },
  )
})
