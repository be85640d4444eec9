/** Full-text search, in one mailbox and over all of a workspace. The newest first. */
import { Type } from 'typebox'
import { readSummaries } from '../../messages/read-message.ts'
import { type MessageQuery, parseMessageQuery } from '../../messages/search/message-query.ts'
import { searchMailbox } from '../../messages/search/message-search.ts'
import { searchWorkspace } from '../../messages/search/workspace-search.ts'
import { storedOwnerOf } from '../../messages/stored-mailbox.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { administrators } from './callers.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { messageViews } from './message-facts.ts'
import { MessageView } from './message-view.ts'
import { unlistedUses } from './messages.ts'
import { PageOf, pageQuery, pageRequest } from './pages.ts'
import { errors } from './schemas.ts'

const tags = ['Mailboxes']

const SearchQuery = Type.Object({
  q: Type.String({ minLength: 1, maxLength: 500 }),
  limit: pageQuery.limit,
})

export function searchRoutes(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/search',
    {
      schema: {
        summary: 'Search in a mailbox',
        tags,
        params: MailboxPath,
        querystring: SearchQuery,
        response: { 200: PageOf(MessageView), ...errors(404, 422) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const query = queryOf(request.query.q)
      const mailbox = await findMailbox(platform, scope, request.params.email_address)
      const { mailboxId } = storedOwnerOf(mailbox)
      const { rows } = await searchMailbox(platform, mailboxId, query, pageRequest(request.query))
      const ids = rows.map(({ id }) => id)
      const items = await messageViews(platform.db, await readSummaries(platform, mailboxId, ids))
      return { items, next_cursor: null, has_more: false }
    },
  )
  app.get(
    '/mail/search',
    {
      config: { admits: administrators },
      schema: {
        summary: 'Search in every mailbox',
        tags,
        querystring: SearchQuery,
        response: { 200: PageOf(MessageView), ...errors(422) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { limit } = pageRequest(request.query)
      const found = await searchWorkspace(platform, scope, queryOf(request.query.q), limit)
      return { items: await messageViews(platform.db, found), next_cursor: null, has_more: false }
    },
  )
}

/** @throws Refusal invalid_request for too much at once. */
function queryOf(q: string): MessageQuery {
  const parsed = parseMessageQuery(q)
  if (!parsed.ok) {
    throw new Refusal('invalid_request', parsed.problem, {
      fields: [{ pointer: '/q', detail: parsed.problem }],
    })
  }
  return { ...parsed.query, folders: parsed.query.folders ?? { withoutUses: unlistedUses } }
}
