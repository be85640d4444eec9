/** CONDSTORE, RFC 7162 §3.1: which commands show that the client knows MODSEQs, and what it may take for known. */
import { isAuthenticated, isSelected, type Session } from './session.ts'
import type { ImapCommand } from './syntax/commands.ts'
import type { SearchKey } from './syntax/search-key.ts'
import type { FolderView } from './view.ts'

/** Before the command runs. ENABLE does it by itself. */
export async function noteCondstore(session: Session, command: ImapCommand): Promise<void> {
  if (session.enabled.has('CONDSTORE') || !isAuthenticated(session) || !showsCondstore(command)) return
  if ('uid' in command && !isSelected(session)) return // it will be refused
  const selects = command.name === 'SELECT' || command.name === 'EXAMINE' // it tells of its own mailbox
  await enableCondstore(session, { tell: !selects })
}

/** RFC 7162 §3.1: the first time, the client is told where the selected mailbox stands. */
export async function enableCondstore(session: Session, options: { tell: boolean }): Promise<void> {
  if (session.enabled.has('CONDSTORE')) return
  session.enabled.add('CONDSTORE')
  if (!options.tell || !isSelected(session)) return
  const { view } = session.state
  await session.transport.output.write(
    `* OK [HIGHESTMODSEQ ${toldModseq(view)}] MODSEQs are told from now on\r\n`,
  )
}

/** All changes up to this MODSEQ were told, expunges too, so that a client may go on from it (RFC 7162 §3.2, §6). */
export function toldModseq(view: Pick<FolderView, 'modseq' | 'gone' | 'goneFrom'>): number {
  return view.gone.size === 0 ? view.modseq : Math.min(view.modseq, view.goneFrom - 1)
}

/** A MODSEQ of a client as a number; those beyond it are of no message. */
export function toModseq(modSeq: bigint): number {
  return Number(modSeq < BigInt(Number.MAX_SAFE_INTEGER) ? modSeq : Number.MAX_SAFE_INTEGER)
}

function showsCondstore(command: ImapCommand): boolean {
  switch (command.name) {
    case 'SELECT':
    case 'EXAMINE':
      return command.condStore
    case 'STATUS':
      return command.items.includes('HIGHESTMODSEQ')
    case 'LIST':
      return command.returns.status?.includes('HIGHESTMODSEQ') === true
    case 'FETCH':
      return command.changedSince !== null || command.items.some(({ item }) => item === 'MODSEQ')
    case 'STORE':
      return command.unchangedSince !== null
    default:
      return 'criteria' in command && asksModseq(command.criteria)
  }
}

/** Whether a search asks for a MODSEQ (RFC 7162 §3.1.5). */
export function asksModseq(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(asksModseq)
  return key.kind === 'not' ? asksModseq(key.key) : key.kind === 'modseq'
}
