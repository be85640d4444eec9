/** Labels of an account's mail: they are on messages, and in no list of their own. */
import { Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { editedMax } from '../../messages/edit-messages.ts'
import { type LabelRename, replaceLabel } from '../../messages/label-changes.ts'
import { requireLabels } from '../../messages/labels.ts'
import { storedOwnerOf } from '../../messages/stored-mailbox.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { AccountInput, requireAccount, tags } from './onebox.ts'
import { DoneView, done, errors } from './schemas.ts'

const Label = Type.String({ minLength: 1, maxLength: 200 })
const Color = Type.Optional(Type.String({ maxLength: 50, description: 'Labels have none here.' }))

/** Of one call: that many steps of a thousand messages. */
const stepsMax = 200

export function oneboxLabelRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/onebox/create-new-label',
    {
      schema: {
        summary: 'Create a label',
        description: 'It is there as soon as a message has it: this says whether one can have that name.',
        tags,
        body: Type.Object({ account: AccountInput, labelName: Label, color: Color }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      requireWrite(scope)
      await requireAccount(platform, scope, request.body.account)
      requireLabels([request.body.labelName], '/labelName')
      return done('Label created successfully')
    },
  )
  app.post(
    '/v2/onebox/rename-label',
    {
      schema: {
        summary: 'Give a label another name',
        description: 'On all messages of the account that have it.',
        tags,
        body: Type.Object({ account: AccountInput, oldLabelName: Label, newLabelName: Label, color: Color }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const { account, oldLabelName: from, newLabelName: to } = request.body
      await replaceAll(platform, callerOf(request), account, { from, to })
      return done('Label renamed successfully')
    },
  )
  app.post(
    '/v2/onebox/delete-label',
    {
      schema: {
        summary: 'Delete a label',
        description: 'From all messages of the account that have it.',
        tags,
        body: Type.Object({ account: AccountInput, labelName: Label }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const { account, labelName: from } = request.body
      await replaceAll(platform, callerOf(request), account, { from, to: null })
      return done('Label deleted successfully')
    },
  )
}

/** Each step is a transaction of its own. @throws Refusal mailbox_not_found, label_invalid, forbidden. */
async function replaceAll(
  platform: Platform,
  caller: Caller,
  account: string,
  rename: LabelRename,
): Promise<void> {
  requireWrite(caller.scope)
  const owner = storedOwnerOf(await requireAccount(platform, caller.scope, account))
  for (let step = 0; step < stepsMax; step++) {
    const changed = await transact(platform, caller, (tx) => replaceLabel(platform, tx, owner, rename))
    if (changed < editedMax) return
  }
  throw new Refusal('invalid_request', 'Many messages have the label: call again for the rest.')
}
