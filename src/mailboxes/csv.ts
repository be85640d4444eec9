/**
 * Mailboxes as CSV: a file becomes items, with every bad line named, and mailboxes become lines that read back the same.
 *
 * A spreadsheet takes a value that begins with = + - or @ for a formula, and what it does may be an attack. Such values
 * get an apostrophe in front on the way out, which is taken off on the way in; one that has apostrophes before such a
 * character already gets one more, so that nothing is lost.
 */

import { withoutGuard } from '../platform/csv-text.ts'
import { type Delimiter, readRecords } from './csv-records.ts'
import type { NewMailbox } from './new-mailbox.ts'
import type { Service } from './tables.ts'

/** Lines of mailboxes in one file. */
export const csvLinesMax = 10_000

/** What a text may be long, in characters: the face's own bounds. */
export type CsvBounds = {
  addressLengthMax: number
  nameLengthMax: number
  passwordLengthMax: number
  tagLengthMax: number
  tagsMax: number
}

const readColumns = [
  'address',
  'local_part',
  'domain',
  'display_name',
  'first_name',
  'last_name',
  'password',
  'tags',
  'service',
] as const

export const exportColumns = [
  'address',
  'display_name',
  'first_name',
  'last_name',
  'tags',
  'service',
  'state',
  'created_at',
] as const

export const credentialColumns = [
  'password',
  'imap_host',
  'imap_port',
  'imap_security',
  'smtp_host',
  'smtp_port',
  'smtp_security',
] as const

type Column = (typeof readColumns)[number]
const isRead: ReadonlySet<string> = new Set(readColumns)
/** What an export has beside: it may be read again as it is. */
const isIgnored: ReadonlySet<string> = new Set([...exportColumns, ...credentialColumns])

/** What is wrong with a line; column is null where it is the line as a whole. */
export type CsvProblem = { column: string | null; reason: string }

/** A line of the file: with an item, or with what keeps it from being one. */
export type CsvRow = { line: number; address: string; item: NewMailbox | null; problems: CsvProblem[] }

export type MailboxCsv =
  | { ok: true; rows: CsvRow[]; hasLocalPart: boolean }
  /** Nothing of the file can be taken. */
  | { ok: false; problem: string }

/** Reads a file whose first line names the columns. Commas, semicolons or tabs stand between values. */
export function readMailboxCsv(text: string, bounds: CsvBounds): MailboxCsv {
  const body = text.replace(/^\ufeff/, '')
  const records = readRecords(body, delimiterOf(body))
  const first = records.next().value
  if (!first) return { ok: false, problem: 'The file has no line that names the columns.' }
  if ('problem' in first) return { ok: false, problem: `Line ${first.line} ${first.problem}.` }
  const columns = first.values.map((name) => name.trim().toLowerCase().replace(/[ -]+/g, '_'))
  const problem = problemOfColumns(columns)
  if (problem !== null) return { ok: false, problem }
  const rows: CsvRow[] = []
  for (const record of records) {
    if (rows.length === csvLinesMax) {
      return { ok: false, problem: `The file has more than ${csvLinesMax} lines of mailboxes.` }
    }
    rows.push(
      'problem' in record
        ? badRow(record.line, [{ column: null, reason: record.problem }])
        : readRow(record.line, record.values, columns, bounds),
    )
  }
  if (rows.length === 0)
    return { ok: false, problem: 'The file has no line after the one that names the columns.' }
  return { ok: true, rows, hasLocalPart: columns.includes('local_part') }
}

/** The one that the first line has most of. */
function delimiterOf(text: string): Delimiter {
  const header = /^[^\r\n]*/.exec(text)?.[0] ?? ''
  const count = (delimiter: Delimiter): number => header.split(delimiter).length
  return ([',', ';', '\t'] as const).reduce((best, one) => (count(one) > count(best) ? one : best))
}

function problemOfColumns(columns: readonly string[]): string | null {
  const unknown = columns.filter((name) => !isRead.has(name) && !isIgnored.has(name))
  if (unknown.length > 0) {
    const names = unknown.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 50).toWellFormed()))
    return `The first line names unknown columns: ${names.join(', ')}. Known are ${readColumns.join(', ')}.`
  }
  const repeated = columns.find((name, at) => columns.indexOf(name) !== at)
  if (repeated !== undefined) return `The column ${repeated} occurs twice.`
  const has = (column: Column): boolean => columns.includes(column)
  if (has('local_part') !== has('domain')) return 'The columns local_part and domain need each other.'
  if (has('address') === has('local_part')) {
    return 'The first line names either the column address, or local_part and domain.'
  }
  return null
}

