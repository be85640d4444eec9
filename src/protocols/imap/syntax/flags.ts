/** Flags and keywords, RFC 9051 §2.3.2 and §9. */
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'

export const systemFlags = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const
export type SystemFlag = (typeof systemFlags)[number]

/** No flag twice; a keyword keeps the spelling of its first mention, though case does not tell keywords apart. */
export type FlagList = { system: readonly SystemFlag[]; keywords: readonly string[] }

const systemFlagByName = new Map(systemFlags.map((flag) => [flag.toUpperCase(), flag]))

/** flag-list = "(" [flag *(SP flag)] ")" */
export function readFlagList(reader: Reader): FlagList {
  return toFlagList(reader.list(imapSyntaxLimits.flagsMax, () => readFlag(reader)))
}

/** STORE takes the flags without parentheses too. */
export function readFlagListOrFlags(reader: Reader): FlagList {
  if (reader.peek() === '(') return readFlagList(reader)
  const flags = [readFlag(reader)]
  while (reader.skip(' ')) {
    if (flags.length >= imapSyntaxLimits.flagsMax) reader.fail('Too many flags')
    flags.push(readFlag(reader))
  }
  return toFlagList(flags)
}

export function readKeyword(reader: Reader): string {
  const keyword = reader.atom()
  if (keyword.length > imapSyntaxLimits.keywordBytesMax) reader.refuse('LIMIT', 'Keyword too long')
  return keyword
}

/** `\Recent` is null: no client can set it, and those who copy by APPEND send it back. */
function readFlag(reader: Reader): SystemFlag | string | null {
  if (!reader.skip('\\')) return readKeyword(reader)
  const name = `\\${reader.atom()}`.toUpperCase()
  if (name === '\\RECENT') return null
  return systemFlagByName.get(name) ?? reader.fail('Unknown system flag')
}

function toFlagList(flags: readonly (string | null)[]): FlagList {
  const system = new Set<SystemFlag>()
  const keywords = new Map<string, string>()
  for (const flag of flags) {
    if (flag === null) continue
    const known = systemFlagByName.get(flag.toUpperCase())
    if (known !== undefined) system.add(known)
    else if (!keywords.has(flag.toLowerCase())) keywords.set(flag.toLowerCase(), flag)
  }
  return { system: [...system], keywords: [...keywords.values()] }
}
