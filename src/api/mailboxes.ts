/** /v1/mailboxes: list, get, edit and delete. new-mailboxes.ts makes them, mailbox-actions.ts moves them. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../accounts/principals.ts'
import type { MailboxChanges } from '../mailboxes/edits.ts'
import { deleteMailbox, getMailbox, listMailboxes, seenBy, updateMailbox } from '../mailboxes/mailboxes.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { EditHeaders } from './documented.ts'
import { etagOf, versionsOfIfMatch } from './etag.ts'
import { toDetailChanges } from './mailbox-details-view.ts'
import {
  MailboxChangesBody,
  MailboxPath,
  MailboxView,
  mailboxFilterQuery,
  mailboxView,
  toMailboxFilter,
} from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview } from './preview.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const MailboxesQuery = Type.Object({ ...pageQuery, ...mailboxFilterQuery }, closed)

const DeleteQuery = Type.Object(
  {
    purge: Type.Optional(Type.Boolean({ description: 'For good and now, without days of grace.' })),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)

const tags = ['mailboxes']

export function mailboxRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes',
    {
      schema: {
        summary: 'List mailboxes',
        tags,
        querystring: MailboxesQuery,
        response: { 200: PageOf(MailboxView), ...readProblems('invalid_cursor', 'domain_not_found') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      const page = await listMailboxes(
        platform,
        scope,
        toMailboxFilter(request.query),
        pageRequest(request.query),
      )
      return pageView(page, (mailbox) => mailboxView(seenBy(scope, mailbox)))
    },
  )
  app.get(
    '/v1/mailboxes/:mailbox',
    {
      schema: {
        summary: 'Get a mailbox',
        tags,
        params: MailboxPath,
        response: { 200: MailboxView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const mailbox = await getMailbox(platform, scope, request.params.mailbox)
      void reply.header('etag', etagOf(mailbox))
      return mailboxView(seenBy(scope, mailbox))
    },
  )
  editRoute(app, platform)
  deleteRoute(app, platform)
}

function editRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailboxes/:mailbox',
    {
      schema: {
        summary: 'Edit a mailbox',
        description: 'What is left out stays; null clears.',
        tags,
        params: MailboxPath,
        body: MailboxChangesBody,
        response: {
          200: OrPreview(MailboxView),
          ...writeProblems(
            'mailbox_not_found',
            'mailbox_details_invalid',
            'mailbox_state_conflict',
            'edit_conflict',
          ),
        },
      },
      config: { documented: { headers: EditHeaders, replies: { 200: AnyOf(MailboxView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const version = await versionToEdit(platform, scope, ref, request.headers['if-match'])
      const update = (tx: Tx) => updateMailbox(platform, tx, scope, ref, toChanges(request.body), version)
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { id, address, state } = await update(tx)
          return { objects: [{ type: 'mailbox', action: 'update', id, name: address, state }] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const mailbox = await update(tx)
        const body = mailboxView(seenBy(scope, mailbox))
        return { status: 200, body, headers: { etag: etagOf(mailbox) } }
      })
    },
  )
}

// No mailbox has it, so that the edit is refused.
const noVersion = 0

/** The one version that may be edited, or null for whichever is there. */
async function versionToEdit(
  platform: Platform,
  scope: Scope,
  ref: string,
  ifMatch: string | undefined,
): Promise<number | null> {
  const versions = versionsOfIfMatch(ifMatch)
  if (versions === null) return null
  const [first = noVersion] = versions
  if (versions.length <= 1) return first
  const { version } = await getMailbox(platform, scope, ref)
  return versions.includes(version) ? version : noVersion
}

function toChanges(body: Static<typeof MailboxChangesBody>): MailboxChanges {
  return {
    ...(body.display_name === undefined ? {} : { displayName: body.display_name }),
    ...(body.first_name === undefined ? {} : { firstName: body.first_name }),
    ...(body.last_name === undefined ? {} : { lastName: body.last_name }),
    ...(body.tags === undefined ? {} : { tags: body.tags }),
    ...(body.period === undefined ? {} : { period: body.period }),
    ...toDetailChanges(body),
  }
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox',
    {
      schema: {
        summary: 'Delete a mailbox',
        description:
          'It can be restored for `restore_days` of the workspace’s mailbox settings, and its addresses stay taken; a purge is at once and for good.',
        tags,
        params: MailboxPath,
        querystring: DeleteQuery,
        response: {
          200: OrPreview(MailboxView),
          204: Type.Null({ description: 'It was purged.' }),
          ...writeProblems('mailbox_not_found', 'mailbox_state_conflict'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(MailboxView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const purge = request.query.purge === true
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { id, address, state } = await deleteMailbox(platform, tx, scope, ref, { purge })
          return {
            objects: [{ type: 'mailbox', action: purge ? 'purge' : 'delete', id, name: address, state }],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const mailbox = await deleteMailbox(platform, tx, scope, ref, { purge })
        if (purge) return { status: 204, body: undefined }
        return { status: 200, body: mailboxView(mailbox), headers: { etag: etagOf(mailbox) } }
      })
    },
  )
}
