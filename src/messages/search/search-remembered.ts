/** A search for what is known of the messages of a remembered folder (light-folders.ts): no statement is needed. */
import { type LightFolder, lightMessagesIn } from '../light-folders.ts'
import type { CompiledSearch } from './search-compile.ts'
import type { SearchCriterion } from './search-criterion.ts'
import { evaluate } from './search-logic.ts'

/** Whether flags, keywords, UIDs, sizes and MODSEQs decide. Dates are remembered without the fractions of a second. */
export function isDecidedByLight(criterion: SearchCriterion): boolean {
  switch (criterion.kind) {
    case 'all':
    case 'uids':
    case 'flag':
    case 'keyword':
    case 'size':
    case 'modseq':
      return true
    case 'and':
    case 'or':
      return criterion.criteria.every(isDecidedByLight)
    case 'not':
      return isDecidedByLight(criterion.criterion)
    default:
      return false
  }
}

const everyUid = [{ first: 1, last: 2 ** 32 - 1 }]

/** @param search of a criterion that `isDecidedByLight`. @returns the UIDs of the messages that match, ascending. */
export function searchRemembered(folder: LightFolder, { query }: CompiledSearch): number[] {
  const found: number[] = []
  for (const message of lightMessagesIn(folder, everyUid)) {
    // Such a criterion asks for nothing of the rest.
    const unread = {
      body_id: '',
      thread_id: '',
      saved_at: message.internal_date,
      envelope: null,
      structure: null,
    }
    const row = { ...message, keywords: [...message.keywords], ...unread }
    if (evaluate(query, { row, header: null, needles: null }) === true) found.push(message.uid)
  }
  return found
}
