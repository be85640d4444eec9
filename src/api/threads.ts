/** /v1/mailboxes/{mailbox}/threads: conversations by their last activity, and one with its messages. */
import { type Static, Type } from 'typebox'
import { readMessageIfThere, readSummaries } from '../messages/read-message.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import { getThread, listThreads, readHiddenFolders } from '../messages/threads/thread-list.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { encodeCursor } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { viewOf } from './message-read.ts'
import { MessageSummaryView, messageSummaryView, SummaryOrMessageView } from './message-view.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, PageOf, pageQuery, pageRequest } from './schemas.ts'

const tags = ['messages']

/** Whole messages in a page: each may have a text of megabytes. */
const wholeMessagesMax = 20
/** After so many characters of their texts a page has no further one. */
const wholeCharsMax = 4 * 1024 * 1024

const ThreadView = Type.Object(
  {
    id: Id,
    messages: Type.Integer({ description: 'Copies in several folders count once.' }),
    unread: Type.Integer(),
    flagged: Type.Boolean({ description: 'One of its messages is.' }),
    last_activity_at: Moment,
    newest_message: MessageSummaryView,
  },
  { title: 'Thread' },
)

const ThreadPath = Type.Object({
  ...MailboxPath.properties,
  thread: Type.String({ description: 'The thread_id of its messages.' }),
})

export function threadRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/threads',
    {
      schema: {
        summary: 'List threads',
        description:
          'By their newest message. Trash and Junk do not count. A page may have fewer threads than `limit` and still a ' +
          '`next_cursor`: ask on until that is null.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery, closed),
        response: {
          200: PageOf(ThreadView),
          ...readProblems('mailbox_not_found', 'invalid_cursor', 'service_cannot'),
        },
      },
    },
    async (request) => {
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), request.params.mailbox)
      const withoutFolders = await readHiddenFolders(platform, mailboxId)
      const page = await listThreads(platform, mailboxId, { withoutFolders }, pageRequest(request.query))
      const newest = await readSummaries(
        platform,
        mailboxId,
        page.rows.map((thread) => thread.newest.id),
      )
      const byId = new Map(newest.map((message) => [message.id, message]))
      const data = page.rows.flatMap((thread) => {
        const message = byId.get(thread.newest.id)
        if (message === undefined) return [] // it was expunged meanwhile
        return {
          id: thread.id,
          messages: thread.messageCount,
          unread: thread.unseenCount,
          flagged: thread.isFlagged,
          last_activity_at: thread.newest.internalDate.toISOString(),
          newest_message: messageSummaryView(message),
        }
      })
      return { data, next_cursor: page.nextCursor }
    },
  )
  threadRoute(app, platform)
}

function threadRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/threads/:thread',
    {
      schema: {
        summary: 'Get a thread',
        description:
          'Its messages, the oldest first, each of them once whatever folders have copies: of more than a thousand the ' +
          `newest. With \`full=true\` whole, at most ${wholeMessagesMax} in a page, fewer where they are long.`,
        tags,
        params: ThreadPath,
        querystring: Type.Object(
          { ...pageQuery, full: Type.Optional(Type.Boolean({ description: 'Whole messages.' })) },
          closed,
        ),
        response: {
          200: PageOf(SummaryOrMessageView),
          ...readProblems('mailbox_not_found', 'thread_not_found', 'invalid_cursor', 'service_cannot'),
        },
      },
    },
    async (request) => {
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), request.params.mailbox)
      const { full = false } = request.query
      const { limit, after } = pageRequest(request.query)
      const ids = await threadIds(platform, mailboxId, request.params.thread)
      const left = after === null ? ids : ids.filter((id) => id > after)
      const page = left.slice(0, full ? Math.min(limit, wholeMessagesMax) : limit)
      const { data, read } = full
        ? await readWhole(platform, mailboxId, page)
        : {
            data: (await readSummaries(platform, mailboxId, page)).map(messageSummaryView),
            read: page.length,
          }
      const last = left[read - 1]
      return { data, next_cursor: last === undefined || read === left.length ? null : encodeCursor(last) }
    },
  )
}

/** @throws Refusal thread_not_found. */
async function threadIds(platform: Platform, mailboxId: string, threadId: string): Promise<string[]> {
  const messages = isId(threadId) ? await getThread(platform, mailboxId, threadId) : null
  if (messages === null) throw new Refusal('thread_not_found')
  return messages.map(({ id }) => id)
}

type Whole = Static<typeof SummaryOrMessageView>[]

/** As many as are not too much together; one that was expunged meanwhile is left out. */
async function readWhole(
  platform: Platform,
  mailboxId: string,
  ids: readonly string[],
): Promise<{ data: Whole; read: number }> {
  const data: Whole = []
  let read = 0
  let chars = 0
  for (const id of ids) {
    const message = await readMessageIfThere(platform, mailboxId, id)
    read += 1
    if (message === null) continue
    data.push(await viewOf(platform, message))
    chars += (message.content.text?.length ?? 0) + (message.content.html?.length ?? 0)
    if (chars >= wholeCharsMax) break
  }
  return { data, read }
}
