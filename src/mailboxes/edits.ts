/** Edits of what is said of a mailbox: which fields changed, and how they are taken back. */

import { isDeepStrictEqual } from 'node:util'
import type { Period } from '../billing/tables.ts'
import type { DetailChanges } from './details.ts'
import type { Mailbox } from './tables.ts'

/** What an edit asks for; what is not named stays. */
export type MailboxChanges = DetailChanges & {
  displayName?: string | null
  firstName?: string | null
  lastName?: string | null
  tags?: readonly string[]
  /** From the end of the present period on. */
  period?: Period
}

const editableFields = [
  'display_name',
  'first_name',
  'last_name',
  'tags',
  'notes',
  'signature_text',
  'signature_html',
  'custom_fields',
  'recovery_email',
  'recovery_phone',
  'period',
] as const

export type EditedFields = Partial<Pick<Mailbox, (typeof editableFields)[number]>>

/** The fields that changed, as they were and as they are. */
export type Edit = { was: EditedFields; became: EditedFields }

export function editOf(before: Mailbox, after: Mailbox): Edit {
  const [from, to] = [wished(before), wished(after)]
  const changed = editableFields.filter((field) => !isDeepStrictEqual(from[field], to[field]))
  const pick = (mailbox: Mailbox): EditedFields =>
    Object.fromEntries(changed.map((field) => [field, mailbox[field]]))
  return { was: pick(from), became: pick(to) }
}

/** With the period that it is to have: before the first one has begun that is the present one, else the next. */
function wished(mailbox: Mailbox): Mailbox {
  return { ...mailbox, period: mailbox.next_period ?? mailbox.period }
}

/** Whether the fields are still as the edit left them. */
export function isStill(mailbox: Mailbox, { became }: Edit): boolean {
  const now = wished(mailbox)
  return editableFields.every((field) => !(field in became) || isDeepStrictEqual(now[field], became[field]))
}

/** The changes that bring back what was. */
export function takenBack({ was, became }: Edit): MailboxChanges {
  const { signature_text: text, signature_html: html, recovery_email: email, recovery_phone: phone } = was
  const { custom_fields: fields } = was
  const added = Object.keys(became.custom_fields ?? {}).filter((key) => !Object.hasOwn(fields ?? {}, key))
  return {
    ...(was.display_name === undefined ? {} : { displayName: was.display_name }),
    ...(was.first_name === undefined ? {} : { firstName: was.first_name }),
    ...(was.last_name === undefined ? {} : { lastName: was.last_name }),
    ...(was.tags === undefined ? {} : { tags: was.tags }),
    ...(was.notes === undefined ? {} : { notes: was.notes }),
    ...(fields === undefined
      ? {}
      : { customFields: { ...fields, ...Object.fromEntries(added.map((key) => [key, null])) } }),
    signature: { ...(text === undefined ? {} : { text }), ...(html === undefined ? {} : { html }) },
    recovery: { ...(email === undefined ? {} : { email }), ...(phone === undefined ? {} : { phone }) },
    ...(was.period === undefined ? {} : { period: was.period }),
  }
}
