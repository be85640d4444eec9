/** The header fields of an arrival: read once, whoever asks. */
import { type HeaderField, parseHeaderFields } from '../../messages/mime/header-fields.ts'
import type { SpooledMessage } from './arrival.ts'

const known = new WeakMap<SpooledMessage, readonly HeaderField[]>()

/** All fields of the header, in order. */
export function headerFieldsOf(message: SpooledMessage): readonly HeaderField[] {
  const fields = known.get(message) ?? parseHeaderFields(message.header)
  known.set(message, fields)
  return fields
}
