/** Cursors of newest mail: each message comes once, also where many have the same moment. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cursorAfter, type EmailCursor, parseThreadRef, readCursor } from './onebox-view.ts'

const base = 1_790_000_000_000

/** As newestOfMailboxes gives them: before a moment, newest first. */
function walk(messages: readonly { internalDate: Date }[], limit: number): unknown[] {
  const seen: unknown[] = []
  let cursor: number | null = null
  let from: EmailCursor | null = null
  do {
    const older = messages.filter((one) => from === null || one.internalDate.getTime() <= from.ms)
    const page = older.slice(from?.skip ?? 0).slice(0, limit)
    seen.push(...page)
    cursor = older.length > (from?.skip ?? 0) + limit ? cursorAfter(page, from) : null
    if (cursor !== null) {
      assert.ok(Number.isSafeInteger(cursor))
      from = readCursor(cursor)
    }
  } while (cursor !== null)
  return seen
}

test('pages of any size have each message once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (offsets, limit) => {
      const messages = offsets
        .map((offset) => ({ internalDate: new Date(base + offset) }))
        .sort((a, b) => b.internalDate.getTime() - a.internalDate.getTime())
      assert.deepEqual(walk(messages, limit), messages)
    }),
  )
})

test('a walk ends also where more than a thousand have one moment', () => {
  const messages = Array.from({ length: 1500 }, () => ({ internalDate: new Date(base) }))
  const older = { internalDate: new Date(base - 1) }
  const seen = walk([...messages, older], 100)
  assert.equal(seen.at(-1), older)
})

test('a moment of a client is a cursor, too: what is before it', () => {
  assert.deepEqual(readCursor(base), { ms: base - 1, skip: 0 })
  assert.deepEqual(readCursor(base * 1000 + 7), { ms: base, skip: 7 })
})

test('a reference to a thread names its mailbox', () => {
  const [mailboxId, threadId] = [
    '00000000-0000-4000-8000-000000000000',
    '00000000-0000-4000-8000-000000000001',
  ]
  assert.deepEqual(parseThreadRef(`${mailboxId}_${threadId}`), { mailboxId, threadId })
  for (const text of ['', '_', mailboxId, `${mailboxId}_`, `${mailboxId}_${threadId}_x`])
    assert.equal(parseThreadRef(text), null)
})
