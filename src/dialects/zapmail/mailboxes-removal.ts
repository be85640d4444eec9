/** Mailboxes removed: at the end of their periods, or at once. */
import { type Static, Type } from 'typebox'
import { requireWorkspace, requireWrite } from '../../accounts/principals.ts'
import { cancelMailbox, keepMailbox } from '../../mailboxes/cancellation.ts'
import { chooseMailboxes } from '../../mailboxes/mailbox-sets.ts'
import { deleteMailbox } from '../../mailboxes/mailboxes.ts'
import { cancelScheduledMailbox, scheduledById } from '../../mailboxes/scheduled/scheduled-mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { Contains, tags } from './mailboxes.ts'
import { DataOf, dataOf, errors, Ids, idsMax } from './schemas.ts'
import { mailboxStatus, mailboxStatuses } from './statuses.ts'

const RemovalBody = Type.Object({
  mailboxIds: Type.Optional(Ids),
  domainIds: Type.Optional(Ids),
  remove: Type.Boolean(),
  status: Type.Optional(OneOf(mailboxStatuses)),
  contains: Type.Optional(Contains),
})

/** This one has no status, unlike its siblings. */
const MarkedView = Type.Object({ message: Type.String(), data: Type.Null() })

export function mailboxRemovalRoutes(app: Api, platform: Platform): void {
  app.put(
    '/v2/mailboxes/scheduled-removal',
    {
      schema: {
        summary: 'Mark mailboxes for removal at the end of their periods, or unmark them',
        description:
          'All of those named, or none. `status` and `contains` narrow them. One whose first period has not begun cannot be marked.',
        tags,
        body: RemovalBody,
        response: { 200: MarkedView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { remove, mailboxIds = [], domainIds = [], ...filter } = request.body
      requireWrite(scope)
      requireWorkspace(scope)
      await transact(platform, caller, async (tx) => {
        const chosen = await chooseMailboxes(tx, scope, { mailboxIds, domainIds }, idsMax)
        const fitting = chosen.filter((mailbox) => fits(mailbox, filter))
        if (fitting.length === 0) throw new Refusal('mailbox_not_found', 'No mailboxes found')
        const change = remove ? cancelMailbox : keepMailbox
        for (const { id } of fitting) await change(platform, tx, scope, id)
      })
      const message = remove ? 'Mailbox will be removed on next renewal' : 'Mailbox will not be removed'
      return { message, data: null }
    },
  )
  app.post(
    '/v2/mailboxes/remove-mailboxes-instantly',
    {
      schema: {
        summary: 'Delete mailboxes now',
        description:
          'All of those named, or none. They can be restored for a time by the native API. One that is SCHEDULED is not made.',
        tags,
        body: Type.Object({ mailboxIds: Type.Array(Ids.items, { minItems: 1, maxItems: idsMax }) }),
        response: { 200: DataOf(Type.Object({ totalMailboxesQueued: Type.Integer() })), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { mailboxIds } = request.body
      requireWrite(scope)
      requireWorkspace(scope)
      const count = await transact(platform, caller, async (tx) => {
        const scheduled = new Set((await scheduledById(tx, scope, mailboxIds)).map(({ id }) => id))
        const others = mailboxIds.filter((id) => !scheduled.has(id.toLowerCase()))
        const chosen = await chooseMailboxes(tx, scope, { mailboxIds: others, domainIds: [] }, idsMax)
        for (const id of scheduled) await cancelScheduledMailbox(platform, tx, scope, id)
        for (const { id } of chosen) await deleteMailbox(platform, tx, scope, id, { purge: false })
        return scheduled.size + chosen.length
      })
      return dataOf('Mailbox will be removed shortly', { totalMailboxesQueued: count })
    },
  )
}

type Filter = Pick<Static<typeof RemovalBody>, 'status' | 'contains'>

function fits(mailbox: Mailbox, { status, contains = '' }: Filter): boolean {
  if (status !== undefined && mailboxStatus(mailbox) !== status) return false
  return mailbox.search_text.includes(contains.trim().toLowerCase())
}
