/** What changes a mailbox: another period or password, its deletion, and its restore. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { cancelMailbox, keepMailbox } from '../../mailboxes/cancellation.ts'
import { changePassword } from '../../mailboxes/credentials.ts'
import { findMailboxWithin } from '../../mailboxes/mailbox-pages.ts'
import { deleteMailbox, getMailbox, restoreMailbox, updateMailbox } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { changeIn, reachIn, type Served } from './caller.ts'
import { asPreconditions, inState } from './errors.ts'
import { MailboxView, mailboxView } from './mailbox-view.ts'
import { MailboxPath, Password } from './mailboxes.ts'
import { errors } from './schemas.ts'
import { statusOfMailbox } from './states.ts'

const ChangesBody = Type.Object({
  subscription_period: Type.Optional(
    OneOf(
      ['monthly', 'yearly', 'canceled'] as const,
      'From the end of the present period on. `canceled`: the mailbox is deleted then.',
    ),
  ),
  new_password: Type.Optional(Password),
})

const tags = ['mailboxes']
const path = '/mailbox/v1alpha1/mailboxes/:mailbox_id'

export function mailboxChangeRoutes(app: Api, served: Served): void {
  updateRoute(app, served)
  deleteRoute(app, served)
  restoreRoute(app, served)
}

function updateRoute(app: Api, served: Served): void {
  const { platform } = served
  app.patch(
    path,
    {
      config: { resource: 'mailbox' },
      schema: {
        summary: 'Change the subscription period or the password of a mailbox',
        description:
          'What is left out stays. `monthly` or `yearly` takes a cancellation back, and restores a mailbox whose deletion is scheduled.',
        tags,
        params: MailboxPath,
        body: ChangesBody,
        response: { 200: MailboxView, ...errors(400, 404, 409, 423) },
      },
    },
    async (request) => {
      const found = await findMailboxWithin(platform.db, reachIn(request), request.params.mailbox_id)
      const changed = await inState(statusOfMailbox[found.state], () =>
        changeIn(served, request, found.workspace_id, (tx, scope) =>
          change(platform, tx, scope, found.id, request.body),
        ),
      )
      return mailboxView(changed)
    },
  )
}

async function change(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  { subscription_period: period, new_password: password }: Static<typeof ChangesBody>,
): Promise<Mailbox> {
  if (password !== undefined) await changePassword(platform, tx, scope, id, password)
  if (period === 'canceled') await cancelMailbox(platform, tx, scope, id)
  else if (period !== undefined) await renew(platform, tx, scope, id, period)
  return await getMailbox(platform, scope, id, tx)
}

/** It goes on, with this period next. */
async function renew(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  period: Mailbox['period'],
): Promise<void> {
  const before = await getMailbox(platform, scope, id, tx)
  if (before.state === 'deletion_scheduled') await restoreMailbox(platform, tx, scope, id)
  if (before.cancel_at_period_end) await keepMailbox(platform, tx, scope, id)
  await updateMailbox(platform, tx, scope, id, { period }, null)
}

function deleteRoute(app: Api, served: Served): void {
  const { platform } = served
  app.delete(
    path,
    {
      config: { resource: 'mailbox' },
      schema: {
        summary: 'Schedule the deletion of a mailbox',
        description: 'It can be restored until `deletion_scheduled_at`.',
        tags,
        params: MailboxPath,
        response: { 200: MailboxView, ...errors(404, 409) },
      },
    },
    async (request) => {
      const { id, workspace_id, state } = await findMailboxWithin(
        platform.db,
        reachIn(request),
        request.params.mailbox_id,
      )
      const deleted = await inState(statusOfMailbox[state], () =>
        changeIn(served, request, workspace_id, (tx, scope) =>
          deleteMailbox(platform, tx, scope, id, { purge: false }),
        ),
      )
      return mailboxView(deleted)
    },
  )
}

function restoreRoute(app: Api, served: Served): void {
  const { platform } = served
  app.post(
    `${path}/restore`,
    {
      config: { resource: 'mailbox' },
      schema: {
        summary: 'Take a scheduled deletion back',
        tags,
        params: MailboxPath,
        response: { 200: MailboxView, ...errors(404, 409, 412) },
      },
    },
    async (request) => {
      const { id, workspace_id, state } = await findMailboxWithin(
        platform.db,
        reachIn(request),
        request.params.mailbox_id,
      )
      const restore = () =>
        changeIn(served, request, workspace_id, (tx, scope) => restoreMailbox(platform, tx, scope, id))
      // What is not deleted stays so; what is deleted with its domain comes with it.
      const isDeleted = state === 'deletion_scheduled'
      const codes = ['insufficient_funds', 'wallet_locked', 'item_not_priced'] as const
      const refused = isDeleted ? codes : ([...codes, 'mailbox_state_conflict'] as const)
      return mailboxView(await asPreconditions(refused, () => inState(statusOfMailbox[state], restore)))
    },
  )
}
