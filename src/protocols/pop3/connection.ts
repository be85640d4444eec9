/** One connection: input, output and session on one wire, its timer, and its end. */
import type { Socket } from 'node:net'
import type { MaildropLocks } from '../../messages/maildrop/maildrop-locks.ts'
import type { Platform } from '../../platform/platform.ts'
import type { TlsContexts } from '../../platform/tls.ts'
import { ConnectionClosed, createOutput, type Output } from '../output.ts'
import { startSilenceTimer } from '../silence-timer.ts'
import type { Connection } from '../tcp-listener.ts'
import { createWire, type Wire } from '../wire.ts'
import { converse } from './conversation.ts'
import { createInput, type Input } from './input.ts'
import { pop3Limits } from './limits.ts'
import { encodeReply, err, type Reply } from './reply.ts'
import { createSession, type Session, type Transport } from './session.ts'

export type ConnectionOptions = {
  listener: 'pop3' | 'pop3s'
  locks: MaildropLocks
  tls: TlsContexts
}

export function startConnection(
  platform: Platform,
  accepted: Socket,
  options: ConnectionOptions,
): Connection {
  const input: Input = createInput((flowing) => (flowing ? wire.socket.resume() : wire.socket.pause()))
  const output: Output = createOutput(() => wire.socket, pop3Limits.outputBytesMax)
  const ending: Ending = { begun: false, reply: null }
  const end = (reply: Reply | null): void => {
    if (!ending.begun) Object.assign(ending, { begun: true, reply })
    input.wake()
  }
  const silence = startSilenceTimer(pop3Limits.idleMsMax, {
    isBlocked: () => output.isBlocked,
    isWaiting: () => input.isWaiting,
    socket: () => wire.socket,
    onSilence() {
      end(null) // RFC 1939 §3: without a word, and nothing is deleted
      wire.cutLater()
    },
  })
  const wire = createWire(accepted, options.tls, pop3Limits, {
    data(chunk) {
      silence.restart()
      input.push(chunk)
    },
    end: () => input.close(),
    error: (error) => platform.log.debug({ event: 'pop3.connection_error', cause: error }),
  })
  accepted.setNoDelay(true)
  const transport: Transport = {
    listener: options.listener,
    remoteAddress: accepted.remoteAddress ?? '',
    input,
    output,
    get tls() {
      return wire.tls
    },
    get isEnding() {
      return ending.begun
    },
    startTls: (response) => startTls(wire, input, output, response),
    end,
  }
  const session = createSession(platform, options.locks, transport)
  const ended = run(session, wire, ending).finally(() => {
    silence.stop()
    wire.end()
  })
  return {
    end: (text) => end(err(text, 'SYS/TEMP')),
    destroy: () => accepted.destroy(),
    closed: Promise.all([ended, wire.closed]).then(() => {}),
  }
}

type Ending = { begun: boolean; reply: Reply | null }

/** Never rejects. */
async function run(session: Session, wire: Wire, ending: Ending): Promise<void> {
  const { platform, transport } = session
  try {
    if (transport.listener === 'pop3s' && !(await wire.secure())) return
    wire.attach()
    await converse(session)
    if (ending.reply !== null) await transport.output.write(encodeReply(ending.reply))
    await transport.output.flush()
  } catch (error) {
    if (error instanceof ConnectionClosed) return
    platform.log.error({ event: 'pop3.connection_failed', cause: error })
  } finally {
    await session.release() // before the client may see the end, and come back
  }
}

async function startTls(wire: Wire, input: Input, output: Output, response: string): Promise<boolean> {
  // RFC 2595 §4: what came in plain text with or after STLS is thrown away, before the answer lets the client begin.
  wire.detach()
  input.discardBuffered()
  await output.write(response)
  await output.flush()
  if (!(await wire.secure())) return false
  wire.attach()
  return true
}
