/** Forms with files (RFC 7578), read from memory: the route's limit of bytes is theirs. */
import { Refusal } from '../platform/errors.ts'

export type FormPart = {
  name: string
  /** Null: it is a field, and no file. */
  filename: string | null
  contentType: string | null
  bytes: Buffer
}

/** Parts of one form that are read. */
const partsMax = 100

/**
 * @param contentType of the request, with its boundary.
 * @throws Refusal invalid_request for what is no form.
 */
export function readForm(contentType: string, body: Buffer): FormPart[] {
  const boundary = boundaryOf(contentType)
  if (boundary === null) throw new Refusal('invalid_request', 'The body is no multipart/form-data.')
  const delimiter = Buffer.from(`--${boundary}`)
  const parts: FormPart[] = []
  let start = body.indexOf(delimiter)
  while (start >= 0) {
    const from = start + delimiter.length
    if (body.toString('latin1', from, from + 2) === '--') return parts
    const end = body.indexOf(`\r\n${delimiter.toString('latin1')}`, from, 'latin1')
    if (end < 0 || parts.length === partsMax) break
    parts.push(partOf(body.subarray(from, end)))
    start = end + 2
  }
  throw new Refusal('invalid_request', 'The form is cut short, or has too many parts.')
}

// RFC 2046 §5.1.1.
function boundaryOf(contentType: string): string | null {
  if (!/^multipart\/form-data *;/i.test(contentType)) return null
  const found = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)
  return found?.[1] ?? found?.[2] ?? null
}

/** @param bytes from behind the delimiter: the rest of its line, fields, an empty line, the content. */
function partOf(bytes: Buffer): FormPart {
  const split = bytes.indexOf('\r\n\r\n')
  const fields = split < 0 ? '' : bytes.toString('utf8', 0, split)
  const disposition = fieldOf(fields, 'content-disposition')
  const name = parameterOf(disposition ?? '', 'name')
  if (name === null) throw new Refusal('invalid_request', 'A part of the form has no name.')
  return {
    name,
    filename: parameterOf(disposition ?? '', 'filename'),
    contentType: fieldOf(fields, 'content-type'),
    bytes: bytes.subarray(split + 4),
  }
}

function fieldOf(fields: string, name: string): string | null {
  for (const line of fields.split('\r\n')) {
    const colon = line.indexOf(':')
    if (line.slice(0, colon).trim().toLowerCase() === name) return line.slice(colon + 1).trim()
  }
  return null
}

/** Quoted, with `"` and line ends percent-encoded and all else as it is (RFC 7578 §2, WHATWG HTML §4.10.21.8). */
function parameterOf(field: string, name: string): string | null {
  const found = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^\\s;"]+))`, 'i').exec(field)
  const value = found?.[1] ?? found?.[2] ?? null
  return value?.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n') ?? null
}
