/** STORE and UID STORE, RFC 9051 §6.4.6, with UNCHANGEDSINCE of RFC 7162 §3.1.3. */
import type { FlagResult } from '../../../messages/changes.ts'
import { rangesOfUids } from '../../../messages/uid-ranges.ts'
import { toModseq } from '../condstore.ts'
import { flagsResponse, modseqResponse, writeFetch } from '../fetch/fetch.ts'
import { toFlagSet } from '../flag-set.ts'
import { tellKeywords } from '../flags-response.ts'
import { changeOwnFlags, type OwnChange } from '../own-changes.ts'
import { bad, ok, type Reply, readOnlyFolder } from '../reply.ts'
import type { SelectedSession } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { encodeSequenceSet } from '../syntax/sequence-set.ts'
import { sequenceOf, uidRangesOf } from '../view.ts'

export async function store(session: SelectedSession, command: CommandOf<'STORE'>): Promise<Reply> {
  const { view } = session.state
  const { unchangedSince } = command
  if (view.readOnly) return readOnlyFolder
  const wanted = uidRangesOf(view, command.set, command.uid)
  if (!wanted.ok) return bad(wanted.text)
  const condition = unchangedSince === null ? {} : { unchangedSince: toModseq(unchangedSince) }
  const change = { mode: command.change, ...toFlagSet(command.flags), ...condition }
  const result = await changeOwnFlags(session, wanted.ranges, change)
  const isKnown = outcomeIsKnown(result, command.silent)
  if (isKnown) view.ownModseqs.add(result.highestModseq)
  if (command.silent)
    await writeModseqs(session, result, { changed: isKnown, others: unchangedSince !== null })
  else await writeFlags(session, result, command.uid)
  if (result.modified.length > 0) return await tellModified(session, command, result)
  return ok('STORE completed')
}

async function writeFlags(session: SelectedSession, result: FlagResult, uid: boolean): Promise<void> {
  const { view } = session.state
  const condstore = session.enabled.has('CONDSTORE') // RFC 7162 §3.2.4
  for (const message of result.messages) {
    const sequence = sequenceOf(view, message.uid)
    if (sequence === null) continue
    const recent = message.uid >= view.recentFrom
    const response = flagsResponse(sequence, message, { uid: uid || condstore, modseq: condstore, recent })
    await session.transport.output.write(tellKeywords(view, message.keywords) + response)
  }
}

/**
 * RFC 7162 §3.1.3: .SILENT hides flags, not MODSEQs.
 * @param tell.changed whether they are not told as news anyway.
 * @param tell.others a STORE with a condition tells the MODSEQ of every message that met it.
 */
async function writeModseqs(
  session: SelectedSession,
  result: FlagResult,
  tell: { changed: boolean; others: boolean },
): Promise<void> {
  if (!session.enabled.has('CONDSTORE')) return
  for (const message of result.messages) {
    const isChanged = result.changed > 0 && message.modseq === result.highestModseq
    if (!(isChanged ? tell.changed : tell.others)) continue
    const sequence = sequenceOf(session.state.view, message.uid)
    if (sequence !== null) await session.transport.output.write(modseqResponse(sequence, message))
  }
}

/**
 * Whether the client need not be told of this change again. After .SILENT it reckons the flags from those it knew:
 * wrong if another session changed them in between, and then it is told (RFC 9051 §6.4.6).
 */
function outcomeIsKnown(result: OwnChange, silent: boolean): boolean {
  return result.changed > 0 && (!silent || result.isNext)
}

/** RFC 7162 §3.1.3: which messages were left alone, and, so that the client need not ask, what they are now. */
async function tellModified(
  session: SelectedSession,
  command: CommandOf<'STORE'>,
  result: FlagResult,
): Promise<Reply> {
  const { platform, transport } = session
  const { view } = session.state
  const sequenceOfKnown = (uid: number) => sequenceOf(view, uid)
  const request = {
    items: [{ item: 'UID' }, { item: 'FLAGS' }, { item: 'MODSEQ' }] as const,
    ranges: rangesOfUids(result.modified),
    isRecent: (uid: number) => uid >= view.recentFrom,
    uid: true,
    before({ modseq, keywords }: { modseq: number; keywords: readonly string[] }) {
      if (modseq <= view.modseq) return tellKeywords(view, keywords)
      view.mustRead = true
      view.stale = true // it is told with the other news
      return null
    },
  }
  await writeFetch(platform, view, request, sequenceOfKnown, (data) => transport.output.write(data))
  const known = result.modified.filter((uid) => sequenceOf(view, uid) !== null)
  const numbers = command.uid ? known : known.flatMap((uid) => sequenceOf(view, uid) ?? [])
  // Also where others are gone, as RFC 7162 §3.1.3 allows: after a NO, clients take nothing for stored.
  const code = numbers.length === 0 ? null : `MODIFIED ${encodeSequenceSet(numbers)}`
  return ok('STORE left out what was changed meanwhile', code)
}
