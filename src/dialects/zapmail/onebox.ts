/** The mail of all mailboxes of a workspace together: accounts, newest messages, threads, search. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { mailboxesById, pageStoredMailboxes, storedMailboxIds } from '../../mailboxes/mailbox-sets.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { newestOfMailboxes } from '../../messages/newest-of-mailboxes.ts'
import {
  type MessageSummary,
  readMessageIfThere,
  readSummaries,
  readSummariesOfMany,
} from '../../messages/read-message.ts'
import { type MessageQuery, parseMessageQuery } from '../../messages/search/message-query.ts'
import { searchMailbox } from '../../messages/search/message-search.ts'
import { searchWorkspace } from '../../messages/search/workspace-search.ts'
import { storedOwnerOf } from '../../messages/stored-mailbox.ts'
import type { SpecialUse } from '../../messages/tables.ts'
import { getThread } from '../../messages/threads/thread-list.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { nameParts } from './mailbox-view.ts'
import { requireMailbox } from './mailboxes.ts'
import {
  cursorAfter,
  EmailView,
  emailView,
  parseThreadRef,
  readCursor,
  WholeEmailView,
  wholeEmailView,
} from './onebox-view.ts'
import { type Provider, productsOf, providerOf, providers } from './providers.ts'
import { DataOf, dataOf, errors, Moment, pageInput, pageOf } from './schemas.ts'
import { mailboxStatus, mailboxStatuses } from './statuses.ts'

export const tags = ['zapbox']

/** An address, or the id of a mailbox. */
export const AccountInput = Type.String({ maxLength: 300 })

/** Accounts that are looked into together: of more those that were made last. */
const accountsMax = 10_000
const emailsMax = 100
const emailsUsual = 25
/** Whole messages of a thread, and after so many characters of them no further one. */
const wholeMax = 100
const wholeCharsMax = 4 * 1024 * 1024

/** Where nothing lies that somebody looks for in an inbox. */
const hiddenUses: readonly SpecialUse[] = ['trash', 'junk', 'drafts']

const AccountView = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    account: Type.String(),
    firstName: Type.String(),
    lastName: Type.String(),
    provider: OneOf(providers),
    status: OneOf(mailboxStatuses),
    domain: Type.String(),
    domainId: Type.String(),
    createdAt: Moment,
  },
  { title: 'Account' },
)

const PageView = Type.Object({
  emails: Type.Array(EmailView),
  nextCursor: Nullable(Type.Number(), 'For `cursor`; null: these are the last.'),
})

const LimitInput = Type.Optional(Type.Integer({ minimum: 1, maximum: emailsMax }))

export function oneboxRoutes(app: Api, platform: Platform): void {
  accountsRoute(app, platform)
  newestRoute(app, platform)
  threadRoute(app, platform)
  searchRoute(app, platform)
}

function accountsRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/onebox/connected-accounts',
    {
      schema: {
        summary: 'List the mailboxes whose mail is here',
        description: 'Those that run elsewhere have theirs there.',
        tags,
        querystring: Type.Object(pageInput),
        response: {
          200: Type.Object({
            ...DataOf(Type.Array(AccountView)).properties,
            pagination: Type.Object({
              total: Type.Integer(),
              currentPage: Type.Integer(),
              totalPages: Type.Integer(),
              hasNextPage: Type.Boolean(),
            }),
          }),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const provider = providerOf(request)
      const page = pageOf(request.query)
      const { rows, total } = await pageStoredMailboxes(platform.db, scope, productsOf[provider], page)
      const totalPages = Math.ceil(total / page.size)
      return {
        ...dataOf(
          'Accounts fetched successfully',
          rows.map((mailbox) => accountView(mailbox, provider)),
        ),
        pagination: { total, currentPage: page.number, totalPages, hasNextPage: page.number < totalPages },
      }
    },
  )
}

function accountView(mailbox: Mailbox, provider: Provider): Static<typeof AccountView> {
  return {
    id: mailbox.id,
    email: mailbox.address,
    account: mailbox.address,
    firstName: mailbox.first_name ?? '',
    lastName: mailbox.last_name ?? '',
    provider,
    status: mailboxStatus(mailbox),
    domain: nameParts(mailbox.address).domain,
    domainId: mailbox.domain_id,
    createdAt: mailbox.created_at.toISOString(),
  }
}

function newestRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/onebox/top-emails',
    {
      schema: {
        summary: 'List the newest mail of an account, or of all',
        description: `Without \`folder\` of all folders but Trash, Junk and Drafts. Of more than ${accountsMax} accounts those that were made last.`,
        tags,
        querystring: Type.Object({
          account: Type.Optional(AccountInput),
          folder: Type.Optional(
            Type.String({ maxLength: 1000, description: 'Its path, or what it is for, such as `inbox`.' }),
          ),
          cursor: Type.Optional(
            Type.String({
              pattern: '^[0-9]{1,16}$',
              description: 'A number: of a page before, or a moment in milliseconds.',
            }),
          ),
          limit: LimitInput,
          includeWarmUp: Type.Optional(Type.Boolean({ description: 'There is no warm-up.' })),
        }),
        response: { 200: DataOf(PageView), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { account, folder, cursor, limit = emailsUsual } = request.query
      const mailboxIds =
        account === undefined
          ? await storedMailboxIds(platform.db, scope, productsOf[providerOf(request)], accountsMax)
          : [(await requireAccount(platform, scope, account)).id]
      const from = cursor === undefined ? null : readCursor(Number(cursor))
      const until = from === null ? null : new Date(from.ms + 1)
      const folders = folder === undefined || folder === '' ? { withoutUses: hiddenUses } : { folder }
      const skip = from?.skip ?? 0
      const found = await newestOfMailboxes(platform.db, mailboxIds, folders, until, limit + skip + 1)
      const messages = await readSummariesOfMany(platform, found.slice(skip, skip + limit))
      return dataOf('Emails fetched successfully', {
        emails: await emailViews(platform, messages),
        nextCursor: found.length > skip + limit ? cursorAfter(messages, from) : null,
      })
    },
  )
}

