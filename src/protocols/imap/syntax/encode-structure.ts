/** ENVELOPE, BODY and BODYSTRUCTURE of RFC 9051 §7.5.2 as wire strings (see encode.ts). */
import type { Envelope, EnvelopeAddress } from '../../../messages/mime/envelope.ts'
import type { MimePart } from '../../../messages/mime/structure.ts'
import { encodeNstring, encodeString } from './encode.ts'

export function encodeEnvelope(envelope: Envelope, utf8 = false): string {
  const text = (value: string | null) => encodeNstring(value, utf8)
  const list = (addresses: readonly EnvelopeAddress[]) => encodeAddresses(addresses, utf8)
  const { date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId } = envelope
  const addresses = `${list(from)} ${list(sender)} ${list(replyTo)} ${list(to)} ${list(cc)} ${list(bcc)}`
  return `(${text(date)} ${text(subject)} ${addresses} ${text(inReplyTo)} ${text(messageId)})`
}

/** BODY: without the extension data. */
export function encodeBody(part: MimePart, utf8 = false): string {
  return encodePart(part, { extended: false, utf8 })
}

export function encodeBodyStructure(part: MimePart, utf8 = false): string {
  return encodePart(part, { extended: true, utf8 })
}

type Form = { extended: boolean; utf8: boolean }

function encodeAddresses(addresses: readonly EnvelopeAddress[], utf8: boolean): string {
  if (addresses.length === 0) return 'NIL'
  const text = (value: string | null | undefined) => encodeNstring(value, utf8)
  const one = ({ name, route, mailbox, host }: EnvelopeAddress) =>
    `(${text(name)} ${text(route)} ${text(mailbox)} ${text(host)})`
  return `(${addresses.map(one).join('')})`
}

function encodePart(part: MimePart, form: Form): string {
  return part.type === 'multipart' ? encodeMultipart(part, form) : encodeSinglePart(part, form)
}

/** A multipart has at least one part in the grammar: one without parts on paper has an empty text. */
const emptyText = '("text" "plain" NIL NIL NIL "7bit" 0 0)'

function encodeMultipart(part: MimePart, form: Form): string {
  const parts = (part.parts ?? []).map((child) => encodePart(child, form)).join('') || emptyText
  const subtype = encodeString(part.subtype, form.utf8)
  const extension = form.extended ? ` ${encodeParams(part.params, form)}${encodePlace(part, form)}` : ''
  return `(${parts} ${subtype}${extension})`
}

/** body-type-basic, body-type-text or body-type-msg. */
function encodeSinglePart(part: MimePart, form: Form): string {
  const text = (value: string | undefined) => encodeNstring(value, form.utf8)
  const fields = [
    encodeString(part.type, form.utf8),
    encodeString(part.subtype, form.utf8),
    encodeParams(part.params, form),
    text(part.id),
    text(part.description),
    encodeString(part.encoding, form.utf8),
    part.end - part.bodyStart,
  ]
  if (part.message !== undefined) {
    fields.push(
      encodeEnvelope(part.message.envelope, form.utf8),
      encodePart(part.message.part, form),
      part.lines,
    )
  } else if (part.type === 'text') {
    fields.push(part.lines)
  }
  const extension = form.extended ? ` ${text(part.md5)}${encodePlace(part, form)}` : ''
  return `(${fields.join(' ')}${extension})`
}

/** SP body-fld-dsp SP body-fld-lang SP body-fld-loc */
function encodePlace(part: MimePart, form: Form): string {
  const { disposition, language, location } = part
  const shown = disposition
    ? `(${encodeString(disposition.type, form.utf8)} ${encodeParams(disposition.params, form)})`
    : 'NIL'
  const languages = language?.map((tag) => encodeString(tag, form.utf8)).join(' ')
  return ` ${shown} ${languages ? `(${languages})` : 'NIL'} ${encodeNstring(location, form.utf8)}`
}

function encodeParams(params: readonly (readonly [string, string])[] | undefined, form: Form): string {
  if (params === undefined || params.length === 0) return 'NIL'
  return `(${params.flatMap((pair) => pair.map((text) => encodeString(text, form.utf8))).join(' ')})`
}
