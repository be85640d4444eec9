/** SEARCH and SORT with their RETURN options: RFC 4731, RFC 5182, RFC 5267, RFC 9394; MODSEQ by RFC 7162 §3.1.5. */
import { highestModseqOf } from '../../../messages/highest-modseq.ts'
import { asksModseq } from '../condstore.ts'
import { imapLimits } from '../limits.ts'
import { bad, ok, type Reply } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeString } from '../syntax/encode.ts'
import type { SearchReturn } from '../syntax/search-key.ts'
import { savedUids } from '../view.ts'
import { createLiveSearch, dependsOnTime } from './live-search.ts'
import { type Progress, withProgress } from './progress.ts'
import { chosenOf, encodeEsearch, encodePlain } from './results.ts'
import { badCharset, conflictingCharset, findMessages, numbersOf } from './searching.ts'

/** @param arrange puts what was found, ascending UIDs, in the order that was asked for. */
export async function answerSearch(
  session: SelectedSession,
  command: CommandOf<'SEARCH' | 'SORT'>,
  arrange: (uids: number[], progress: Progress) => Promise<number[]>,
): Promise<Reply> {
  const { view } = session.state
  const { tag, returns, criteria } = command
  if (returns?.update && view.followers.has(tag)) return bad('Tag reuse') // RFC 5267 §4.3
  const conflict = conflictingCharset(session, command)
  if (conflict !== null) return conflict
  const saved = savedUids(view)
  if (returns?.save) view.saved = [] // and so it stays if this comes to nothing (RFC 5182 §2.1)
  if (!command.charsetKnown) return badCharset
  const found = await withProgress(session.transport.output, tag, async (progress) =>
    arrange(await findMessages(session, criteria, saved, progress), progress),
  )
  await writeResult(session, command, found)
  // What was searched for is bound to `$` as it was, before the result takes its place.
  if (returns?.update) await followResult(session, command, found)
  if (returns?.save) view.saved = chosenOf(found, returns).toSorted((a, b) => a - b)
  return ok(`${command.name} completed`)
}

const allOnly: SearchReturn = {
  min: false,
  max: false,
  all: true,
  count: false,
  save: false,
  update: false,
  partial: null,
}

async function writeResult(
  session: SelectedSession,
  command: CommandOf<'SEARCH' | 'SORT'>,
  found: readonly number[],
): Promise<void> {
  const { platform, state, transport, enabled } = session
  // RFC 9051 appendix E: without RETURN, too, SEARCH is answered with ESEARCH.
  const returns = command.returns ?? (command.name === 'SEARCH' && enabled.has('IMAP4rev2') ? allOnly : null)
  if (returns !== null && isSaveOnly(returns)) return // RFC 5182 §1
  const chosen = chosenOf(found, returns)
  const modseq =
    chosen.length > 0 && asksModseq(command.criteria)
      ? await highestModseqOf(platform, state.view, chosen)
      : null
  const numbers = command.uid ? found : numbersOf(state.view, found)
  await transport.output.write(
    returns === null
      ? encodePlain(command.name, numbers, modseq)
      : encodeEsearch(command, returns, numbers, modseq),
  )
}

function isSaveOnly({ save, min, max, all, count, update, partial }: SearchReturn): boolean {
  return save && !(min || max || all || count || update || partial !== null)
}

/** RFC 5267 §4.3.1: what cannot be followed is refused without harm to the rest. */
async function followResult(
  session: SelectedSession,
  command: CommandOf<'SEARCH' | 'SORT'>,
  found: readonly number[],
): Promise<void> {
  const { followers } = session.state.view
  const refusal = refuseUpdates(command, followers.size)
  if (refusal === null) {
    followers.set(command.tag, createLiveSearch(session, command, command.criteria, found))
  } else {
    const code = `NOUPDATE ${encodeString(command.tag)}`
    await session.transport.output.write(`* NO [${code}] ${refusal}\r\n`)
  }
}

function refuseUpdates(command: CommandOf<'SEARCH' | 'SORT'>, followers: number): string | null {
  if (command.name === 'SORT') return 'A sorted result is not updated' // CONTEXT=SORT is not offered
  if (followers >= imapLimits.liveSearchesMax) return 'Too many contexts'
  return dependsOnTime(command.criteria) ? 'What depends on the time is not updated' : null
}
