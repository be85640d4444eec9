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
  if (keywords.length === 0 && !isRecent) return systemOnly[flags] ?? encodeFlags(systemFlags(flags))
  return encodeFlags([...systemFlags(flags), ...keywords, ...(isRecent ? ['\\Recent'] : [])])
}

function systemFlags(flags: number): string[] {
  return shown.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
}

/** By bitmask: a FETCH of a whole folder asks for the same few again and again. */
const systemOnly = Array.from({ length: 32 }, (_, flags) => encodeFlags(systemFlags(flags)))
