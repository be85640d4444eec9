/** Arguments of SORT and THREAD (RFC 5256 §5, RFC 5267 §5, RFC 5957) and of CANCELUPDATE (RFC 5267 §4.3.5). */
import type { CommandOf } from './commands.ts'
import { imapSyntaxLimits } from './limits.ts'
import { readCriteria, readReturns } from './parse-search.ts'
import type { Reader } from './reader.ts'
import { type SortCriterion, sortKeys } from './search-key.ts'

/** "SORT" [SP "RETURN" ...] SP "(" sort-criterion *(SP sort-criterion) ")" SP charset 1*(SP search-key) */
export function parseSort(reader: Reader, uid: boolean): Omit<CommandOf<'SORT'>, 'tag'> {
  reader.space()
  const returns = readReturns(reader)
  const order = reader.nonEmptyList(imapSyntaxLimits.sortCriteriaMax, () => readSortCriterion(reader))
  reader.space()
  return { name: 'SORT', uid, returns, order, ...readCriteria(reader, readCharset(reader)) }
}

const sortKeyByName = new Map(sortKeys.map((key) => [key.replace('-', '').toUpperCase(), key]))

/** ["REVERSE" SP] sort-key */
function readSortCriterion(reader: Reader): SortCriterion {
  const reverse = reader.skipWord('REVERSE')
  if (reverse) reader.space()
  const key = sortKeyByName.get(reader.word('a sort key')) ?? reader.fail('Unknown sort key')
  return { key, reverse }
}

/** "THREAD" SP thread-alg SP charset 1*(SP search-key) */
export function parseThread(reader: Reader, uid: boolean): Omit<CommandOf<'THREAD'>, 'tag'> {
  reader.space()
  const name = reader.word('a threading algorithm')
  if (name !== 'REFERENCES' && name !== 'ORDEREDSUBJECT') return reader.fail('Unknown threading algorithm')
  const algorithm = name === 'REFERENCES' ? 'references' : 'orderedsubject'
  reader.space()
  return { name: 'THREAD', uid, algorithm, ...readCriteria(reader, readCharset(reader)) }
}

/** charset = atom / quoted, with its space. */
function readCharset(reader: Reader): string {
  const charset = reader.astring()
  reader.space()
  return charset
}

/** "CANCELUPDATE" 1*(SP quoted) */
export function parseCancelUpdate(reader: Reader): Omit<CommandOf<'CANCELUPDATE'>, 'tag'> {
  const tags: string[] = []
  reader.space()
  do {
    if (tags.length >= imapSyntaxLimits.cancelledTagsMax) reader.fail('Too many tags')
    tags.push(reader.string())
  } while (reader.skip(' '))
  return { name: 'CANCELUPDATE', tags }
}
