/** How an identity looks in JSON, coming and going. */
import { type Static, Type } from 'typebox'
import { listModesOf } from '../delivery/spam/list-modes.ts'
import type { SenderListMode } from '../delivery/spam/tables.ts'
import type { Identity, IdentityChanges, NewIdentity } from '../mailboxes/identities.ts'
import type { GivenMailbox } from '../mailboxes/identity-mailboxes.ts'
import type { IdentityMailbox } from '../mailboxes/identity-places.ts'
import { mailboxStates } from '../mailboxes/lifecycle.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { apiLimits } from './limits.ts'
import { closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const mailRules = ['anyone', 'allow_list'] as const
export type MailRule = (typeof mailRules)[number]

/** The mail rule of an identity in the words of its mailbox's sender lists. */
export const modeOfRule = {
  anyone: 'open',
  allow_list: 'allow_list',
} as const satisfies Record<MailRule, SenderListMode>

export const IdentityView = Type.Object(
  {
    id: Id,
    handle: Type.String(),
    display_name: Nullable(Type.String(), 'Its mailbox’s, if it has one.'),
    description: Nullable(Type.String()),
    owner: Type.String({ description: '`user:ID` or `api_key:ID`: who answers for it.' }),
    workspace_id: Id,
    mailbox_id: Nullable(Id, 'Null: it has no mailbox.'),
    address: Nullable(Type.String()),
    state: OneOf(
      mailboxStates,
      'Its mailbox’s: the identity is deleted, restored and purged with it. `active` without a mailbox.',
    ),
    mail_rule: OneOf(mailRules, 'Whom its mailbox hears: anyone, or whom its sender lists allow.'),
    links: Type.Object({
      mailbox: Nullable(Type.String(), 'As all of them null without a mailbox.'),
      sender_lists: Nullable(Type.String(), 'Whom it always hears, and whom never.'),
      mail_rule: Nullable(Type.String(), 'Where the mail rule is changed.'),
    }),
    version: Type.Integer({ description: 'Rises with every change of it or its mailbox; the ETag has it.' }),
    created_at: Moment,
    updated_at: Moment,
    purge_at: Nullable(Moment, 'When what is deleted goes for good, and its handle is free.'),
  },
  { title: 'Identity' },
)

const Preview = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))
const HandleField = Type.String({
  minLength: 1,
  maxLength: apiLimits.addressLengthMax,
  description: '2 to 63 of a-z, 0-9, dot, hyphen, underscore; once on the whole platform.',
})
const DisplayName = Nullable(Type.String({ maxLength: apiLimits.nameLengthMax }))
const Description = Nullable(Type.String({ maxLength: apiLimits.descriptionLengthMax }))
const place = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax, description }))

export const NewIdentityBody = Type.Object(
  {
    handle: Type.Optional(Nullable(HandleField, 'Default: a random one.')),
    display_name: Type.Optional(DisplayName),
    description: Type.Optional(Description),
    address: place('The address of its new mailbox.'),
    domain: place(
      'Or in which domain its new mailbox gets a random address. Default: the workspace’s oldest active one.',
    ),
    mailbox: Type.Optional(
      Nullable(
        Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }),
        'Or the id or address of a mailbox that has no identity; null: it gets none.',
      ),
    ),
    mail_rule: Type.Optional(OneOf(mailRules, 'Default: anyone, or as the mailbox has it.')),
    preview: Preview,
  },
  { ...closed, title: 'NewIdentity' },
)

export const GivenMailboxBody = Type.Object(
  {
    address: place('The address of its new mailbox.'),
    domain: place('Or in which domain it gets a random address. Default: the workspace’s oldest active one.'),
    mailbox: place('Or the id or address of a mailbox that has no identity.'),
    display_name: Type.Optional(DisplayName),
    preview: Preview,
  },
  { ...closed, title: 'GivenMailbox' },
)

