/** Flags of a message as FETCH shows them (RFC 9051 §2.3.2). */
import { flagBits } from '../../../messages/flags.ts'
import { encodeFlags } from '../syntax/encode.ts'

const shown = [
  [flagBits.answered, '\\Answered'],
  [flagBits.flagged, '\\Flagged'],
  [flagBits.deleted, '\\Deleted'],
  [flagBits.seen, '\\Seen'],
  [flagBits.draft, '\\Draft'],
] as const

/** `(\Seen $Forwarded)`. \Recent belongs to the session, not to the message (RFC 3501 §2.3.2). */
export function encodeMessageFlags(flags: number, keywords: readonly string[], isRecent: boolean): string {
  const system = shown.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
  return encodeFlags([...system, ...keywords, ...(isRecent ? ['\\Recent'] : [])])
}
