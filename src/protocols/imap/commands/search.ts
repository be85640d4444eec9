/** SEARCH and UID SEARCH, RFC 9051 §6.4.4, with the results of RFC 3501 or, with RETURN, of RFC 4731. */
import { notSupported, ok, type Reply } from '../reply.ts'
import { searchFolder } from '../search/search.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeString } from '../syntax/encode.ts'
import type { SearchKey, SearchReturn } from '../syntax/search-key.ts'
import { encodeSequenceSet } from '../syntax/sequence-set.ts'
import { sequenceOf } from '../view.ts'

export async function search(session: SelectedSession, command: CommandOf<'SEARCH'>): Promise<Reply> {
  const { platform, transport } = session
  const { view } = session.state
  const { returns, uid } = command
  // SEARCHRES (RFC 5182) and PARTIAL (RFC 9394) are not offered yet.
  if (returns?.save || returns?.partial || usesSavedResult(command.criteria)) return notSupported
  const { mailboxId, folderId, uids } = view
  const context = { mailboxId, folderId, uids, isRecent: (one: number) => one >= view.recentFrom }
  const matching = await searchFolder(platform, context, command.criteria)
  const found = matching.filter((one) => !view.gone.has(one))
  const numbers = uid ? found : found.flatMap((one) => sequenceOf(view, one) ?? [])
  if (returns === null) await transport.output.write(['* SEARCH', ...numbers].join(' ').concat('\r\n'))
  else await transport.output.write(encodeEsearch(command.tag, uid, returns, numbers))
  return ok('SEARCH completed')
}

/** RFC 9051 §7.3.4: MIN, MAX and ALL are left out when nothing was found. */
export function encodeEsearch(
  tag: string,
  uid: boolean,
  returns: SearchReturn,
  numbers: readonly number[],
): string {
  const parts = [`* ESEARCH (TAG ${encodeString(tag)})`]
  const [first] = numbers
  const last = numbers.at(-1)
  const wantsAll = returns.all || !(returns.min || returns.max || returns.count)
  if (uid) parts.push('UID')
  if (returns.min && first !== undefined) parts.push(`MIN ${first}`)
  if (returns.max && last !== undefined) parts.push(`MAX ${last}`)
  if (returns.count) parts.push(`COUNT ${numbers.length}`)
  if (wantsAll && numbers.length > 0) parts.push(`ALL ${encodeSequenceSet(numbers)}`)
  return `${parts.join(' ')}\r\n`
}

function usesSavedResult(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(usesSavedResult)
  if (key.kind === 'not') return usesSavedResult(key.key)
  return (key.kind === 'sequence' || key.kind === 'uid') && key.set.kind === 'saved'
}
