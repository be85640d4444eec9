/** What is said of the person behind a mailbox beyond names and tags: read once, into columns of the mailbox. */
import type { Selectable } from 'kysely'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import { type Address, parseAddress, withoutDetail } from './address.ts'
import type { MailboxesTable } from './tables.ts'

/** Lengths are in characters (code points), as JSON Schema counts them. */
export const detailBounds = {
  notesLengthMax: 10_000,
  signatureTextLengthMax: 10_000,
  signatureHtmlLengthMax: 20_000,
  customFieldsMax: 50,
  customFieldLengthMax: 1000,
  /** Of all names and values of a mailbox, in UTF-8. */
  customFieldBytesMax: 16 * 1024,
} as const

/** Of a custom field's name. */
export const customFieldName = /^[a-z0-9][a-z0-9_]{0,63}$/

/** What is left out stays as it is; null clears. */
export type DetailChanges = {
  notes?: string | null
  signature?: { text?: string | null; html?: string | null; enabled?: boolean } | null
  /** A field that is null goes. */
  customFields?: Readonly<Record<string, string | null>> | null
  recovery?: { email?: string | null; phone?: string | null } | null
}

/** The details as a mailbox has them. */
export type Details = Pick<
  Selectable<MailboxesTable>,
  'notes' | 'signature_text' | 'signature_html' | 'custom_fields' | 'recovery_email' | 'recovery_phone'
> & { signature_enabled?: boolean }

export const noDetails: Details = {
  notes: null,
  signature_text: null,
  signature_html: null,
  custom_fields: {},
  recovery_email: null,
  recovery_phone: null,
}

/**
 * The details after a change.
 * @param address of the mailbox.
 * @throws Refusal mailbox_details_invalid.
 */
export function changedDetails(before: Details, changes: DetailChanges, address: Address): Details {
  const { notes, signature, customFields, recovery } = changes
  requireShort('/notes', notes, detailBounds.notesLengthMax)
  requireShort('/signature/text', signature?.text, detailBounds.signatureTextLengthMax)
  requireShort('/signature/html', signature?.html, detailBounds.signatureHtmlLengthMax)
  return {
    notes: notes === undefined ? before.notes : notes,
    ...changedSignature(before, signature),
    custom_fields: customFields === undefined ? before.custom_fields : mergeFields(before, customFields),
    ...changedRecovery(before, recovery, address),
  }
}

function requireShort(pointer: string, text: string | null | undefined, lengthMax: number): void {
  // A character has one or two of what a string is made of: most texts need not be counted.
  if (typeof text === 'string' && text.length > lengthMax && [...text].length > lengthMax)
    throw invalid(pointer, `has more than ${lengthMax} characters`)
}

type Signature = Pick<Details, 'signature_text' | 'signature_html' | 'signature_enabled'>

function changedSignature(before: Details, signature: DetailChanges['signature']): Signature {
  if (signature === null) return { signature_text: null, signature_html: null }
  return {
    signature_text: signature?.text === undefined ? before.signature_text : signature.text,
    signature_html: signature?.html === undefined ? before.signature_html : signature.html,
    ...(signature?.enabled === undefined ? {} : { signature_enabled: signature.enabled }),
  }
}

function mergeFields(before: Details, changes: NonNullable<DetailChanges['customFields']> | null) {
  if (changes === null) return {}
  for (const [name, value] of Object.entries(changes)) {
    if (!customFieldName.test(name))
      throw invalid('/custom_fields', 'has a name that is not 1 to 64 of a-z, 0-9 and _, or begins with _')
    requireShort(`/custom_fields/${name}`, value, detailBounds.customFieldLengthMax)
  }
  // From entries, which no name of a field can turn into anything else.
  const merged = new Map<string, string | null>([
    ...Object.entries(before.custom_fields),
    ...Object.entries(changes),
  ])
  const fields = [...merged].filter((field): field is [string, string] => field[1] !== null)
  if (fields.length > detailBounds.customFieldsMax)
    throw invalid('/custom_fields', `would be ${fields.length}: at most ${detailBounds.customFieldsMax}`)
  const bytes = fields.reduce((sum, field) => sum + Buffer.byteLength(field.join('')), 0)
  if (bytes > detailBounds.customFieldBytesMax)
    throw invalid('/custom_fields', `would have ${bytes} bytes: at most ${detailBounds.customFieldBytesMax}`)
  return Object.fromEntries(fields)
}

type Recovery = Pick<Details, 'recovery_email' | 'recovery_phone'>

// ITU-T E.164 §6: a country code, which does not begin with 0, and at most 15 digits in all.
const e164 = /^\+[1-9]\d{6,14}$/

function changedRecovery(before: Details, recovery: DetailChanges['recovery'], address: Address): Recovery {
  if (recovery === null) return { recovery_email: null, recovery_phone: null }
  const { email, phone } = recovery ?? {}
  if (typeof phone === 'string' && !e164.test(phone))
    throw invalid('/recovery/phone', 'must be in the form of E.164, such as +4930123456')
  return {
    recovery_email:
      email === undefined ? before.recovery_email : email === null ? null : recoveryEmail(email, address),
    recovery_phone: phone === undefined ? before.recovery_phone : phone,
  }
}

function recoveryEmail(text: string, mailbox: Address): string {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw invalid('/recovery/email', parsed.problem)
  const { address } = parsed.value
  if (address === mailbox.address || withoutDetail(parsed.value) === mailbox.address)
    throw invalid('/recovery/email', 'is the mailbox itself, which nobody reads who cannot log in')
  return address
}

function invalid(pointer: string, detail: string): Refusal {
  const fields: FieldProblem[] = [{ pointer, detail }]
  return new Refusal('mailbox_details_invalid', `${pointer} ${detail}.`, { fields })
}
