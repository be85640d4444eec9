/** ENABLE, RFC 9051 §6.3.1: what is not known is ignored, and only what is newly enabled is listed. */
import { enableCondstore } from '../condstore.ts'
import { ok, type Reply } from '../reply.ts'
import { extensionsToEnable, isSelected, type Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'

export async function enable(session: Session, command: CommandOf<'ENABLE'>): Promise<Reply> {
  const { enabled, transport } = session
  const asked = extensionsToEnable.filter(
    (name) => command.capabilities.includes(name.toUpperCase()) && !enabled.has(name),
  )
  await transport.output.write(`${['* ENABLED', ...asked].join(' ')}\r\n`)
  for (const name of asked) if (name !== 'CONDSTORE') enabled.add(name)
  // RFC 7162 §3.2.3: QRESYNC has all of CONDSTORE.
  if (asked.includes('CONDSTORE') || asked.includes('QRESYNC')) {
    await enableCondstore(session, { tell: true })
  }
  // RFC 9051 appendix E: it has no \Recent.
  if (asked.includes('IMAP4rev2') && isSelected(session)) {
    session.state.view.recentFrom = Number.POSITIVE_INFINITY
  }
  return ok('ENABLE completed')
}
