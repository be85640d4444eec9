/**
 * A search as people type it: words and "phrases" that must all be there, and `from:` `to:` `subject:` `before:` `after:`
 * `has:attachment` `is:unread` `in:trash`. A minus before any of them turns it around. What is no such key is a word:
 * nothing that is typed is an error but too much of it.
 */

import type { SpecialUse } from '../tables.ts'
import type { SearchCriterion } from './search-criterion.ts'

export type MessageQuery = {
  /** All of them hold. Empty: every message. */
  criteria: SearchCriterion[]
  /** Folders to look in: of a use, of a path, all but some, or all of them; null: all but Trash and Junk. */
  folders: { use: SpecialUse } | { path: string } | { withoutUses: readonly SpecialUse[] } | 'all' | null
}

export type ParsedQuery = { ok: true; query: MessageQuery } | { ok: false; problem: string }

const queryCharsMax = 1000
const termsMax = 20

export function parseMessageQuery(text: string): ParsedQuery {
  if (text.length > queryCharsMax) {
    return { ok: false, problem: `A search may have at most ${queryCharsMax} characters.` }
  }
  const terms = [...text.matchAll(term)]
  if (terms.length > termsMax) return { ok: false, problem: `A search may have at most ${termsMax} terms.` }
  const query: MessageQuery = { criteria: [], folders: null }
  for (const { groups = {} } of terms) {
    const value = groups['phrase'] ?? groups['word'] ?? ''
    const key = groups['key']?.toLowerCase() ?? ''
    if (key === 'in') query.folders = foldersNamed(value)
    else
      addTerm(
        query,
        groups['minus'] === '-',
        key,
        value,
        `${groups['key'] ?? ''}${key === '' ? '' : ':'}${value}`,
      )
  }
  return { ok: true, query }
}

/** An optional minus, an optional key, and a phrase in quotes (the last may lack its end) or a word. */
const term = /(?<minus>-)?(?:(?<key>[a-z]+):)?(?:"(?<phrase>[^"]*)(?:"|$)|(?<word>[^\s"]+))/gi

/** @param whole the term as it was typed, for a key that is none. */
function addTerm(query: MessageQuery, isNegated: boolean, key: string, value: string, whole: string): void {
  if (value === '') return
  const criterion = criterionOf(key, value) ?? anywhere(whole)
  query.criteria.push(isNegated ? { kind: 'not', criterion } : criterion)
}

/** @returns null when the key is no key, or its value makes no sense for it. */
function criterionOf(key: string, value: string): SearchCriterion | null {
  switch (key) {
    case '':
      return anywhere(value)
    case 'from':
      return { kind: 'address', field: 'from', text: value }
    case 'to':
      return anyOf((['to', 'cc', 'bcc'] as const).map((field) => ({ kind: 'address', field, text: value })))
    case 'cc':
    case 'bcc':
      return { kind: 'address', field: key, text: value }
    case 'subject':
      return { kind: 'subject', text: value }
    case 'before':
    case 'after':
      return received(key, value)
    case 'has':
      return value.toLowerCase() === 'attachment' ? { kind: 'attachment' } : null
    case 'is':
      return states.get(value.toLowerCase()) ?? null
    default:
      return null
  }
}

/** In the subject, in an address, or in the text. */
function anywhere(text: string): SearchCriterion {
  return anyOf([
    { kind: 'subject', text },
    { kind: 'address', field: 'from', text },
    { kind: 'address', field: 'to', text },
    { kind: 'address', field: 'cc', text },
    { kind: 'body', text },
  ])
}

function anyOf(criteria: readonly SearchCriterion[]): SearchCriterion {
  return { kind: 'or', criteria }
}

/** `after` includes the day, `before` does not. Days are of UTC. */
function received(key: 'before' | 'after', value: string): SearchCriterion | null {
  const match = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$/.exec(value)
  if (match === null) return null
  const [year, month, day] = match.slice(1).map(Number)
  const at = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day))
  if (at.getUTCMonth() + 1 !== month) return null // there is no such day
  return { kind: 'internal-date', relation: key === 'before' ? 'before' : 'since', at }
}

const seen: SearchCriterion = { kind: 'flag', flag: 'seen' }
const flagged: SearchCriterion = { kind: 'flag', flag: 'flagged' }

const states = new Map<string, SearchCriterion>([
  ['read', seen],
  ['unread', { kind: 'not', criterion: seen }],
  ['flagged', flagged],
  ['starred', flagged],
  ['answered', { kind: 'flag', flag: 'answered' }],
  ['draft', { kind: 'flag', flag: 'draft' }],
])

const uses = new Map<string, SpecialUse>([
  ['inbox', 'inbox'],
  ['archive', 'archive'],
  ['drafts', 'drafts'],
  ['junk', 'junk'],
  ['spam', 'junk'],
  ['sent', 'sent'],
  ['trash', 'trash'],
])

function foldersNamed(name: string): MessageQuery['folders'] {
  const wanted = name.toLowerCase()
  if (wanted === 'anywhere') return 'all'
  const use = uses.get(wanted)
  return use === undefined ? { path: name } : { use }
}
