/** Records between the form of zones/records.ts and that of zone files, which the APIs of DNS hosts speak. */
import { joinStrings, quoteStrings } from '../zones/character-strings.ts'
import { parseRecordValue } from '../zones/record-values.ts'
import { type RecordType, recordTypes } from '../zones/records.ts'

export function isRecordType(text: string): text is RecordType {
  return recordTypes.some((type) => type === text)
}

/** A host's name as ours: lower case, no final dot. */
export function fromAbsolute(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

export function toAbsolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`
}

/** The types whose last field is a name. */
const pointing: ReadonlySet<RecordType> = new Set(['CNAME', 'MX', 'NS', 'PTR', 'SRV'])

/** A value as a zone file has it: names with their final dot, texts in quoted strings. */
export function toZoneFile(type: RecordType, value: string): string {
  if (type === 'TXT') return quoteStrings(value)
  return pointing.has(type) ? toAbsolute(value) : value
}

/**
 * The other way round. What does not parse is kept as it is, but for case and white space: it is someone else's, and only
 * compared.
 */
export function fromZoneFile(type: RecordType, content: string): string {
  if (type === 'TXT') return joinStrings(content) ?? content
  const plain = content.trim().replace(/\s+/g, ' ')
  // Names that we would not take, of one label for instance, may well be there.
  if (pointing.has(type)) return plain.toLowerCase().replace(/(?<=[^ .])\.$/, '')
  const parsed = parseRecordValue(type, plain)
  return parsed.ok ? parsed.value : plain
}