export const IdentityChangesBody = Type.Object(
  {
    handle: Type.Optional(HandleField),
    address_follows: Type.Optional(
      Type.Boolean({
        description:
          'A new handle must be free as an address, too, and an address that was the old handle in the domain of handles ' +
          'follows it. In a domain that another workspace shares it always does. Default: false.',
      }),
    ),
    display_name: Type.Optional(DisplayName),
    description: Type.Optional(Description),
    owner: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: '`user:ID` or `api_key:ID` of who reaches the workspace.',
      }),
    ),
    preview: Preview,
  },
  { ...closed, minProperties: 1 },
)

export const IdentityPath = Type.Object({
  identity: Type.String({ description: 'Its id, or its handle with or without an @.' }),
})

type Places = Pick<Static<typeof GivenMailboxBody>, 'address' | 'domain' | 'mailbox'>

/** @throws Refusal invalid_request when more than one place is named. */
export function toIdentityMailbox(body: Static<typeof NewIdentityBody>): NewIdentity['mailbox'] {
  const { mailbox, ...others } = body
  if (mailbox === null && others.address === undefined && others.domain === undefined) return 'none'
  return toPlace(mailbox === undefined ? others : { ...others, mailbox: mailbox ?? '' })
}

export function toGivenMailbox(body: Static<typeof GivenMailboxBody>): GivenMailbox {
  return { mailbox: toPlace(body), displayName: body.display_name ?? null }
}

function toPlace({ address, domain, mailbox }: Places): IdentityMailbox | null {
  const places: IdentityMailbox[] = [
    ...(address === undefined ? [] : [{ address }]),
    ...(domain === undefined ? [] : [{ domain }]),
    ...(mailbox === undefined ? [] : [{ mailbox }]),
  ]
  const [place = null, second] = places
  if (second === undefined) return place
  throw new Refusal(
    'invalid_request',
    'An identity gets one mailbox: name an address, a domain or a mailbox.',
    {
      fields: [
        { pointer: `/${Object.keys(second).join()}`, detail: 'goes together with none of the others' },
      ],
    },
  )
}

export function toIdentityChanges(body: Static<typeof IdentityChangesBody>): IdentityChanges {
  return {
    ...(body.handle === undefined ? {} : { handle: body.handle }),
    ...(body.address_follows === undefined ? {} : { addressFollows: body.address_follows }),
    ...(body.display_name === undefined ? {} : { displayName: body.display_name }),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.owner === undefined ? {} : { owner: body.owner }),
  }
}

/** The views of identities, with their mail rules read in one go. @param db the transaction, inside one. */
export async function identityViews(
  db: Db,
  identities: readonly Identity[],
): Promise<Static<typeof IdentityView>[]> {
  const modes = await listModesOf(
    db,
    identities.flatMap((identity) => identity.mailbox_id ?? []),
  )
  return identities.map((identity) =>
    identityView(identity, modes.get(identity.mailbox_id ?? '')?.inbound ?? 'open'),
  )
}

function identityView(identity: Identity, mode: SenderListMode): Static<typeof IdentityView> {
  const hasMailbox = identity.mailbox_id !== null
  const link = (path: string): string | null =>
    hasMailbox ? `/v1/mailboxes/${identity.mailbox_id}${path}` : null
  return {
    id: identity.id,
    handle: identity.handle,
    display_name: identity.display_name,
    description: identity.description,
    owner: identity.owner,
    workspace_id: identity.workspace_id,
    mailbox_id: identity.mailbox_id,
    address: identity.address,
    state: identity.state,
    mail_rule: mode === 'allow_list' ? 'allow_list' : 'anyone',
    links: {
      mailbox: link(''),
      sender_lists: link('/sender-lists'),
      mail_rule: link('/sender-lists/mode'),
    },
    version: identity.version,
    created_at: identity.created_at.toISOString(),
    updated_at: identity.updated_at.toISOString(),
    purge_at: momentOrNull(identity.purge_at),
  }
}
