/** One connection: input, output and session on one wire, its timer, and its end. */
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Platform } from '../../platform/platform.ts'
import { converse } from './conversation.ts'
import { createInput, type Input } from './input.ts'
import { imapLimits } from './limits.ts'
import { ConnectionClosed, createOutput, type Output } from './output.ts'
import { createSession, type Session, type Transport } from './session.ts'
import { createWire, type Wire } from './wire.ts'

export type ConnectionOptions = { listener: 'imap' | 'imaps'; secureContext: SecureContext }

export type Connection = {
  /** `* BYE text` after the command in hand. */
  end(text: string): void
  /** At once, without a word. */
  destroy(): void
  /** Resolves when the socket is closed. */
  closed: Promise<void>
}

export function startConnection(
  platform: Platform,
  accepted: Socket,
  options: ConnectionOptions,
): Connection {
  const input: Input = createInput((flowing) => (flowing ? wire.socket.resume() : wire.socket.pause()))
  const output: Output = createOutput(() => wire.socket)
  const ending: Ending = { bye: null }
  const end = (text: string): void => {
    ending.bye ??= text
    input.wake()
  }
  const silence = startSilenceTimer(() => {
    if (output.isBlocked) return void wire.socket.destroy()
    if (!input.isWaiting) return silence.restart() // we are the slow ones
    end('Idle for too long')
    wire.cutLater()
  })
  const wire = createWire(accepted, options.secureContext, {
    data(chunk) {
      silence.restart()
      input.push(chunk)
    },
    end: () => input.close(),
    error: (error) => platform.log.debug({ event: 'imap.connection_error', cause: error }),
  })
  accepted.setNoDelay(true)
  const transport: Transport = {
    listener: options.listener,
    remoteAddress: accepted.remoteAddress ?? '',
    input,
    output,
    get isSecure() {
      return wire.isSecure
    },
    get isEnding() {
      return ending.bye !== null
    },
    startTls: (response) => startTls(wire, input, output, response),
    loggedIn: () => silence.allow(imapLimits.idleMsMax),
    end,
  }
  const session = createSession(platform, transport)
  void run(session, wire, ending).finally(() => {
    session.release()
    silence.stop()
    wire.end()
  })
  return { end, destroy: () => accepted.destroy(), closed: wire.closed }
}

type Ending = { bye: string | null }

/** Never rejects. */
async function run(session: Session, wire: Wire, ending: Ending): Promise<void> {
  const { platform, transport } = session
  try {
    if (transport.listener === 'imaps' && !(await wire.secure())) return
    wire.attach()
    await converse(session)
    if (ending.bye !== null) await transport.output.write(`* BYE ${ending.bye}\r\n`)
    await transport.output.flush()
  } catch (error) {
    if (error instanceof ConnectionClosed) return
    platform.log.error({ event: 'imap.connection_failed', cause: error })
  }
}

async function startTls(wire: Wire, input: Input, output: Output, response: string): Promise<boolean> {
  // RFC 9051 §6.2.1: what came in plain text with or after STARTTLS is thrown away, before the answer lets the
  // client begin.
  wire.detach()
  input.discardBuffered()
  await output.write(response)
  await output.flush()
  if (!(await wire.secure())) return false
  wire.attach()
  return true
}

/** Calls back when restart() was not called for a time: little before the login, more after it. */
function startSilenceTimer(onSilence: () => void) {
  let timer = setTimeout(onSilence, imapLimits.idleBeforeLoginMsMax)
  return {
    restart: () => void timer.refresh(),
    allow(ms: number) {
      clearTimeout(timer)
      timer = setTimeout(onSilence, ms)
    },
    stop: () => clearTimeout(timer),
  }
}
