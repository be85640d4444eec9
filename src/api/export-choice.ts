/** How a body says which mailboxes it means. */
import { type Static, Type } from 'typebox'
import { Refusal } from '../platform/errors.ts'
import type { Choice } from '../sequencers/choice.ts'
import { sequencerPolicy } from '../sequencers/policy.ts'
import { apiLimits } from './limits.ts'
import { mailboxFilterQuery, toMailboxFilter } from './mailbox-view.ts'
import { closed } from './schemas.ts'

const Filter = Type.Object(mailboxFilterQuery, closed)

export const choiceBody = {
  mailboxes: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }), {
      minItems: 1,
      maxItems: sequencerPolicy.mailboxesPerExportMax,
      description: 'Ids or addresses.',
    }),
  ),
  filter: Type.Optional(
    Type.Unsafe<Static<typeof Filter>>({
      ...Filter,
      description: 'In place of `mailboxes`: those that it selects, as in GET /v1/mailboxes.',
    }),
  ),
} as const

type ChoiceBody = { mailboxes?: string[]; filter?: Static<typeof Filter> }

/** @throws Refusal invalid_request for neither of them, or both. */
export function toChoice({ mailboxes, filter }: ChoiceBody): Choice {
  if (mailboxes !== undefined && filter === undefined) return { refs: mailboxes }
  if (mailboxes === undefined && filter !== undefined) return { filter: toMailboxFilter(filter) }
  throw new Refusal('invalid_request', 'Either mailboxes or filter says which mailboxes are meant.', {
    fields: [{ pointer: '/mailboxes', detail: 'must be given, unless filter is' }],
  })
}
