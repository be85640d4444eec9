/** GET /v1/mailboxes/{mailbox}/messages and /search: messages in short, newest first. */
import { type Static, Type } from 'typebox'
import { keywordBytesMax } from '../messages/flags.ts'
import { listFolders } from '../messages/folders.ts'
import { chooseFolder, listMessages } from '../messages/message-list.ts'
import { readSummaries } from '../messages/read-message.ts'
import { type MessageQuery, parseMessageQuery } from '../messages/search/message-query.ts'
import { searchMailbox } from '../messages/search/message-search.ts'
import type { SearchCriterion } from '../messages/search/search-criterion.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { MessageSummaryView, messageSummaryView } from './message-view.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed, PageOf, pageQuery, pageRequest, pageView, readMomentOrNull } from './schemas.ts'

const tags = ['messages']

const textLengthMax = 200
const folderLengthMax = 1000

const filters = {
  folder: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: folderLengthMax,
      description:
        'A folder’s id or path, what it is for (`inbox`, `sent`, `drafts`, `archive`, `junk`, `trash`), or `anywhere`. ' +
        'Default: all but Trash and Junk.',
    }),
  ),
  unread: Type.Optional(Type.Boolean()),
  flagged: Type.Optional(Type.Boolean()),
  label: Type.Optional(
    Type.String({ minLength: 1, maxLength: keywordBytesMax, description: 'In any case.' }),
  ),
  has_attachments: Type.Optional(Type.Boolean()),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'Received then or later.' })),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'Received before.' })),
} as const

const ListQuery = Type.Object(
  {
    ...pageQuery,
    ...filters,
    thread: Type.Optional(Type.String({ format: 'uuid', description: 'The thread_id of its messages.' })),
  },
  closed,
)

const Words = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: textLengthMax, description }))

const SearchQuery = Type.Object(
  {
    ...pageQuery,
    q: Type.Optional(
      Type.String({
        maxLength: 1000,
        description:
          'As people type it: words and "phrases" that must all be there, `from:` `to:` `cc:` `bcc:` `subject:` `before:` ' +
          '`after:` `has:attachment` `is:unread` `is:flagged` `in:trash`, and a minus before what must not be.',
      }),
    ),
    from: Words('In a name or an address of the author.'),
    to: Words('Likewise of a recipient, Cc and Bcc included.'),
    subject: Words('In the subject.'),
    text: Words('In the text.'),
    ...filters,
  },
  closed,
)

export function messageListRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/messages',
    {
      schema: {
        summary: 'List messages',
        description:
          'The newest first, by when they were received. With `label` or `has_attachments`, or with several filters, a ' +
          'page may have fewer messages than `limit`, or none, and still a `next_cursor`: ask on until that is null.',
        tags,
        params: MailboxPath,
        querystring: ListQuery,
        response: {
          200: PageOf(MessageSummaryView),
          ...readProblems('mailbox_not_found', 'folder_not_found', 'invalid_cursor', 'service_cannot'),
        },
      },
    },
    async (request) => {
      const { query } = request
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), request.params.mailbox)
      const filter = {
        folder: query.folder ?? null,
        unread: query.unread ?? null,
        flagged: query.flagged ?? null,
        label: query.label ?? null,
        hasAttachments: query.has_attachments ?? null,
        thread: query.thread ?? null,
        since: readMomentOrNull(query.since, '/since'),
        until: readMomentOrNull(query.until, '/until'),
      }
      return pageView(await listMessages(platform, mailboxId, filter, pageRequest(query)), messageSummaryView)
    },
  )
  searchRoute(app, platform)
}

function searchRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/search',
    {
      schema: {
        summary: 'Search messages',
        description:
          'The newest first. What `q` says and the other parameters must all hold. Texts are found as they are typed, ' +
          'also within words, in any case. A message that lies in several folders comes once in a page.',
        tags,
        params: MailboxPath,
        querystring: SearchQuery,
        response: {
          200: PageOf(MessageSummaryView),
          ...readProblems('mailbox_not_found', 'folder_not_found', 'invalid_cursor', 'service_cannot'),
        },
      },
    },
    async (request) => {
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), request.params.mailbox)
      const query = await toQuery(platform, mailboxId, request.query)
      const page = await searchMailbox(platform, mailboxId, query, pageRequest(request.query))
      const ids = page.rows.map(({ id }) => id)
      const rows = await readSummaries(platform, mailboxId, ids)
      return pageView({ rows, nextCursor: page.nextCursor }, messageSummaryView)
    },
  )
}

type Asked = Static<typeof SearchQuery>

/** @throws Refusal invalid_request for too much at once, folder_not_found. */
async function toQuery(platform: Platform, mailboxId: string, asked: Asked): Promise<MessageQuery> {
  const parsed = parseMessageQuery(asked.q ?? '')
  if (!parsed.ok) {
    const fields = [{ pointer: '/q', detail: parsed.problem }]
    throw new Refusal('invalid_request', parsed.problem, { fields })
  }
  const { criteria, folders } = parsed.query
  return {
    criteria: [...criteria, ...criteriaOf(asked)],
    folders: asked.folder === undefined ? folders : await foldersOf(platform, mailboxId, asked.folder),
  }
}

async function foldersOf(
  platform: Platform,
  mailboxId: string,
  wanted: string,
): Promise<MessageQuery['folders']> {
  if (wanted.toLowerCase() === 'anywhere') return 'all'
  return { path: chooseFolder(await listFolders(platform, mailboxId), wanted).path }
}

function criteriaOf(asked: Asked): SearchCriterion[] {
  const criteria: SearchCriterion[] = []
  const { from, to, subject, text, label } = asked
  if (from !== undefined) criteria.push({ kind: 'address', field: 'from', text: from })
  if (to !== undefined) {
    const fields = ['to', 'cc', 'bcc'] as const
    criteria.push({ kind: 'or', criteria: fields.map((field) => ({ kind: 'address', field, text: to })) })
  }
  if (subject !== undefined) criteria.push({ kind: 'subject', text: subject })
  if (text !== undefined) criteria.push({ kind: 'body', text })
  if (label !== undefined) criteria.push({ kind: 'keyword', keyword: label })
  addIf(criteria, asked.unread === undefined ? undefined : !asked.unread, { kind: 'flag', flag: 'seen' })
  addIf(criteria, asked.flagged, { kind: 'flag', flag: 'flagged' })
  addIf(criteria, asked.has_attachments, { kind: 'attachment' })
  const since = readMomentOrNull(asked.since, '/since')
  const until = readMomentOrNull(asked.until, '/until')
  if (since !== null) criteria.push({ kind: 'internal-date', relation: 'since', at: since })
  if (until !== null) criteria.push({ kind: 'internal-date', relation: 'before', at: until })
  return criteria
}

/** @param holds whether it must hold or must not; undefined: it does not matter. */
function addIf(criteria: SearchCriterion[], holds: boolean | undefined, criterion: SearchCriterion): void {
  if (holds !== undefined) criteria.push(holds ? criterion : { kind: 'not', criterion })
}
