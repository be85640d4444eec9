/** For the tests of FETCH and SEARCH: messages in a folder, and responses as one wire string. */

import { createBodyWriter, type StagedBody } from '../messages/bodies.ts'
import { storeMessages } from '../messages/store.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import type { FetchTarget } from '../protocols/imap/fetch/request.ts'
import type { FetchItem } from '../protocols/imap/syntax/fetch-item.ts'
import type { SearchKey } from '../protocols/imap/syntax/search-key.ts'
import { parseLine } from '../protocols/imap/syntax/testing.ts'
import { startTestPlatform } from './test-platform.ts'

export type TestFolder = AsyncDisposable & { platform: Platform; target: FetchTarget }

export type TestMessage = {
  raw: Buffer | string
  flags?: number
  keywords?: string[]
  internalDate?: Date
}

/** An empty INBOX on a platform of its own. */
export async function openTestFolder(): Promise<TestFolder> {
  const running = await startTestPlatform()
  const { mailboxId } = await running.createMailbox()
  const { id } = await running.platform.db
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('special_use', '=', 'inbox')
    .executeTakeFirstOrThrow()
  return {
    platform: running.platform,
    target: { mailboxId, folderId: id },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

/** Stores messages (latin1 where they are strings) in one transaction. @returns their UIDs. */
export async function store(folder: TestFolder, messages: readonly TestMessage[]): Promise<number[]> {
  const { platform, target } = folder
  const bodies: StagedBody[] = []
  for (const { raw } of messages) {
    const writer = createBodyWriter(platform)
    await writer.write(typeof raw === 'string' ? Buffer.from(raw, 'latin1') : raw)
    bodies.push(await writer.finish())
  }
  const stored = await transaction(platform.db, (tx) =>
    storeMessages(
      platform,
      tx,
      bodies.map((body, index) => ({
        ...target,
        body,
        flags: messages[index]?.flags ?? 0,
        keywords: messages[index]?.keywords ?? [],
        internalDate: messages[index]?.internalDate ?? new Date('2026-01-02T03:04:05Z'),
      })),
      () => [],
    ),
  )
  return stored.map((message) => message?.uid ?? 0)
}

/** Collects what is written, as the client sees it. */
export function collectWire(): {
  write(data: string | Buffer): Promise<void>
  wire(): string
  largestBytes: number
} {
  const pieces: string[] = []
  const collected = {
    largestBytes: 0,
    async write(data: string | Buffer) {
      collected.largestBytes = Math.max(collected.largestBytes, data.length)
      pieces.push(typeof data === 'string' ? data : data.toString('latin1'))
    },
    wire: () => pieces.join(''),
  }
  return collected
}

/** `UID FLAGS BODY[1]` as the parser reads it. */
export function fetchItems(text: string): readonly FetchItem[] {
  const result = parseLine(`FETCH 1 (${text})`)
  if (result.ok && result.command.name === 'FETCH') return result.command.items
  throw new Error(`no FETCH items: ${text}`)
}

/** `UNSEEN SUBJECT "x"` as the parser reads it. */
export function searchKey(text: string): SearchKey {
  const result = parseLine(`SEARCH ${text}`)
  if (result.ok && result.command.name === 'SEARCH') return result.command.criteria
  throw new Error(`no SEARCH keys: ${text}`)
}
