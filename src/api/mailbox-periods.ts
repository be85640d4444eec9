/** POST /v1/mailboxes/{mailbox}/cancel and /keep: whether a mailbox goes when its period ends. */

import { Type } from 'typebox'
import { cancelMailbox, keepMailbox } from '../mailboxes/cancellation.ts'
import { deleteMailbox } from '../mailboxes/mailboxes.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { etagOf } from './etag.ts'
import { MailboxPath, MailboxView, mailboxView } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, OneOf } from './schemas.ts'

const Preview = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))

const CancelBody = Type.Object(
  {
    at: Type.Optional(
      OneOf(['period_end', 'now'], 'Default: period_end. now is the same as to delete the mailbox.'),
    ),
    preview: Preview,
  },
  closed,
)

const KeepBody = Type.Object({ preview: Preview }, closed)

const response = {
  200: OrPreview(MailboxView),
  ...postProblems('mailbox_not_found', 'mailbox_state_conflict'),
}
const config = { documented: { replies: { 200: AnyOf(MailboxView, PreviewView) } } }

export function mailboxPeriodRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/cancel',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Cancel a mailbox',
        description:
          'At its period’s end it is deleted, and restorable like any deleted mailbox; until then it works as ever.',
        tags: ['mailboxes'],
        params: MailboxPath,
        body: CancelBody,
        response,
      },
      config,
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const isNow = request.body.at === 'now'
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          if (isNow) {
            const { id, address, state } = await deleteMailbox(platform, tx, scope, ref, { purge: false })
            return { objects: [{ type: 'mailbox', action: 'delete', id, name: address, state }] }
          }
          return { objects: [cancellationObject(await cancelMailbox(platform, tx, scope, ref))] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const mailbox = isNow
          ? await deleteMailbox(platform, tx, scope, ref, { purge: false })
          : await cancelMailbox(platform, tx, scope, ref)
        return { status: 200, body: mailboxView(mailbox), headers: { etag: etagOf(mailbox) } }
      })
    },
  )
  keepRoute(app, platform)
}

function keepRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/keep',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Take the cancellation of a mailbox back',
        description: 'At its period’s end the next one begins.',
        tags: ['mailboxes'],
        params: MailboxPath,
        body: KeepBody,
        response,
      },
      config,
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          return { objects: [cancellationObject(await keepMailbox(platform, tx, scope, ref))] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const mailbox = await keepMailbox(platform, tx, scope, ref)
        return { status: 200, body: mailboxView(mailbox), headers: { etag: etagOf(mailbox) } }
      })
    },
  )
}

/** What becomes of a mailbox at its period's end, as a preview shows it. */
export function cancellationObject(mailbox: Mailbox & { period_ends_at: Date }): TouchedObject {
  const { id, address: name, period_ends_at } = mailbox
  const at = period_ends_at.toISOString()
  return mailbox.cancel_at_period_end
    ? { type: 'mailbox', action: 'delete', id, name, state: 'deletion_scheduled', at }
    : { type: 'mailbox', action: 'renew', id, name, state: mailbox.state, at }
}
