/** POST /v1/mailboxes/{mailbox}/restore, /suspend and /resume. */

import { Type } from 'typebox'
import { restoreMailbox, resumeMailbox, suspendMailbox } from '../mailboxes/mailboxes.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { etagOf } from './etag.ts'
import { MailboxPath, MailboxView, mailboxView } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, PreviewView, preview } from './preview.ts'
import { postProblems } from './problem-view.ts'
import { AnyOf, type Api, closed } from './schemas.ts'

const actions = [
  { name: 'restore', run: restoreMailbox, summary: 'Restore a deleted mailbox' },
  {
    name: 'suspend',
    run: suspendMailbox,
    summary: 'Suspend a mailbox: no logins and no mail, nothing removed',
  },
  { name: 'resume', run: resumeMailbox, summary: 'Take a suspension back' },
] as const

const ActionBody = Type.Object(
  { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
  closed,
)

export function mailboxActionRoutes(app: Api, platform: Platform): void {
  for (const { name, run, summary } of actions) {
    app.post(
      `/v1/mailboxes/:mailbox/${name}`,
      {
        preValidation: emptyBodyIsObject,
        schema: {
          summary,
          tags: ['mailboxes'],
          params: MailboxPath,
          body: ActionBody,
          response: {
            200: OrPreview(MailboxView),
            ...postProblems(
              'mailbox_not_found',
              'mailbox_state_conflict',
              ...(name === 'resume' ? (['mailbox_unpaid'] as const) : []),
              ...(name === 'restore'
                ? (['insufficient_funds', 'wallet_locked', 'item_not_priced'] as const)
                : []),
            ),
          },
        },
        config: { documented: { replies: { 200: AnyOf(MailboxView, PreviewView) } } },
      },
      async (request, reply) => {
        const scope = scopeOf(request)
        const { mailbox: ref } = request.params
        if (request.body.preview === true) {
          return preview(platform, reply, async (tx) => {
            const { id, address, state } = await run(platform, tx, scope, ref)
            return { objects: [{ type: 'mailbox', action: name, id, name: address, state }] }
          })
        }
        return mutate(platform, request, reply, async (tx) => {
          const mailbox = await run(platform, tx, scope, ref)
          return { status: 200, body: mailboxView(mailbox), headers: { etag: etagOf(mailbox) } }
        })
      },
    )
  }
}
