/** Which of the messages that arrive somebody waits for. What the envelope tells is looked at before anything is opened. */
import type { Db } from '../../platform/database.ts'
import { findCodes } from '../content/codes.ts'
import { hasAttachments, readContent } from '../content/read-content.ts'
import { seenText } from '../content/seen-text.ts'
import { fieldsOf, type PersonField, type StoredEnvelope } from '../message-fields.ts'
import type { MimePart } from '../mime/structure.ts'
import { foldText } from '../search/search-fold.ts'

/** All of it must hold; null where nothing is asked for. Texts are substrings, without regard to case. */
export type ArrivalFilter = {
  /** In the author's name or address. */
  from: string | null
  /** In a recipient's name or address. */
  to: string | null
  subject: string | null
  /** In the text that a person sees. */
  text: string | null
  hasAttachments: boolean | null
  /** It has a one-time code. */
  hasCode: boolean | null
}

export type Arrival = {
  id: string
  folderId: string
  bodyId: string
  internalDate: Date
  envelope: StoredEnvelope
  structure: MimePart
}

export async function fitsArrival(db: Db, filter: ArrivalFilter, arrival: Arrival): Promise<boolean> {
  const fields = fieldsOf(arrival.envelope)
  const isAsked =
    isIn(filter.from, [...fields.from, ...fields.sender].map(shown)) &&
    isIn(filter.to, [...fields.to, ...fields.cc, ...fields.bcc].map(shown)) &&
    isIn(filter.subject, [fields.subject ?? '']) &&
    (filter.hasAttachments === null || hasAttachments(arrival.structure) === filter.hasAttachments)
  if (!isAsked || (filter.text === null && filter.hasCode === null)) return isAsked
  const { text, html } = await readContent(db, arrival.bodyId, arrival.structure)
  if (filter.text !== null) {
    const seen = [text ?? '', html === null ? '' : seenText(html)]
    if (!isIn(filter.text, seen.map(onOneLine))) return false
  }
  if (filter.hasCode === null) return true
  return findCodes({ subject: fields.subject, text, html }).length > 0 === filter.hasCode
}

function shown({ name, address }: PersonField): string {
  return `${name ?? ''} <${address}>`
}

function onOneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

function isIn(wanted: string | null, texts: readonly string[]): boolean {
  if (wanted === null) return true
  const needle = foldText(wanted)
  return texts.some((text) => foldText(text).includes(needle))
}
