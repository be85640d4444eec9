/** How a mailbox looks in JSON, coming and going. Passwords only come. */
import { type Static, Type } from 'typebox'
import { mailboxStates } from '../mailboxes/lifecycle.ts'
import { batchItemsMax, type Mailbox, type NewMailbox } from '../mailboxes/provision.ts'
import { apiLimits } from './limits.ts'
import { ProblemRef } from './problem-view.ts'
import { closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

export const services = ['local', 'google', 'microsoft'] as const

export const MailboxView = Type.Object(
  {
    id: Id,
    address: Type.String(),
    domain: Type.String({ description: 'The name of its domain.' }),
    domain_id: Id,
    workspace_id: Id,
    state: OneOf(mailboxStates),
    service: OneOf(services, 'Who runs it.'),
    display_name: Nullable(Type.String()),
    first_name: Nullable(Type.String()),
    last_name: Nullable(Type.String()),
    tags: Type.Array(Type.String()),
    batch_id: Nullable(Id, 'The call that made it with others.'),
    version: Type.Integer({ description: 'Rises with every change; the ETag has it.' }),
    created_at: Moment,
    updated_at: Moment,
    state_changed_at: Moment,
    purge_at: Nullable(Moment, 'When what is deleted goes for good.'),
  },
  { title: 'Mailbox' },
)

const Name = Nullable(Type.String({ maxLength: apiLimits.nameLengthMax }))
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: apiLimits.tagLengthMax }), {
  maxItems: apiLimits.tagsMax,
})

const newMailboxFields = {
  address: Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }),
  display_name: Type.Optional(Name),
  first_name: Type.Optional(Name),
  last_name: Type.Optional(Name),
  password: Type.Optional(
    Nullable(
      Type.String({ maxLength: apiLimits.passwordLengthMax }),
      'Default: a generated one of 144 bits.',
    ),
  ),
  tags: Type.Optional(Tags),
  service: Type.Optional(OneOf(services, 'Default: local.')),
} as const

const Preview = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))

const NewMailboxItem = Type.Object(newMailboxFields, closed)
const OneMailboxBody = Type.Object(
  { ...newMailboxFields, preview: Preview },
  { ...closed, title: 'NewMailbox' },
)
const ManyMailboxesBody = Type.Object(
  { mailboxes: Type.Array(NewMailboxItem, { minItems: 1, maxItems: batchItemsMax }), preview: Preview },
  { ...closed, title: 'NewMailboxes' },
)

type OneMailbox = Static<typeof OneMailboxBody> & { mailboxes?: never }
type ManyMailboxes = Static<typeof ManyMailboxesBody>

/** One mailbox or many: told apart by `mailboxes` first, so that an error speaks of the form that was meant. */
export const NewMailboxesBody = Type.Unsafe<OneMailbox | ManyMailboxes>({
  type: 'object',
  if: { required: ['mailboxes'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema (2020-12, Core §10.2.2.2)
  then: ManyMailboxesBody,
  else: OneMailboxBody,
})

/** The same for the reference page. */
export const NewMailboxesDocumented = Type.Unsafe({ oneOf: [OneMailboxBody, ManyMailboxesBody] })

export const BatchResultView = Type.Object(
  {
    batch_id: Id,
    data: Type.Array(
      Type.Object({
        index: Type.Integer(),
        status: OneOf(['created', 'pending', 'failed']),
        mailbox: Type.Optional(MailboxView),
        problem: Type.Optional(ProblemRef),
      }),
      { description: 'A result for each item, in their order.' },
    ),
  },
  { title: 'BatchResult' },
)

export const MailboxChangesBody = Type.Object(
  {
    display_name: Type.Optional(Name),
    first_name: Type.Optional(Name),
    last_name: Type.Optional(Name),
    tags: Type.Optional(Tags),
  },
  { ...closed, minProperties: 1 },
)

export const MailboxPath = Type.Object({ mailbox: Type.String({ description: 'Its id or its address.' }) })

export function toNewMailbox(item: Static<typeof NewMailboxItem>): NewMailbox {
  return {
    address: item.address,
    displayName: item.display_name ?? null,
    firstName: item.first_name ?? null,
    lastName: item.last_name ?? null,
    password: item.password ?? null,
    tags: item.tags ?? [],
    service: item.service ?? 'local',
  }
}

export function mailboxView(mailbox: Mailbox): Static<typeof MailboxView> {
  return {
    id: mailbox.id,
    address: mailbox.address,
    domain: mailbox.address.slice(mailbox.address.lastIndexOf('@') + 1),
    domain_id: mailbox.domain_id,
    workspace_id: mailbox.workspace_id,
    state: mailbox.state,
    service: mailbox.service,
    display_name: mailbox.display_name,
    first_name: mailbox.first_name,
    last_name: mailbox.last_name,
    tags: mailbox.tags,
    batch_id: mailbox.batch_id,
    version: mailbox.version,
    created_at: mailbox.created_at.toISOString(),
    updated_at: mailbox.updated_at.toISOString(),
    state_changed_at: mailbox.state_changed_at.toISOString(),
    purge_at: momentOrNull(mailbox.purge_at),
  }
}
