/** /identities/{agent_handle}/mailbox, for clients until 0.3: mailboxes that are there come to identities and leave them. */
import { Type } from 'typebox'
import { giveMailbox, partMailbox } from '../../mailboxes/identity-mailboxes.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { administrators } from './callers.ts'
import { findIdentity, IdentityPath } from './identity-path.ts'
import { IdentityView, identityView } from './identity-view.ts'
import { errors } from './schemas.ts'

const tags = ['Identities']

export function identityMailboxRoutes(app: Api, platform: Platform): void {
  app.post(
    '/identities/:agent_handle/mailbox',
    {
      schema: {
        summary: 'Link a mailbox to an identity',
        tags,
        params: IdentityPath,
        body: Type.Object({ mailbox_id: Type.String({ maxLength: 100 }) }),
        response: { 200: IdentityView, ...errors(404, 409) },
      },
      config: { admits: administrators },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { mailbox_id: ref } = request.body
      return await transact(platform, caller, async (tx) => {
        const { id } = await findIdentity(platform, scope, request.params.agent_handle, tx)
        const mailbox = isId(ref) ? await getMailbox(platform, scope, ref, tx) : null
        // One that is deleted is gone for clients, although it can be restored elsewhere.
        if (mailbox === null || mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_not_found')
        const wanted = { mailbox: { mailbox: mailbox.id }, displayName: null }
        return identityView(platform, tx, await giveMailbox(platform, tx, scope, id, wanted))
      })
    },
  )
  app.delete(
    '/identities/:agent_handle/mailbox',
    {
      schema: {
        summary: 'Unlink the mailbox of an identity',
        description: 'Both stay, each by itself.',
        tags,
        params: IdentityPath,
        response: { 204: Type.Null({ description: 'It is unlinked.' }), ...errors(404) },
      },
      config: { admits: administrators },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { scope } = caller
      await transact(platform, caller, async (tx) => {
        const { id } = await findIdentity(platform, scope, request.params.agent_handle, tx)
        await partMailbox(platform, tx, scope, id)
      })
      return reply.code(204).send(null)
    },
  )
}
