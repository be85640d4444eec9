/** Mailboxes listed and shown. */

import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { getDomain } from '../../domains/domains.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import type { WorkspacePageFilter } from '../../mailboxes/workspace-pages.ts'
import { onOneConnection } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { NumberedPage } from '../../platform/numbered-pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { neighboursOf, pageMailboxesWithNeighbours } from '../../sequencers/mailbox-neighbours.ts'
import { callerOf } from '../callers.ts'
import { kindOf, platforms, standingOf, statuses } from './mailbox-states.ts'
import { requireUid } from './mailbox-uids.ts'
import { MailboxView, mailboxView } from './mailbox-view.ts'
import {
  closed,
  errors,
  Ok,
  ok,
  pageFields,
  pageInput,
  pageOf,
  pageOutput,
  pageSizeMax,
  Uid,
  Uids,
} from './schemas.ts'

const tags = ['Mailboxes']

const filterFields = {
  keyword: Type.Optional(
    Type.String({
      maxLength: 200,
      description: 'Part of the address, of a name or of a custom field’s value.',
    }),
  ),
  domain: Type.Optional(Type.String({ maxLength: 253, description: 'A domain’s name.' })),
  domain_uid: Type.Optional(Uid),
  status: Type.Optional(OneOf(statuses)),
  platform: Type.Optional(OneOf(platforms)),
} as const

const ListBody = Type.Object({ ...pageInput, ...filterFields }, closed)
const ListQuery = Type.Object({ ...pageInput, ...filterFields })

const MailboxPageView = Ok({ mailboxes: Type.Array(MailboxView), ...pageOutput })

const StatusBody = Type.Object(
  {
    uids: Type.Optional({ ...Uids, minItems: 1 }),
    domain_uids: Type.Optional({ ...Uids, minItems: 1, description: 'All mailboxes of these domains too.' }),
    ...pageInput,
  },
  closed,
)

export function mailboxRoutes(app: Api, platform: Platform): void {
  listRoutes(app, platform)
  app.get(
    '/mailboxes/details',
    {
      schema: {
        summary: 'Show a mailbox',
        tags,
        querystring: Type.Object({ uid: Uid }),
        response: { 200: Ok({ mailbox: MailboxView }), ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const uid = requireUid(request.query.uid)
      // Both are asked for together: what stands beside a mailbox that is not the caller's is read in vain.
      const [found, beside] = await onOneConnection(platform.db, (db) =>
        Promise.all([getMailbox(platform, scope, uid, db), neighboursOf(db, uid)]),
      )
      const mailbox = mailboxView(platform, found, beside)
      return ok('Mailbox details retrieved successfully', { mailbox })
    },
  )
  app.post(
    '/mailboxes/status',
    {
      schema: {
        summary: 'How far mailboxes are',
        description: `What there is not is left out. Up to ${pageSizeMax} at once, the newest first, unless a page is asked for.`,
        tags,
        body: StatusBody,
        response: { 200: MailboxPageView, ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { uids, domain_uids: domainIds = [] } = request.body
      if (uids === undefined && domainIds.length === 0)
        throw new Refusal('invalid_request', 'uids is required')
      const page = pageOf(request.body, pageSizeMax)
      const found = await pageView(platform, scope, { among: { ids: uids ?? [], domainIds } }, page)
      if (found.total === 0) throw new Refusal('mailbox_not_found')
      return ok('Mailbox status retrieved successfully', found)
    },
  )
}

function listRoutes(app: Api, platform: Platform): void {
  const list = async (
    scope: Scope,
    input: Static<typeof ListBody>,
  ): Promise<Static<typeof MailboxPageView>> => {
    const filter = await filterOf(platform, scope, input)
    const page = await pageView(platform, scope, filter, pageOf(input))
    return ok('Mailboxes retrieved successfully', page)
  }
  const response = { 200: MailboxPageView, ...errors(400) }
  const summary = 'List the mailboxes of the workspace'
  const description = 'The newest first. Cancelled ones are in it for as long as they can be taken back.'
  app.post(
    '/mailboxes/list',
    { preValidation: emptyBodyIsObject, schema: { summary, description, tags, body: ListBody, response } },
    (request) => list(callerOf(request).scope, request.body),
  )
  app.get(
    '/mailboxes/list',
    { schema: { summary, description, tags, querystring: ListQuery, response } },
    (request) => list(callerOf(request).scope, request.query),
  )
}

async function filterOf(
  platform: Platform,
  scope: Scope,
  { keyword, domain, domain_uid: domainUid, status, platform: sold }: Static<typeof ListBody>,
): Promise<WorkspacePageFilter> {
  const named = domain || domainUid
  return {
    ...(named === undefined || named === ''
      ? {}
      : { domainId: (await getDomain(platform, scope, named)).id }),
    ...(keyword === undefined || keyword === '' ? {} : { search: keyword }),
    ...(status === undefined ? {} : { standing: standingOf(status) }),
    ...(sold === undefined ? {} : { kind: kindOf(sold) }),
  }
}

async function pageView(platform: Platform, scope: Scope, filter: WorkspacePageFilter, page: NumberedPage) {
  const { rows, total } = await pageMailboxesWithNeighbours(platform.db, scope, filter, page)
  return { mailboxes: rows.map((row) => mailboxView(platform, row, row)), ...pageFields({ total }, page) }
}
