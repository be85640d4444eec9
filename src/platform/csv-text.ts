/**
 * CSV on its way out (RFC 4180). A spreadsheet takes a value that begins with = + - or @ for a formula, and what it does may
 * be an attack. Such values get an apostrophe in front; one that has apostrophes before such a character already gets one
 * more, so that nothing is lost.
 */
import { stringify } from 'csv-stringify/sync'

// The full-width forms of the same characters are taken for them too.
const formula = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/
const guardedFormula = /^'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

/** A value that no spreadsheet takes for a formula. */
export function guarded(value: string): string {
  return formula.test(value) ? `'${value}` : value
}

/** The value as it was before its guard. */
export function withoutGuard(value: string): string {
  return guardedFormula.test(value) ? value.slice(1) : value
}

/** A line of an export: its values in the order of its columns. */
export type CsvLine = readonly (string | number | null)[]

/** @param raw values as they are, for programs that are no spreadsheet. A number is never taken for a formula. */
export function csvText(lines: readonly CsvLine[], raw: boolean): string {
  const cells = lines.map((line) =>
    line.map((value) => {
      const text = value === null ? '' : String(value)
      return raw || typeof value === 'number' ? text : guarded(text)
    }),
  )
  // RFC 4180 §2.1 for the ends of lines; other programs take a CR or LF alone for one too, so that it is quoted.
  return stringify(cells, { record_delimiter: '\r\n', quote_record_delimiter: true })
}
