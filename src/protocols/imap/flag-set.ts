/** Flags between the wire and the store: system flags are bits there (messages/flags.ts). */
import { type FlagSet, flagBits } from '../../messages/flags.ts'
import type { FlagList, SystemFlag } from './syntax/flags.ts'

const bitOf: Record<SystemFlag, number> = {
  '\\Answered': flagBits.answered,
  '\\Flagged': flagBits.flagged,
  '\\Deleted': flagBits.deleted,
  '\\Seen': flagBits.seen,
  '\\Draft': flagBits.draft,
}

export function toFlagSet(list: FlagList): FlagSet {
  return { flags: list.system.reduce((bits, flag) => bits | bitOf[flag], 0), keywords: list.keywords }
}
