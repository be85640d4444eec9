/** POST /v1/mailboxes/{mailbox}/rename: another address for a mailbox. */
import { type Static, Type } from 'typebox'
import { type Rename, type Renamed, renameMailbox } from '../mailboxes/rename.ts'
import { mailboxSettingsBounds } from '../mailboxes/workspace-settings.ts'
import type { Platform } from '../platform/platform.ts'
import { aliasObject } from './aliases.ts'
import { scopeOf } from './caller.ts'
import { etagOf } from './etag.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath, MailboxView, mailboxView } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, Nullable } from './schemas.ts'

const { min, max } = mailboxSettingsBounds.renameAliasDays

const RenameBody = Type.Object(
  {
    address: Type.String({
      minLength: 1,
      maxLength: apiLimits.addressLengthMax,
      description: 'In any domain of the workspace.',
    }),
    alias_days: Type.Optional(
      Nullable(
        Type.Integer({ minimum: min, maximum: max }),
        'Days that the old address stays as an alias. Null: for ever; 0: it goes at once. Default: as the workspace’s mailbox settings say.',
      ),
    ),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)

export function mailboxRenameRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/rename',
    {
      schema: {
        summary: 'Rename a mailbox',
        description:
          'It stays the same mailbox, with all that it holds and its passwords. Clients log in with the new address from then on; sessions that are open go on. The old address stays an alias, which may be the address again. Forwards of the workspace that lead to it follow.',
        tags: ['mailboxes'],
        params: MailboxPath,
        body: RenameBody,
        response: {
          200: OrPreview(MailboxView),
          ...postProblems(
            'mailbox_not_found',
            'mailbox_state_conflict',
            'address_invalid',
            'address_taken',
            'address_limit_reached',
            'mailbox_limit_reached',
            'domain_not_found',
            'domain_not_usable',
            'mailbox_details_invalid',
            'service_unavailable',
            'service_cannot',
          ),
        },
      },
      config: { documented: { replies: { 200: AnyOf(MailboxView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const wanted = renameOf(request.body)
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) =>
          touchedByRename(await renameMailbox(platform, tx, scope, ref, wanted)),
        )
      }
      return mutate(platform, request, reply, async (tx) => {
        const { mailbox } = await renameMailbox(platform, tx, scope, ref, wanted)
        return { status: 200, body: mailboxView(mailbox), headers: { etag: etagOf(mailbox) } }
      })
    },
  )
}

function renameOf({ address, alias_days: aliasDays }: Static<typeof RenameBody>): Rename {
  return { address, ...(aliasDays === undefined ? {} : { aliasDays }) }
}

/** What a rename touches, as a preview shows it. */
export function touchedByRename({ mailbox, alias, followers }: Renamed): Preview {
  const { id, address, state } = mailbox
  return {
    objects: [
      { type: 'mailbox', action: 'rename', id, name: address, state },
      ...(alias === null ? [] : [aliasObject(alias, 'create')]),
      ...followers.addresses.map((row) => ({
        type: 'forward' as const,
        action: 'update' as const,
        id: null,
        name: row.address,
        state: 'enabled',
      })),
      ...followers.mailboxes.map((one) => ({
        type: 'mailbox' as const,
        action: 'update' as const,
        id: one.id,
        name: one.address,
        state: one.state,
      })),
    ],
  }
}