function badRow(line: number, problems: CsvProblem[], address = ''): CsvRow {
  return { line, address, item: null, problems }
}

function readRow(
  line: number,
  values: readonly string[],
  columns: readonly string[],
  bounds: CsvBounds,
): CsvRow {
  const more = values.slice(columns.length).some((value) => value !== '')
  if (more || values.length < columns.length) {
    const reason = `has ${values.length} values for ${columns.length} columns`
    return badRow(line, [{ column: null, reason }])
  }
  const problems: CsvProblem[] = []
  const value = (column: Column): string => withoutGuard(values[columns.indexOf(column)] ?? '')
  const text = (column: Column, lengthMax: number): string | null => {
    const found = value(column)
    if (found.includes('\0')) problems.push({ column, reason: 'has a NUL character' })
    if (found.length > 2 * lengthMax || [...found].length > lengthMax)
      problems.push({ column, reason: `is longer than ${lengthMax} characters` })
    return found === '' ? null : found
  }
  const given = columns.includes('address')
    ? text('address', bounds.addressLengthMax)?.trim()
    : joined(text('local_part', bounds.addressLengthMax), text('domain', bounds.addressLengthMax))
  const address = given ?? ''
  if (address === '')
    problems.push({ column: columns.includes('address') ? 'address' : 'local_part', reason: 'is empty' })
  const item: NewMailbox = {
    address,
    displayName: text('display_name', bounds.nameLengthMax),
    firstName: text('first_name', bounds.nameLengthMax),
    lastName: text('last_name', bounds.nameLengthMax),
    password: text('password', bounds.passwordLengthMax),
    tags: tagsOf(value('tags'), bounds, problems),
    service: serviceOf(value('service'), problems),
  }
  return problems.length === 0
    ? { line, address, item, problems }
    : badRow(line, problems, address.slice(0, bounds.addressLengthMax))
}

function joined(localPart: string | null, domain: string | null): string | undefined {
  return localPart === null || domain === null ? undefined : `${localPart.trim()}@${domain.trim()}`
}

function serviceOf(text: string, problems: CsvProblem[]): Service {
  const service = text.trim().toLowerCase()
  if (service === 'local' || service === 'google' || service === 'microsoft') return service
  if (service !== '') problems.push({ column: 'service', reason: 'must be one of: local, google, microsoft' })
  return 'local'
}

function tagsOf(text: string, bounds: CsvBounds, problems: CsvProblem[]): string[] {
  const tags = splitTags(text)
  const reason = text.includes('\0')
    ? 'has a NUL character'
    : tags.length > bounds.tagsMax
      ? `has more than ${bounds.tagsMax} tags`
      : tags.some((tag) => [...tag].length > bounds.tagLengthMax)
        ? `has a tag that is longer than ${bounds.tagLengthMax} characters`
        : null
  if (reason !== null) problems.push({ column: 'tags', reason })
  return tags
}

/** Semicolons stand between tags, and spaces around a tag are not its own; a backslash takes its meaning from what follows. */
function splitTags(text: string): string[] {
  const tags: string[] = []
  let tag = ''
  let kept = 0 // the length without spaces at the end
  for (let at = 0; at <= text.length; at++) {
    const char = text[at] ?? ';'
    if (char === ';') {
      if (kept > 0) tags.push(tag.slice(0, kept))
      tag = ''
      kept = 0
    } else if (char === '\\' && at + 1 < text.length) {
      tag += text[++at]
      kept = tag.length
    } else if (!/\s/.test(char)) {
      tag += char
      kept = tag.length
    } else if (tag !== '') tag += char
  }
  return tags
}

/** The tags as one value that splits into the same ones. */
export function joinTags(tags: readonly string[]): string {
  const guard = (found: string): string => found.replace(/./gs, '\\$&')
  return tags.map((tag) => tag.replace(/[\\;]|^\s+|\s+$/g, guard)).join(';')
}
