/** A refused command as a value. */
import { SyntaxFault } from './reader.ts'

/** The server answers `tag BAD text` (`* BAD text` without a tag) or `tag NO [code] text`. */
export type CommandFault = {
  ok: false
  tag: string | null
  /** BAD: outside the grammar. NO: inside it, and can never succeed. */
  condition: 'BAD' | 'NO'
  /** A response code without brackets: `CANNOT`, `LIMIT`, `BADCHARSET (UTF-8 ...)`. */
  code: string | null
  /** ASCII without line ends, never the client's own text. */
  text: string
}

/** Turns the one private exception into a value; anything else is our own defect and goes on. */
export function toCommandFault(error: unknown, tag: string | null): CommandFault {
  if (!(error instanceof SyntaxFault)) throw error
  return { ok: false, tag, condition: error.condition, code: error.code, text: error.message }
}
