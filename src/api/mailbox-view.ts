/** How a mailbox looks in JSON, coming and going. Passwords only come. */

import { type Static, Type } from 'typebox'
import { products } from '../domains/products.ts'
import { detailBounds } from '../mailboxes/details.ts'
import { mailboxStates } from '../mailboxes/lifecycle.ts'
import type { MailboxFilter } from '../mailboxes/mailboxes.ts'
import type { NewMailbox } from '../mailboxes/new-mailbox.ts'
import { batchItemsMax } from '../mailboxes/provision.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import { Refusal } from '../platform/errors.ts'
import { apiLimits } from './limits.ts'
import {
  detailChangeFields,
  detailsView,
  detailViewFields,
  newDetailFields,
  toDetailChanges,
} from './mailbox-details-view.ts'
import { ProblemRef } from './problem-view.ts'
import { closed, Id, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

export const mailboxServices = ['local', 'google', 'microsoft'] as const

export const MailboxView = Type.Object(
  {
    id: Id,
    address: Type.String(),
    domain: Type.String({ description: 'The name of its domain.' }),
    domain_id: Id,
    workspace_id: Id,
    state: OneOf(mailboxStates),
    service: OneOf(mailboxServices, 'Who runs it.'),
    product: OneOfOrNull(products, 'What it was asked for as by a dialect.'),
    display_name: Nullable(Type.String()),
    first_name: Nullable(Type.String()),
    last_name: Nullable(Type.String()),
    tags: Type.Array(Type.String()),
    ...detailViewFields,
    in_slot: Type.Boolean({ description: 'Whether a plan pays for it.' }),
    unpaid_since: Nullable(Moment, 'Since when its next period is not paid. Null: it is paid.'),
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
  address: Type.Optional(Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax })),
  domain: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: apiLimits.addressLengthMax,
      description: 'Instead of an address: a domain’s name. The local part is random.',
    }),
  ),
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
  service: Type.Optional(OneOf(mailboxServices, 'Default: local.')),
  ...newDetailFields,
} as const

const Preview = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))

const WaitForPayment = Type.Optional(
  Type.Boolean({
    description:
      'What the wallet has too little for is made all the same, as waiting_payment, and goes on when money comes.',
  }),
)

export const NewMailboxItem = Type.Object(newMailboxFields, closed)
const OneMailboxBody = Type.Object(
  { ...newMailboxFields, wait_for_payment: WaitForPayment, preview: Preview },
  { ...closed, title: 'NewMailbox' },
)
const ManyMailboxesBody = Type.Object(
  {
    mailboxes: Type.Array(NewMailboxItem, { minItems: 1, maxItems: batchItemsMax }),
    wait_for_payment: WaitForPayment,
    preview: Preview,
  },
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
    ...detailChangeFields,
    preview: Preview,
  },
  { ...closed, minProperties: 1 },
)

/** What a list of mailboxes may be narrowed by. */
export const mailboxFilterQuery = {
  domain: Type.Optional(Type.String({ minLength: 1, maxLength: 253, description: 'A domain’s id or name.' })),
  state: Type.Optional(OneOf(mailboxStates)),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: apiLimits.searchLengthMax,
      description: 'Part of the address, of a name or of a custom field’s value.',
    }),
  ),
  tag: Type.Optional(Type.String({ minLength: 1, maxLength: apiLimits.tagLengthMax })),
  field: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9_]{0,63}:',
      maxLength: 65 + detailBounds.customFieldLengthMax,
      description: 'A custom field with exactly this value: `name:value`.',
    }),
  ),
} as const

type FilterQuery = { [Name in keyof typeof mailboxFilterQuery]?: Static<(typeof mailboxFilterQuery)[Name]> }

export function toMailboxFilter(query: FilterQuery): MailboxFilter {
  const { domain = null, state = null, search = null, tag = null, field } = query
  return { domain, state, search, tag, customField: field === undefined ? null : fieldOf(field) }
}

function fieldOf(text: string): NonNullable<MailboxFilter['customField']> {
  const at = text.indexOf(':')
  return { name: text.slice(0, at), value: text.slice(at + 1) }
}

export const MailboxPath = Type.Object({ mailbox: Type.String({ description: 'Its id or its address.' }) })

/** @throws Refusal invalid_request for an item without an address or a domain, or with both. */
export function toNewMailbox(item: Static<typeof NewMailboxItem>, index?: number): NewMailbox {
  return {
    address: addressOrDomain(item, index === undefined ? '' : `/mailboxes/${index}`),
    displayName: item.display_name ?? null,
    firstName: item.first_name ?? null,
    lastName: item.last_name ?? null,
    password: item.password ?? null,
    tags: item.tags ?? [],
    service: item.service ?? 'local',
    details: toDetailChanges(item),
    ...(item.period === undefined ? {} : { period: item.period }),
  }
}

function addressOrDomain(
  { address, domain }: Static<typeof NewMailboxItem>,
  pointer: string,
): NewMailbox['address'] {
  if (address !== undefined && domain === undefined) return address
  if (address === undefined && domain !== undefined) return { domain }
  throw new Refusal('invalid_request', 'A mailbox is made with either an address or a domain.', {
    fields: [{ pointer: `${pointer}/address`, detail: 'must be given, unless domain is' }],
  })
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
    product: mailbox.product,
    display_name: mailbox.display_name,
    first_name: mailbox.first_name,
    last_name: mailbox.last_name,
    tags: mailbox.tags,
    ...detailsView(mailbox),
    in_slot: mailbox.in_slot,
    unpaid_since: momentOrNull(mailbox.unpaid_since),
    batch_id: mailbox.batch_id,
    version: mailbox.version,
    created_at: mailbox.created_at.toISOString(),
    updated_at: mailbox.updated_at.toISOString(),
    state_changed_at: mailbox.state_changed_at.toISOString(),
    purge_at: momentOrNull(mailbox.purge_at),
  }
}
