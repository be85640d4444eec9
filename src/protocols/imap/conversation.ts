/** A conversation: events of the input become commands, one at a time and in order, and each gets its answer. */

import { receiveUpload, uploadLabel } from './append/receive-upload.ts'
import { capabilitiesOf } from './capabilities.ts'
import { dispatch, guarded } from './dispatch.ts'
import { imapLimits } from './limits.ts'
import { tellBetweenCommands } from './notify.ts'
import { bad, encodeReply, faultReply, literalTooLarge, type Reply } from './reply.ts'
import { isAuthenticated, nameEncodingOf, type Session } from './session.ts'
import type { FramerEvent, LiteralAnnounced } from './syntax/framing.ts'
import { classifyLiteral } from './syntax/parse-append.ts'
import { parseCommand, readTag } from './syntax/parse-command.ts'

export type Answer = { tag: string | null; reply: Reply }

/** Returns when the session is over: logged out, told to end, or left by its client. @throws ConnectionClosed */
export async function converse(session: Session): Promise<void> {
  const { input, output } = session.transport
  await output.write(`* OK [CAPABILITY ${capabilitiesOf(session)}] Mailwright ready\r\n`)
  await output.flush()
  let badInARow = 0
  while (session.state.name !== 'logout' && !session.transport.isEnding) {
    const event = input.poll()
    if (event === null) {
      if (!(await tellBetweenCommands(session))) await input.news()
      continue
    }
    if (event.kind === 'closed') return
    const answer = await answerTo(session, event)
    if (answer !== null) await output.write(encodeReply(answer.tag, answer.reply))
    await output.flush()
    badInARow = answer?.reply.condition === 'BAD' ? badInARow + 1 : 0
    if (badInARow >= imapLimits.badCommandsInARowMax) session.transport.end('Too many bad commands')
  }
}

async function answerTo(session: Session, event: FramerEvent): Promise<Answer | null> {
  switch (event.kind) {
    case 'command': {
      const parsed = parseCommand(event.segments, nameEncodingOf(session))
      if (!parsed.ok) return { tag: parsed.tag, reply: faultReply(parsed) }
      const reply = await dispatch(session, parsed.command)
      return reply === null ? null : { tag: parsed.command.tag, reply }
    }
    case 'literal-announced':
      return await takeLiteral(session, event)
    case 'line-too-long':
      return { tag: readTag(event.segmentsSoFar), reply: bad('Line too long') }
    case 'out-of-step':
      session.transport.end(
        event.cause === 'literal' ? '[TOOBIG] Literal too large' : 'Too much that cannot be understood', // RFC 7888 §4
      )
      return null
    case 'literal-chunk':
    case 'literal-end':
    case 'line':
      throw new Error(`a ${event.kind} that no command waits for`)
  }
}

/** Decides about a literal before its bytes come (RFC 9051 §4.3). @returns null when the command goes on. */
async function takeLiteral(session: Session, announced: LiteralAnnounced): Promise<Answer | null> {
  const { input, output } = session.transport
  const use = classifyLiteral(announced, nameEncodingOf(session))
  if (use.kind === 'append-message') {
    const { command } = use
    const reply = await guarded(session, uploadLabel(command), () =>
      receiveUpload(session, announced, command),
    )
    return reply === null ? null : { tag: use.tag, reply }
  }
  if (use.kind === 'fault') {
    input.refuseLiteral()
    return { tag: use.fault.tag, reply: faultReply(use.fault) }
  }
  const tooLarge = !isAuthenticated(session) && announced.sizeBytes > imapLimits.literalBeforeLoginBytesMax
  if (tooLarge || !announced.bufferable) {
    input.refuseLiteral()
    return { tag: use.tag, reply: literalTooLarge }
  }
  input.acceptLiteral('buffer')
  if (announced.synchronizing) await output.write('+ Go ahead\r\n')
  return null
}