/** @throws Refusal mailbox_not_found; service_cannot for one whose mail is elsewhere. */
export async function requireAccount(platform: Platform, scope: Scope, account: string): Promise<Mailbox> {
  const mailbox = await requireMailbox(platform, scope, account)
  storedOwnerOf(mailbox)
  return mailbox
}

async function emailViews(
  platform: Platform,
  messages: readonly MessageSummary[],
): Promise<Static<typeof EmailView>[]> {
  const mailboxes = await mailboxesById(platform.db, [...new Set(messages.map(({ mailboxId }) => mailboxId))])
  const accounts = new Map(mailboxes.map(({ id, address }) => [id, address]))
  return messages.map((message) => emailView(message, accounts.get(message.mailboxId) ?? ''))
}

function threadRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/onebox/thread-emails',
    {
      schema: {
        summary: 'Get the mail of a thread',
        description: `Whole messages, the oldest first: of a long thread the newest ${wholeMax}, fewer where they are long.`,
        tags,
        querystring: Type.Object({ threadId: Type.String({ maxLength: 100 }) }),
        response: {
          200: DataOf(
            Type.Object({
              threadId: Type.String(),
              account: Type.String(),
              emails: Type.Array(WholeEmailView),
              isComplete: Type.Boolean(),
            }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { threadId } = request.query
      const ref = parseThreadRef(threadId)
      if (ref === null) throw new Refusal('thread_not_found')
      const { id, address } = await requireAccountOfThread(platform, scope, ref.mailboxId)
      const thread = await getThread(platform, id, ref.threadId)
      if (thread === null) throw new Refusal('thread_not_found')
      const emails = await wholeEmails(
        platform,
        id,
        address,
        thread.map((message) => message.id),
      )
      return dataOf('Emails fetched successfully', {
        threadId,
        account: address,
        emails,
        isComplete: emails.length === thread.length,
      })
    },
  )
}

/** @throws Refusal thread_not_found: the caller names no account that might be missing. */
async function requireAccountOfThread(platform: Platform, scope: Scope, id: string): Promise<Mailbox> {
  try {
    return await requireAccount(platform, scope, id)
  } catch (error) {
    if (error instanceof Refusal && error.code === 'mailbox_not_found') throw new Refusal('thread_not_found')
    throw error
  }
}

/** The newest that are not too much together, in their order. */
async function wholeEmails(
  platform: Platform,
  mailboxId: string,
  account: string,
  ids: readonly string[],
): Promise<Static<typeof WholeEmailView>[]> {
  const emails: Static<typeof WholeEmailView>[] = []
  let chars = 0
  for (const id of ids.toReversed().slice(0, wholeMax)) {
    const message = await readMessageIfThere(platform, mailboxId, id)
    if (message === null) continue
    emails.unshift(wholeEmailView(message, account))
    chars += (message.content.text?.length ?? 0) + (message.content.html?.length ?? 0)
    if (chars >= wholeCharsMax) break
  }
  return emails
}

const WordsInput = Type.Optional(Type.String({ maxLength: 1000 }))

function searchRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/onebox/search-emails',
    {
      schema: {
        summary: 'Search mail',
        description:
          'In an account, or in all whatever their provider is, the newest first. Words, "phrases", and `from:`, `to:`, `subject:`, `before:`, `after:`, `has:attachment`, `is:unread`, `in:trash`, by any of the four names.',
        tags,
        querystring: Type.Object({
          account: Type.Optional(AccountInput),
          q: WordsInput,
          query: WordsInput,
          search: WordsInput,
          contains: WordsInput,
          limit: LimitInput,
        }),
        response: { 200: DataOf(PageView), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { account, q, query, search, contains, limit = emailsUsual } = request.query
      const wanted = queryOf([q, query, search, contains].filter((one) => one !== undefined).join(' '))
      const messages =
        account === undefined
          ? await searchWorkspace(platform, scope, wanted, limit)
          : await searchAccount(platform, (await requireAccount(platform, scope, account)).id, wanted, limit)
      const emails = await emailViews(platform, messages)
      return dataOf('Emails fetched successfully', { emails, nextCursor: null })
    },
  )
}

async function searchAccount(platform: Platform, mailboxId: string, query: MessageQuery, limit: number) {
  const { rows } = await searchMailbox(platform, mailboxId, query, { limit, after: null })
  return await readSummaries(
    platform,
    mailboxId,
    rows.map(({ id }) => id),
  )
}

/** @throws Refusal invalid_request for too much at once. */
function queryOf(text: string): MessageQuery {
  const parsed = parseMessageQuery(text)
  if (!parsed.ok) throw new Refusal('invalid_request', parsed.problem)
  return { ...parsed.query, folders: parsed.query.folders ?? { withoutUses: hiddenUses } }
}
