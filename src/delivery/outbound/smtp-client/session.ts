/**
 * One connection to a server, as the client of SMTP (RFC 5321): lines out, replies in, each waited for as long as
 * §4.5.3.2 says. What goes over it is the caller's: greeting.ts opens it, transaction.ts sends messages.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { RemoteReply } from '../../bounces/classify.ts'
import { type Capabilities, noCapabilities } from './capabilities.ts'
import { noReply, remoteReply, SmtpFailure } from './failure.ts'
import { createReplyParser, type Reply } from './reply.ts'

export type Stage = RemoteReply['stage']

/** RFC 5321 §4.5.3.2, in milliseconds. */
export type SmtpTimeouts = {
  greetingMs: number
  commandMs: number
  dataMs: number
  blockMs: number
  endOfDataMs: number
  quitMs: number
}

export const rfcTimeouts: SmtpTimeouts = {
  greetingMs: 5 * 60_000,
  commandMs: 5 * 60_000,
  dataMs: 2 * 60_000,
  blockMs: 3 * 60_000,
  endOfDataMs: 10 * 60_000,
  quitMs: 2_000, // nobody waits for the answer to QUIT
}

export type SmtpSession = {
  readonly socket: Socket | TLSSocket
  capabilities: Capabilities
  readonly timeouts: SmtpTimeouts
  /** Whether the connection is still there and in step. */
  readonly isOpen: boolean
  /** Sends lines, each without its CRLF, in one write. */
  send(...lines: string[]): void
  /** Sends bytes and waits while the socket's buffer is full. @throws SmtpFailure */
  write(bytes: Buffer): Promise<void>
  /** The next reply. @throws SmtpFailure when none comes in time, or the connection ends. */
  read(stage: Stage, timeoutMs: number): Promise<Reply>
  /** A reply that came without a question, as 421 before the server hangs up. */
  readonly unasked: Reply | null
  /** Goes on over another socket: TLS on top of this one. */
  replaceSocket(socket: TLSSocket): void
  /** Says QUIT, and leaves. */
  quit(): void
  /** Calls back once when the connection ends. */
  onClose(listener: () => void): void
  destroy(): void
}

type Waiting = {
  stage: Stage
  resolve: (reply: Reply) => void
  reject: (error: SmtpFailure) => void
  timer: NodeJS.Timeout
}

export function createSession(socket: Socket, timeouts: SmtpTimeouts): SmtpSession {
  let current: Socket = socket
  let parser = createReplyParser()
  let replies: Reply[] = []
  let waiting: Waiting | null = null
  let ended: string | null = null
  let leaving = false
  const closeListeners: (() => void)[] = []

  const end = (why: string): void => {
    if (ended !== null) return
    ended = why
    current.destroy()
    const asked = waiting
    waiting = null
    if (asked) {
      clearTimeout(asked.timer)
      asked.reject(lost(asked.stage, why))
    }
    for (const listener of closeListeners.splice(0)) listener()
  }
  const give = (reply: Reply): void => {
    if (!waiting) {
      replies.push(reply)
      if (replies.length > unaskedMax) end('the server says more than it was asked')
      return
    }
    clearTimeout(waiting.timer)
    const { resolve } = waiting
    waiting = null
    resolve(reply)
  }
  const onData = (bytes: Buffer): void => {
    const parsed = parser.push(bytes)
    if (parsed === 'broken') end('what the server says is not SMTP')
    else for (const reply of parsed) give(reply)
  }
  const listen = (to: Socket): void => {
    to.on('data', onData)
    to.on('error', (error) => end(`the connection failed (${codeOf(error)})`))
    to.on('close', () => end('the server closed the connection'))
    to.setNoDelay(true)
  }
  listen(socket)

  const session: SmtpSession = {
    get socket() {
      return current
    },
    capabilities: noCapabilities,
    timeouts,
    get isOpen() {
      return ended === null && !leaving
    },
    get unasked() {
      return replies[0] ?? null
    },
    send(...lines) {
      if (ended === null) current.write(lines.map((line) => `${line}\r\n`).join(''))
    },
    async write(bytes) {
      if (ended !== null) throw lost('message', ended)
      if (current.write(bytes)) return
      await drained(current, timeouts.blockMs, () => end('the server takes nothing'))
      if (ended !== null) throw lost('message', ended)
    },
    read(stage, timeoutMs) {
      const ready = replies.shift()
      if (ready) return Promise.resolve(ready)
      if (ended !== null) return Promise.reject(lost(stage, ended))
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => end(`no reply within ${Math.round(timeoutMs / 1000)} s`), timeoutMs)
        waiting = { stage, resolve, reject, timer }
      })
    },
    replaceSocket(next) {
      current.removeListener('data', onData)
      parser = createReplyParser()
      replies = [] // RFC 3207 §4.2: what was said before TLS does not count
      current = next
      listen(next)
    },
    quit() {
      if (ended !== null || leaving) return
      leaving = true
      current.end('QUIT\r\n')
      setTimeout(() => end('we left'), timeouts.quitMs).unref()
    },
    onClose(listener) {
      if (ended === null) closeListeners.push(listener)
      else listener()
    },
    destroy: () => end('we closed the connection'),
  }
  return session
}

const unaskedMax = 200

function lost(stage: Stage, why: string): SmtpFailure {
  return new SmtpFailure(noReply(stage, '4.4.2', why))
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

function drained(socket: Socket, timeoutMs: number, onTimeout: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    const timer = setTimeout(() => {
      onTimeout()
      done()
    }, timeoutMs)
    socket.on('drain', done)
    socket.on('close', done)
  })
}

/** Asks one thing and waits for its reply. @throws SmtpFailure for any but those that begin with `wanted`. */
export async function command(
  session: SmtpSession,
  stage: Stage,
  line: string,
  wanted: 2 | 3,
): Promise<Reply> {
  session.send(line)
  const reply = await session.read(stage, session.timeouts.commandMs)
  if (Math.floor(reply.code / 100) !== wanted) throw refused(session, reply, stage)
  return reply
}

/** 421 is the end of the connection, wherever it comes (RFC 5321 §3.8). */
export function refused(session: SmtpSession, reply: Reply, stage: Stage): SmtpFailure {
  if (reply.code === 421) session.destroy()
  return new SmtpFailure(remoteReply(reply, stage), { isOpen: session.isOpen })
}
