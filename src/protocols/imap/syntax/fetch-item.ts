/** What FETCH asks for (RFC 9051 §6.4.5, RFC 3516, 7162, 8474, 8514, 8970), and its names in the response. */
import { encodeAstring } from './encode.ts'

export type FetchItem =
  | {
      item:
        | 'BODY'
        | 'BODYSTRUCTURE'
        | 'EMAILID'
        | 'ENVELOPE'
        | 'FLAGS'
        | 'INTERNALDATE'
        | 'MODSEQ'
        | 'RFC822'
        | 'RFC822.HEADER'
        | 'RFC822.SIZE'
        | 'RFC822.TEXT'
        | 'SAVEDATE'
        | 'THREADID'
        | 'UID'
    }
  | { item: 'PREVIEW'; lazy: boolean }
  /** BODY[...] and BODY.PEEK[...]. */
  | { item: 'BODY[]'; section: Section; partial: Partial | null; peek: boolean }
  /** BINARY[...] and BINARY.PEEK[...]. */
  | { item: 'BINARY[]'; part: PartNumber; partial: Partial | null; peek: boolean }
  | { item: 'BINARY.SIZE'; part: PartNumber }

/** Empty for the whole message, `[1, 2]` for 1.2. */
export type PartNumber = readonly number[]

export type Partial = { offsetBytes: number; countBytes: number }

/** `names` as the client wrote them. MIME only with a part number. */
export type Section = { part: PartNumber } & (
  | { text: 'all' | 'header' | 'text' | 'mime' }
  | { text: 'header-fields' | 'header-fields-not'; names: readonly string[] }
)

/** The name before the value in a FETCH response: `BODY[1.HEADER.FIELDS (From)]<0>`. */
export function fetchItemName(item: FetchItem): string {
  if (item.item === 'BODY[]') return `BODY[${encodeSection(item.section)}]${origin(item.partial)}`
  if (item.item === 'BINARY[]') return `BINARY[${item.part.join('.')}]${origin(item.partial)}`
  if (item.item === 'BINARY.SIZE') return `BINARY.SIZE[${item.part.join('.')}]`
  return item.item
}

/** RFC 9051 §7.5.2: the response names the first octet, never the count. */
function origin(partial: Partial | null): string {
  return partial === null ? '' : `<${partial.offsetBytes}>`
}

const sectionText = {
  all: '',
  header: 'HEADER',
  text: 'TEXT',
  mime: 'MIME',
  'header-fields': 'HEADER.FIELDS',
  'header-fields-not': 'HEADER.FIELDS.NOT',
} as const

function encodeSection(section: Section): string {
  const text = sectionText[section.text]
  const names = 'names' in section ? ` (${section.names.map((name) => encodeAstring(name)).join(' ')})` : ''
  return [...section.part, ...(text === '' ? [] : [text])].join('.') + names
}
