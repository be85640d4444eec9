/** /v1/audit-log: who changed what, and taking it back. */

import { type Static, Type } from 'typebox'
import {
  type AuditEntry,
  type AuditFilter,
  getAuditEntry,
  listAuditLog,
  listOrganizationAuditLog,
} from '../accounts/audit-log.ts'
import { canBeUndone, type Undone, undoChange } from '../mailboxes/undo.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { aliasObject } from './aliases.ts'
import { callerOf } from './caller.ts'
import { cancellationObject } from './mailbox-periods.ts'
import { touchedByRename } from './mailbox-rename.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems } from './problem-view.ts'
import {
  AnyOf,
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
    actor: Type.String({ description: 'Who: `user:ID`, `api_key:ID` or `app_password:ID`.' }),
    action: Type.String({ description: 'The type of the event, such as `mailbox.created`.' }),
    data: Type.Unsafe<unknown>({
      type: 'object',
      additionalProperties: true,
      description: 'What the event says.',
    }),
    undoable: Type.Boolean({
      description:
        'Whether there is an opposite of it, for `POST …/undo`; a preview says whether it works now.',
    }),
    created_at: Moment,
  },
  { title: 'AuditEntry' },
)

const EntryPath = Type.Object({ entry: Type.String({ description: 'Its id.' }) })

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
        description: 'Of the workspace or, for who reaches all of it, of the organization.',
        tags,
        params: EntryPath,
        response: { 200: AuditEntryView, ...readProblems('audit_entry_not_found') },
      },
    },
    async (request) => entryView(await getAuditEntry(platform.db, callerOf(request), request.params.entry)),
  )
  undoRoute(app, platform)
}

function undoRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/audit-log/:entry/undo',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Take a change back',
        description:
          'Does the opposite, with all of its checks and in your own name. What has changed since is not overwritten. ' +
          'Passwords, purges and pictures cannot be taken back.',
        tags,
        params: EntryPath,
        body: Type.Object(
          { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
          closed,
        ),
        response: {
          200: OrPreview(AuditEntryView),
          ...postProblems(
            'audit_entry_not_found',
            'undo_impossible',
            'undo_conflict',
            'mailbox_not_found',
            'mailbox_state_conflict',
            'mailbox_details_invalid',
            'mailbox_limit_reached',
            'address_taken',
            'address_limit_reached',
            'forward_target_invalid',
            'domain_not_found',
            'domain_not_usable',
            'domain_alias_conflict',
            'service_unavailable',
            'service_cannot',
          ),
        },
      },
      config: { documented: { replies: { 200: AnyOf(AuditEntryView, PreviewView) } } },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { entry: id } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { undone } = await undoChange(platform, tx, caller, id)
          return touched(undone)
        })
      }
      return mutate(platform, request, reply, async (tx) => ({
        status: 200,
        body: entryView((await undoChange(platform, tx, caller, id)).entry),
      }))
    },
  )
}

function touched(undone: Undone): Preview {
  if ('renamed' in undone) return touchedByRename(undone.renamed)
  if ('cancellation' in undone) return { objects: [cancellationObject(undone.cancellation)] }
  if ('mailbox' in undone) {
    const { id, address: name, state } = undone.mailbox
    return { objects: [{ type: 'mailbox', action: undone.action, id, name, state }] }
  }
  const { address, action } = undone
  const type = address.kind === 'alias' ? ('alias' as const) : ('forward' as const)
  return { objects: [{ ...aliasObject(address, action), type }] }
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
    undoable: canBeUndone(entry),
    created_at: entry.created_at.toISOString(),
  }
}
