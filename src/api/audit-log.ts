/** /v1/audit-log: who changed what. */
import { type Static, Type } from 'typebox'
import {
  type AuditEntry,
  type AuditFilter,
  getAuditEntry,
  listAuditLog,
  listOrganizationAuditLog,
} from '../accounts/audit-log.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf, scopeOf } from './caller.ts'
import { readProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
  readMomentOrNull,
} from './schemas.ts'

const AuditEntryView = Type.Object(
  {
    id: Id,
    workspace_id: Nullable(Id),
    mailbox_id: Nullable(Id),
    actor: Type.String({ description: 'Who: `api_key:ID` or `session:ID`.' }),
    action: Type.String({ description: 'The type of the event, such as `mailbox.created`.' }),
    data: Type.Unsafe<unknown>({
      type: 'object',
      additionalProperties: true,
      description: 'What the event says.',
    }),
    created_at: Moment,
  },
  { title: 'AuditEntry' },
)

const AuditQuery = Type.Object(
  {
    ...pageQuery,
    actor: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    action: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'An event’s type, or its beginning up to the dot: `mailbox.`.',
      }),
    ),
    mailbox_id: Type.Optional(Type.String({ format: 'uuid', description: 'Also of one that is gone.' })),
    since: Type.Optional(Moment),
    until: Type.Optional(Moment),
    of: Type.Optional(
      Type.Unsafe<'workspace' | 'organization'>({
        type: 'string',
        enum: ['workspace', 'organization'],
        description: 'Default: the workspace’s. The organization’s are those that are no workspace’s.',
      }),
    ),
  },
  closed,
)

const tags = ['account']

export function auditLogRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/audit-log',
    {
      schema: {
        summary: 'List what was changed, and by whom',
        description:
          'Newest first. Work with single messages is in the event log only. Kept for MAILWRIGHT_AUDIT_DAYS.',
        tags,
        querystring: AuditQuery,
        response: { 200: PageOf(AuditEntryView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { query } = request
      const page = pageRequest(query)
      const { principal, scope } = callerOf(request)
      const found =
        query.of === 'organization'
          ? await listOrganizationAuditLog(platform, principal, filterOf(query), page)
          : await listAuditLog(platform, scope, filterOf(query), page)
      return pageView(found, entryView)
    },
  )
  app.get(
    '/v1/audit-log/:entry',
    {
      schema: {
        summary: 'Get an entry of the audit log',
        tags,
        params: Type.Object({ entry: Type.String({ description: 'Its id.' }) }),
        response: { 200: AuditEntryView, ...readProblems('audit_entry_not_found') },
      },
    },
    async (request) => entryView(await getAuditEntry(platform.db, scopeOf(request), request.params.entry)),
  )
}

function filterOf(query: Static<typeof AuditQuery>): AuditFilter {
  const { actor = null, action = null, mailbox_id: mailboxId = null, since, until } = query
  return {
    actor,
    action,
    mailboxId,
    since: readMomentOrNull(since, '/since'),
    until: readMomentOrNull(until, '/until'),
  }
}

function entryView(entry: AuditEntry): Static<typeof AuditEntryView> {
  return {
    id: entry.id,
    workspace_id: entry.workspace_id,
    mailbox_id: entry.mailbox_id,
    actor: entry.actor,
    action: entry.action,
    data: entry.data,
    created_at: entry.created_at.toISOString(),
  }
}
