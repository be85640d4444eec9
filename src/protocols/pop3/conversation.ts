/** A conversation: lines become commands, one at a time and in order (RFC 2449 §6.6), and each gets its answer. */
import { setImmediate } from 'node:timers/promises'
import { dispatch } from './dispatch.ts'
import type { InputEvent } from './input.ts'
import { pop3Limits } from './limits.ts'
import { bad, encodeReply, err, ok, type Reply } from './reply.ts'
import type { Session } from './session.ts'
import { parseCommand } from './syntax/command.ts'

/** Returns when the session is over: ended by QUIT, told to end, or left by its client. @throws ConnectionClosed */
export async function converse(session: Session): Promise<void> {
  const { input, output } = session.transport
  // No timestamp in it: APOP is not offered (RFC 1939 §7).
  await output.write(encodeReply(ok('Mailwright ready')))
  let badInARow = 0
  let answered = 0
  while (session.state.name !== 'update' && !session.transport.isEnding) {
    const event = input.poll() ?? (await nextEvent(session))
    if (event.kind === 'closed') return
    const reply = await answerTo(session, event)
    if (reply !== null) await output.write(encodeReply(reply))
    answered += 1
    if (answered % pop3Limits.commandsInATurnMax === 0) await setImmediate()
    badInARow = reply?.isBad ? badInARow + 1 : 0
    if (badInARow >= pop3Limits.badCommandsInARowMax) {
      session.transport.end(err('Too many bad commands', 'SYS/PERM'))
    }
  }
}

/** The answers of a batch go together, before the next command is waited for. */
async function nextEvent({ transport: { input, output } }: Session): Promise<InputEvent> {
  await output.flush()
  return await input.next()
}

async function answerTo(session: Session, event: InputEvent): Promise<Reply | null> {
  switch (event.kind) {
    case 'line': {
      const parsed = parseCommand(event.bytes)
      return parsed.ok ? await dispatch(session, parsed.command) : bad(parsed.text)
    }
    case 'line-too-long':
      return bad('Line too long')
    case 'out-of-step':
      session.transport.end(err('Too much that is no command', 'SYS/PERM'))
      return null
    case 'woken':
    case 'closed':
      return null
  }
}
