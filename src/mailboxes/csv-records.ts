/**
 * The records of a CSV file (RFC 4180), each with the line that it begins at. A record that cannot be read is told with
 * the reason, and reading goes on with the next line: whoever has to correct a file wants to know every bad line. (The
 * library csv-parse, which the tests compare this with, counts a CRLF within quotes twice and does not find its way back
 * after a bad quote.)
 */

/** Lines are counted from 1, as editors do. */
export type CsvRecord = { line: number; values: string[] } | { line: number; problem: string }

export type Delimiter = ',' | ';' | '\t'

/** The records of a text; lines without a value are left out. The time it takes grows with the text alone. */
export function* readRecords(text: string, delimiter: Delimiter): Generator<CsvRecord, undefined> {
  const plainEnd = new RegExp(`[${delimiter}\r\n]|$`, 'g')
  for (let at = 0, line = 1; at < text.length; ) {
    const record = readRecord(text, at, delimiter, plainEnd)
    if (record.problem !== null) {
      yield { line, problem: record.problem }
      at = afterLine(text, at)
      line++
      continue
    }
    if (record.values.some((value) => value !== '')) yield { line, values: record.values }
    line += lineBreaks(text.slice(at, record.end))
    at = record.end
  }
}

type ReadRecord = { problem: null; values: string[]; end: number } | { problem: string }

/** @returns the values, and where the next record begins. */
function readRecord(text: string, start: number, delimiter: Delimiter, plainEnd: RegExp): ReadRecord {
  const values: string[] = []
  for (let at = start; ; ) {
    const value = text[at] === '"' ? readQuoted(text, at) : readPlain(text, at, plainEnd)
    if (value.problem !== null) return value
    values.push(value.text)
    const next = text[value.end]
    if (next === delimiter) at = value.end + 1
    else if (next === undefined || next === '\n' || next === '\r') {
      return { problem: null, values, end: afterLine(text, value.end) }
    } else return { problem: 'has text after the quote that closes a value' }
  }
}

type ReadValue = { problem: null; text: string; end: number } | { problem: string }

function readPlain(text: string, start: number, plainEnd: RegExp): ReadValue {
  plainEnd.lastIndex = start
  const end = plainEnd.exec(text)?.index ?? text.length
  const value = text.slice(start, end)
  return value.includes('"')
    ? { problem: 'has a quote within a value that does not begin with one' }
    : { problem: null, text: value, end }
}

/** RFC 4180 §2.7: a quote within is written twice. */
function readQuoted(text: string, start: number): ReadValue {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return { problem: 'has a quote that is never closed' }
    if (text[quote + 1] !== '"') {
      return { problem: null, text: text.slice(start + 1, quote).replaceAll('""', '"'), end: quote + 1 }
    }
    at = quote + 2
  }
}

/** Where the line after this place begins. */
function afterLine(text: string, at: number): number {
  const lineEnd = /\r\n|\r|\n|$/g
  lineEnd.lastIndex = at
  const found = lineEnd.exec(text)
  return found ? found.index + found[0].length : text.length
}

function lineBreaks(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0
}
