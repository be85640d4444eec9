/** What the header of one MIME part says about it (RFC 2045, RFC 2183, RFC 3282, RFC 2557, RFC 1864). */
import { type ParameterList, parseContentType, parseParameterized, skipComment } from './content-type.ts'
import { mimeLimits } from './mime-limits.ts'

/** A part without its place in the message. Absent fields are left out, to keep stored structures small. */
export type PartDescription = {
  type: string
  subtype: string
  params?: ParameterList
  id?: string
  description?: string
  encoding: string
  md5?: string
  disposition?: { type: string; params?: ParameterList }
  language?: string[]
  location?: string
}

/** RFC 2046 §5.1.5: what a part without Content-Type is depends on where it stands. */
export type DefaultType = 'text/plain' | 'message/rfc822'

/** The fields read here, in lower case. */
export const contentFieldNames = [
  'content-type',
  'content-transfer-encoding',
  'content-disposition',
  'content-id',
  'content-description',
  'content-md5',
  'content-language',
  'content-location',
] as const

/** Describes a part from its content fields; of repeated ones the first counts. */
export function describePart(
  values: ReadonlyMap<string, readonly string[]>,
  defaultType: DefaultType,
): PartDescription {
  const first = (name: (typeof contentFieldNames)[number]) => values.get(name)?.[0] || undefined
  const part = describeType(first('content-type'), defaultType)
  part.encoding = transferEncoding(first('content-transfer-encoding'))
  const id = first('content-id')
  if (id !== undefined) part.id = id
  const description = first('content-description')
  if (description !== undefined) part.description = description
  const md5 = first('content-md5')
  if (md5 !== undefined) part.md5 = md5
  const disposition = contentDisposition(first('content-disposition'))
  if (disposition !== undefined) part.disposition = disposition
  const language = languages(first('content-language'))
  if (language.length > 0) part.language = language
  const location = first('content-location')?.replace(/\s/g, '') // RFC 2557 §4.4.2: folding is no part of it
  if (location !== undefined) part.location = location
  return part
}

/** RFC 2045 §5.2: without a Content-Type the default, with one that makes no sense text/plain. */
function describeType(value: string | undefined, defaultType: DefaultType): PartDescription {
  const encoding = '7bit'
  if (value === undefined && defaultType === 'message/rfc822') {
    return { type: 'message', subtype: 'rfc822', encoding }
  }
  const parsed = value === undefined ? null : parseContentType(value)
  if (parsed === null) return { type: 'text', subtype: 'plain', encoding }
  const { type, subtype, params } = parsed
  return params.length > 0 ? { type, subtype, params, encoding } : { type, subtype, encoding }
}

/** RFC 2045 §6.1. */
function transferEncoding(value: string | undefined): string {
  const mechanism = /[^\s;()"]+/.exec(withoutComments(value ?? ''))?.[0].toLowerCase() ?? ''
  return mechanism === '' || mechanism.length > mimeLimits.transferEncodingCharsMax ? '7bit' : mechanism
}

function contentDisposition(value: string | undefined): PartDescription['disposition'] {
  if (value === undefined) return undefined
  const { main, params } = parseParameterized(value)
  const type = main === '' ? 'attachment' : main // RFC 2183 §2.8: an unknown disposition is an attachment
  return params.length > 0 ? { type, params } : { type }
}

/** RFC 3282: language tags between commas. */
function languages(value: string | undefined): string[] {
  const tags = withoutComments(value ?? '').split(',', mimeLimits.languagesMax)
  return tags.map((tag) => tag.trim()).filter((tag) => tag !== '')
}

function withoutComments(value: string): string {
  let text = ''
  let at = 0
  for (let open = value.indexOf('('); open !== -1; open = value.indexOf('(', at)) {
    text += value.slice(at, open)
    at = skipComment(value, open)
  }
  return text + value.slice(at)
}
