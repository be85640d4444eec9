/** One connection: input, output and session on one wire, its timer, its compression, and its end. */
import type { Socket } from 'node:net'
import { channelBindingsOf } from '../../platform/channel-bindings.ts'
import type { Platform } from '../../platform/platform.ts'
import type { TlsContexts } from '../../platform/tls.ts'
import { ConnectionClosed, createOutput } from '../output.ts'
import { type SilenceTimer, startSilenceTimer } from '../silence-timer.ts'
import type { Connection } from '../tcp-listener.ts'
import { createWire, type Wire, type WireListeners } from '../wire.ts'
import { type Compression, createCompression } from './compression.ts'
import { converse } from './conversation.ts'
import { createInput, type Input } from './input.ts'
import { imapLimits } from './limits.ts'
import { createSession, type Session, type Transport } from './session.ts'

export type ConnectionOptions = { listener: 'imap' | 'imaps'; tls: TlsContexts }

/** What changes while a connection lasts. */
type Stage = { bye: string | null; compression: Compression | null }

export function startConnection(
  platform: Platform,
  accepted: Socket,
  options: ConnectionOptions,
): Connection {
  const stage: Stage = { bye: null, compression: null }
  const flowWire = (flowing: boolean): void => void (flowing ? wire.socket.resume() : wire.socket.pause())
  const input: Input = createInput((flowing) =>
    stage.compression === null ? flowWire(flowing) : stage.compression.setFlowing(flowing),
  )
  const output = createOutput(
    () => wire.socket,
    imapLimits.outputBytesMax,
    () => stage.compression,
  )
  const end = (text: string): void => {
    stage.bye ??= text
    input.wake()
  }
  const silence: SilenceTimer = startSilenceTimer(imapLimits.idleBeforeLoginMsMax, {
    isBlocked: () => output.isBlocked,
    isWaiting: () => input.isWaiting,
    socket: () => wire.socket,
    onSilence() {
      end('Idle for too long')
      wire.cutLater()
    },
  })
  const listeners: WireListeners = {
    data(chunk) {
      silence.restart()
      if (stage.compression === null) input.push(chunk)
      else stage.compression.push(chunk)
    },
    end: () => input.close(),
    error: (error) => platform.log.debug({ event: 'imap.connection_error', cause: error }),
  }
  const wire = createWire(accepted, options.tls, imapLimits, listeners)
  accepted.setNoDelay(true)
  const transport: Transport = {
    listener: options.listener,
    remoteAddress: accepted.remoteAddress ?? '',
    input,
    output,
    get tls() {
      const { tls } = wire
      return tls === null ? null : { channelBindings: () => channelBindingsOf(tls) }
    },
    get isCompressed() {
      return stage.compression !== null
    },
    get isEnding() {
      return stage.bye !== null
    },
    startTls: (response) => startTls(wire, transport, response),
    startCompression: (response) => startCompression(transport, stage, flowWire, response),
    stopCompression: (response) => stopCompression(transport, stage, response),
    loggedIn: () => silence.allow(imapLimits.idleMsMax),
    loggedOut: () => silence.allow(imapLimits.idleBeforeLoginMsMax),
    end,
  }
  const session = createSession(platform, transport)
  void run(session, wire, stage).finally(() => {
    session.release()
    silence.stop()
    wire.end()
    stage.compression?.close()
  })
  return { end, destroy: () => accepted.destroy(), closed: wire.closed }
}

/** Never rejects. */
async function run(session: Session, wire: Wire, stage: Stage): Promise<void> {
  const { platform, transport } = session
  try {
    if (transport.listener === 'imaps' && !(await wire.secure())) return
    wire.attach()
    await converse(session)
    if (stage.bye !== null) await transport.output.write(`* BYE ${stage.bye}\r\n`)
    await transport.output.flush()
  } catch (error) {
    if (error instanceof ConnectionClosed) return
    platform.log.error({ event: 'imap.connection_failed', cause: error })
  }
}

async function startTls(wire: Wire, { input, output }: Transport, response: string): Promise<boolean> {
  // RFC 9051 §6.2.1: what came in plain text with or after STARTTLS is thrown away, before the answer lets the
  // client begin.
  wire.detach()
  input.takeBuffered()
  await output.write(response)
  await output.flush()
  if (!(await wire.secure())) return false
  wire.attach()
  return true
}

/** RFC 4978 §3: our answer is the last that goes as it is, and the client's next bytes are compressed. */
async function startCompression(
  { input, output, end }: Transport,
  stage: Stage,
  flow: (flowing: boolean) => void,
  response: string,
): Promise<void> {
  await output.write(response)
  await output.flush()
  stage.compression = createCompression({
    data: (bytes) => input.push(bytes),
    flow,
    corrupt() {
      end('What you send is not compressed')
      input.close()
    },
  })
  const sentAhead = input.takeBuffered()
  if (sentAhead.length > 0) stage.compression.push(sentAhead)
}

/** RFC 8437 §4.1: our answer is the last that is compressed; the client's stream ended with its command. */
async function stopCompression({ input, output }: Transport, stage: Stage, response: string): Promise<void> {
  const { compression } = stage
  await output.write(response)
  compression?.endOutput()
  await output.flush()
  stage.compression = null
  const sentAfter = compression?.close()
  if (sentAfter !== undefined && sentAfter.length > 0) input.push(sentAfter)
}
