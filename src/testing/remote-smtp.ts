/**
 * Another mail server, for tests of what leaves: it takes mail as it is told, and fails as it is told: refuses, drops,
 * dawdles, breaks TLS. Over net and tls only, so that nothing corrects what a test wants wrong.
 */
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

export type Received = {
  /** Counted from 1. */
  connection: number
  /** The lines of the envelope as they came. */
  mail: string
  rcpt: string[]
  data: string
  tls: boolean
}

export type Behaviour = {
  /** Lines of EHLO's reply after the first. */
  extensions?: readonly string[]
  greeting?: string
  /** A certificate makes STARTTLS work; 'broken' accepts the command and then talks nonsense. */
  tls?: { key: string; cert: string } | 'broken'
  /** A reply in place of the usual one, 'drop' to hang up, or undefined for the usual one. The line is '.' at the end of the data. */
  reply?: (line: string, about: { connection: number; transactions: number }) => string | undefined
  /** Each reply comes so much later. */
  delayMs?: number
  /** One byte at a time. */
  slowBytes?: boolean
  /** With 'tls' before the greeting. */
  implicitTls?: boolean
}

export type RemoteSmtp = AsyncDisposable & {
  port: number
  received: Received[]
  /** Connections so far, and those that are open. */
  connections: number
  open: number
  /** Every line that clients said. */
  lines: string[]
  /** May be changed at any time; it holds for what comes next. */
  behaviour: Behaviour
  /** Resolves when so many messages were taken. */
  receivedAtLeast(count: number): Promise<void>
}

export const usualExtensions = [
  'PIPELINING',
  '8BITMIME',
  'SIZE 20000000',
  'SMTPUTF8',
  'DSN',
  'ENHANCEDSTATUSCODES',
]

export async function startRemoteSmtp(
  behaviour: Behaviour = {},
  address = '127.0.0.1',
  port = 0,
): Promise<RemoteSmtp> {
  const events = new EventEmitter()
  const sockets = new Set<Socket>()
  const remote: RemoteSmtp = {
    port: 0,
    received: [],
    connections: 0,
    open: 0,
    lines: [],
    behaviour,
    async receivedAtLeast(count) {
      while (remote.received.length < count) await once(events, 'received')
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    remote.connections++
    remote.open++
    socket.once('close', () => {
      sockets.delete(socket)
      remote.open--
    })
    serve(remote, socket, remote.connections, () => events.emit('received'))
  })
  server.listen(port, address)
  await once(server, 'listening')
  remote.port = (server.address() as AddressInfo).port // it listens on TCP
  return remote
}

type Talk = { mail: string; rcpt: string[]; data: string | null; transactions: number }

function serve(remote: RemoteSmtp, plain: Socket, connection: number, onReceived: () => void): void {
  let socket: Socket = plain
  let held = ''
  let replies = Promise.resolve()
  const talk: Talk = { mail: '', rcpt: [], data: null, transactions: 0 }

  const say = (text: string): void => {
    const { delayMs, slowBytes } = remote.behaviour
    const target = socket
    if (delayMs === undefined && slowBytes !== true) {
      target.write(`${text}\r\n`)
      return
    }
    replies = replies.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, delayMs ?? 0))
      for (const part of slowBytes ? `${text}\r\n` : [`${text}\r\n`]) {
        target.write(part)
        if (slowBytes) await new Promise((resolve) => setImmediate(resolve))
      }
    })
  }
  const onLine = (line: string): void => {
    remote.lines.push(line)
    const told = remote.behaviour.reply?.(line, { connection, transactions: talk.transactions })
    if (told === 'drop') {
      socket.destroy()
      return
    }
    const usual = usualReply(remote, talk, line, socket instanceof TLSSocket)
    const reply = told ?? usual
    if (line === '.' && reply.startsWith('2')) {
      const { mail, rcpt, data } = talk
      remote.received.push({ connection, mail, rcpt, data: data ?? '', tls: socket instanceof TLSSocket })
      onReceived()
    }
    take(talk, line, reply)
    say(reply)
    if (line === 'STARTTLS' && reply.startsWith('220')) upgrade()
    if (line === 'QUIT' || reply.startsWith('421')) socket.end()
  }
  const onData = (bytes: Buffer): void => {
    held += bytes.toString('latin1')
    for (;;) {
      if (talk.data !== null) {
        const end = held.startsWith('.\r\n') ? 0 : held.indexOf('\r\n.\r\n')
        if (end < 0) return
        talk.data =
          end === 0 && held.startsWith('.\r\n') ? '' : held.slice(0, end + 2).replaceAll(/^\.\./gm, '.')
        held = held.slice(end === 0 && held.startsWith('.\r\n') ? 3 : end + 5)
        onLine('.')
        talk.data = null
        talk.transactions++
        continue
      }
      const end = held.indexOf('\r\n')
      if (end < 0) return
      const line = held.slice(0, end)
      held = held.slice(end + 2)
      onLine(line)
    }
  }
  const listen = (): void => {
    socket.on('data', onData)
    socket.on('error', () => undefined) // clients leave as they like
  }
  const upgrade = (): void => {
    const { tls } = remote.behaviour
    if (tls === undefined) return
    plain.removeAllListeners('data')
    held = ''
    if (tls === 'broken') {
      plain.once('data', () => plain.end('this is not TLS'))
      return
    }
    const secureContext = createSecureContext(tls)
    socket = new TLSSocket(plain, { isServer: true, secureContext })
    listen()
  }
  plain.on('error', () => undefined)
  if (remote.behaviour.implicitTls === true) upgrade()
  else listen()
  say(remote.behaviour.greeting ?? '220 remote.example ESMTP')
  if (remote.behaviour.greeting?.startsWith('4') || remote.behaviour.greeting?.startsWith('5')) socket.end()
}

function usualReply(remote: RemoteSmtp, talk: Talk, line: string, isSecure: boolean): string {
  const verb = line.split(/[ :]/)[0]?.toUpperCase() ?? ''
  const { extensions = usualExtensions, tls } = remote.behaviour
  switch (verb) {
    case 'EHLO': {
      const offered = [...extensions, ...(tls !== undefined && !isSecure ? ['STARTTLS'] : [])]
      return ['remote.example', ...offered]
        .map((word, at, all) => `250${at === all.length - 1 ? ' ' : '-'}${word}`)
        .join('\r\n')
    }
    case 'STARTTLS':
      return tls === undefined ? '502 5.5.1 Not here' : '220 2.0.0 Go ahead'
    case 'AUTH':
      return '235 2.7.0 Welcome'
    case 'DATA':
      return talk.rcpt.length > 0 ? '354 Go ahead' : '503 5.5.1 No recipients'
    case 'QUIT':
      return '221 2.0.0 Bye'
    case '.':
      return `250 2.0.0 Queued as ${remote.received.length + 1}`
    default:
      return '250 2.0.0 OK'
  }
}

function take(talk: Talk, line: string, reply: string): void {
  const isTaken = reply.startsWith('2')
  if (/^MAIL FROM:/i.test(line) && isTaken) Object.assign(talk, { mail: line, rcpt: [] })
  else if (/^RCPT TO:/i.test(line) && isTaken) talk.rcpt.push(line)
  else if (line === 'DATA' && reply.startsWith('354')) talk.data = ''
  else if (line === 'RSET' || line === '.') Object.assign(talk, { mail: '', rcpt: [] })
}
