/** Signatures of mailboxes. */
import { type Static, Type } from 'typebox'
import { safeSignature } from '../../delivery/submission/signatures.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { detailBounds } from '../../mailboxes/details.ts'
import { updateMailbox } from '../../mailboxes/mailboxes.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { requireUid } from './mailbox-uids.ts'
import { closed, DoneView, done, errors, Uid, Uids } from './schemas.ts'

const tags = ['Mailboxes']

/** One by the notation of an older guide, or several. */
const whoseFields = {
  mailbox_id: Type.Optional(Uid),
  uids: Type.Optional({ ...Uids, minItems: 1 }),
} as const

const SignatureBody = Type.Object(
  {
    ...whoseFields,
    signature: Type.String({ maxLength: detailBounds.signatureHtmlLengthMax, description: 'HTML.' }),
  },
  closed,
)

const WhoseBody = Type.Object(whoseFields, closed)

const response = { 200: DoneView, ...errors(400) }

export function signatureRoutes(app: Api, platform: Platform): void {
  app.post(
    '/mailboxes/signature',
    {
      schema: {
        summary: 'Set the signature of mailboxes',
        description: 'All or none. Of the HTML stays what formats text, and pictures over HTTPS.',
        tags,
        body: SignatureBody,
        response,
      },
    },
    async (request) => {
      const { signature: html } = request.body
      const safe = safeSignature(html)
      if (safe === null) throw new Refusal('invalid_request', 'signature cannot be read as HTML')
      await setSignatures(platform, callerOf(request), request.body, { html: safe, text: null })
      return done('Signature updated successfully')
    },
  )
  const summary = 'Remove the signature of mailboxes'
  const schema = { summary, tags, body: WhoseBody, response }
  const remove = async (caller: Caller, whose: Static<typeof WhoseBody>) => {
    await setSignatures(platform, caller, whose, null)
    return done('Signature removed successfully')
  }
  app.post('/mailboxes/signature/delete', { schema }, (request) => remove(callerOf(request), request.body))
  app.delete('/mailboxes/signature', { schema }, (request) => remove(callerOf(request), request.body))
}

/** @throws Refusal invalid_request, mailbox_not_found, mailbox_details_invalid, forbidden. */
async function setSignatures(
  platform: Platform,
  caller: Caller,
  { mailbox_id: one, uids = [] }: Static<typeof WhoseBody>,
  signature: { html: string; text: null } | null,
): Promise<void> {
  const wanted = [...(one === undefined ? [] : [one]), ...uids].map((uid) => requireUid(uid).toLowerCase())
  if (wanted.length === 0) throw new Refusal('invalid_request', 'uids is required')
  // In the order in which all transactions lock them.
  const ids = [...new Set(wanted)].sort()
  await transact(platform, caller, async (tx) => {
    for (const id of ids) await updateMailbox(platform, tx, caller.scope, id, { signature }, null)
  })
}
