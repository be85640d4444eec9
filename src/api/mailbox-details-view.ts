/** How the details of a mailbox and its period look in JSON, coming and going. */

import { type Static, Type } from 'typebox'
import { periods } from '../billing/periods.ts'
import { type DetailChanges, detailBounds } from '../mailboxes/details.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import { apiLimits } from './limits.ts'
import { closed, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

const { notesLengthMax, signatureTextLengthMax, signatureHtmlLengthMax, customFieldLengthMax } = detailBounds
const htmlDescription = 'As it was given: do not show it without making it safe.'

export const detailViewFields = {
  notes: Nullable(Type.String(), 'For those who run it; null for keys that are bound to the mailbox.'),
  signature: Nullable(
    Type.Object({
      text: Nullable(Type.String()),
      html: Nullable(Type.String(), htmlDescription),
    }),
  ),
  custom_fields: Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
  }),
  recovery: Nullable(Type.Object({ email: Nullable(Type.String()), phone: Nullable(Type.String()) })),
  picture: Nullable(
    Type.Object({ sha256: Type.String({ description: 'Of its bytes; its ETag.' }), updated_at: Moment }),
    'Null: there is none.',
  ),
  period: OneOf(periods, 'For how long it is paid at a time.'),
  next_period: OneOfOrNull(periods, 'What the next period will be, where it is another.'),
  period_ends_at: Nullable(Moment, 'Null until it is active for the first time.'),
  cancel_at_period_end: Type.Boolean({ description: 'Whether it is removed when its period ends.' }),
} as const

/** How many of a mailbox's fields one call can name: all that it has and all that it will have. */
const fieldChangesMax = detailBounds.customFieldsMax * 2

const fieldsDescription = 'Names of a-z, 0-9 and _.'

function customFields<T extends string | null>(type: string | string[], description: string) {
  return Type.Optional(
    Type.Unsafe<Record<string, T> | null>({
      type: ['object', 'null'],
      maxProperties: fieldChangesMax,
      additionalProperties: { type, maxLength: customFieldLengthMax },
      description,
    }),
  )
}

const sharedFields = {
  notes: Type.Optional(Nullable(Type.String({ maxLength: notesLengthMax }), 'For those who run it.')),
  signature: Type.Optional(
    Nullable(
      Type.Object(
        {
          text: Type.Optional(Nullable(Type.String({ maxLength: signatureTextLengthMax }))),
          html: Type.Optional(
            Nullable(Type.String({ maxLength: signatureHtmlLengthMax }), 'It is kept as it is given.'),
          ),
        },
        closed,
      ),
    ),
  ),
  recovery: Type.Optional(
    Nullable(
      Type.Object(
        {
          email: Type.Optional(Nullable(Type.String({ maxLength: apiLimits.addressLengthMax }))),
          phone: Type.Optional(
            Nullable(Type.String({ maxLength: 20 }), 'In the form of E.164: +4930123456.'),
          ),
        },
        closed,
      ),
    ),
  ),
} as const

export const newDetailFields = {
  ...sharedFields,
  custom_fields: customFields<string>('string', fieldsDescription),
  period: Type.Optional(OneOf(periods, 'Default: monthly.')),
} as const

export const detailChangeFields = {
  ...sharedFields,
  custom_fields: customFields<string | null>(
    ['string', 'null'],
    `${fieldsDescription} Those that are not named stay; null removes one.`,
  ),
  period: Type.Optional(OneOf(periods, 'From the end of the present period on.')),
} as const

type DetailsBody = {
  notes?: string | null
  signature?: { text?: string | null; html?: string | null } | null
  custom_fields?: Record<string, string | null> | null
  recovery?: { email?: string | null; phone?: string | null } | null
}

export function toDetailChanges({ notes, signature, custom_fields, recovery }: DetailsBody): DetailChanges {
  return {
    ...(notes === undefined ? {} : { notes }),
    ...(signature === undefined ? {} : { signature }),
    ...(custom_fields === undefined ? {} : { customFields: custom_fields }),
    ...(recovery === undefined ? {} : { recovery }),
  }
}

type DetailsView = { [Name in keyof typeof detailViewFields]: Static<(typeof detailViewFields)[Name]> }

export function detailsView(mailbox: Mailbox): DetailsView {
  const { signature_text: text, signature_html: html, recovery_email: email, recovery_phone: phone } = mailbox
  const { picture_sha256: sha256, picture_updated_at: pictureUpdatedAt } = mailbox
  return {
    notes: mailbox.notes,
    signature: text === null && html === null ? null : { text, html },
    custom_fields: mailbox.custom_fields,
    recovery: email === null && phone === null ? null : { email, phone },
    picture:
      sha256 === null || pictureUpdatedAt === null
        ? null
        : { sha256: sha256.toString('hex'), updated_at: pictureUpdatedAt.toISOString() },
    period: mailbox.period,
    next_period: mailbox.next_period,
    period_ends_at: momentOrNull(mailbox.period_ends_at),
    cancel_at_period_end: mailbox.cancel_at_period_end,
  }
}
