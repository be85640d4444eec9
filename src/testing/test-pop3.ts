/** For tests of POP3: a listener on a platform of its own, and a client that speaks in lines. */
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { inboxPath } from '../messages/folders.ts'
import {
  type MaildropLocks,
  type MaildropLocksOptions,
  startMaildropLocks,
} from '../messages/maildrop/maildrop-locks.ts'
import type { Platform } from '../platform/platform.ts'
import { loadTls } from '../platform/tls.ts'
import { startPop3Listener } from '../protocols/pop3/listener.ts'
import type { TcpListener } from '../protocols/tcp-listener.ts'
import { append, folderIdOf } from './test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from './test-platform.ts'

export type TestPop3 = AsyncDisposable & {
  test: TestPlatform
  mailbox: TestMailbox
  node: Pop3Node
  /** A connection whose greeting was read. */
  connect(): Promise<Pop3Client>
  /** A connection that has logged in to `mailbox`, or to the one that is given. */
  logIn(mailbox?: TestMailbox): Promise<Pop3Client>
  /** A mailbox of its own, with these messages in INBOX. */
  mailboxWith(raws: readonly (string | Buffer)[]): Promise<TestMailbox>
  /** Puts messages into a mailbox's INBOX. */
  deliver(mailbox: TestMailbox, raws: readonly (string | Buffer)[]): Promise<void>
}

export type Pop3Node = { listener: TcpListener; locks: MaildropLocks }

/** Starts what a node needs for POP3. It goes with the stack. */
export async function startPop3Node(
  stack: AsyncDisposableStack,
  platform: Platform,
  name: 'pop3' | 'pop3s' = 'pop3',
  options: MaildropLocksOptions = {},
): Promise<Pop3Node> {
  const locks = startMaildropLocks(platform, options)
  stack.defer(() => locks.stop())
  const tls = await loadTls(platform.config, new Date())
  const listener = await startPop3Listener(platform, { name, host: '127.0.0.1', port: 0, tls, locks })
  stack.defer(() => listener.stop())
  return { listener, locks }
}

export async function startTestPop3(
  environment: Record<string, string> = {},
  name: 'pop3' | 'pop3s' = 'pop3',
): Promise<TestPop3> {
  await using stack = new AsyncDisposableStack()
  const test = stack.use(await startTestPlatform(environment))
  const mailbox = await test.createMailbox()
  const node = await startPop3Node(stack, test.platform, name)
  const clients: Pop3Client[] = []
  stack.defer(() => {
    for (const client of clients) client.close()
  })
  const connect = async (): Promise<Pop3Client> => {
    const client = await connectPop3(node.listener.port, name === 'pop3s')
    clients.push(client)
    await client.line()
    return client
  }
  const deliver = async (to: TestMailbox, raws: readonly (string | Buffer)[]): Promise<void> => {
    const folderId = await folderIdOf(test.platform, to.mailboxId, inboxPath)
    const buffers = raws.map((raw) => Buffer.from(raw))
    if (buffers.length > 0) await append(test.platform, to.owner, folderId, buffers)
  }
  const running = stack.move()
  return {
    test,
    mailbox,
    node,
    connect,
    async logIn(as = mailbox) {
      const client = await connect()
      await client.ok(`USER ${as.address}`)
      await client.ok(`PASS ${as.password}`)
      return client
    },
    async mailboxWith(raws) {
      const made = await test.createMailbox()
      await deliver(made, raws)
      return made
    },
    deliver,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

export type Pop3Client = {
  send(text: string | Buffer): void
  /** The next line without CRLF, a character for each byte; rejects after some seconds and at the end. */
  line(): Promise<string>
  /** Sends a command and gives the first line of its answer. */
  run(command: string): Promise<string>
  /** As run, and the answer must be +OK. @returns the answer without it. */
  ok(command: string): Promise<string>
  /** The lines of a multi-line answer, which must be +OK, without the extra dots. */
  lines(command: string): Promise<string[]>
  /** The lines up to the dot. */
  rest(): Promise<string[]>
  startTls(): Promise<void>
  /** The connection's TLS. */
  tls(): TLSSocket
  /** Resolves when the server has closed. */
  ended: Promise<void>
  /** Reads nothing until resume(). */
  pause(): void
  resume(): void
  /** Closes our side only. */
  end(): void
  close(): void
  /** Bytes that were not read as lines yet. */
  unread(): string
}

const patienceMs = 30_000

/** @param localAddress an address of this machine, such as 127.0.0.2. */
export async function connectPop3(
  port: number,
  tls = false,
  localAddress = '127.0.0.1',
): Promise<Pop3Client> {
  let socket: Socket = tls
    ? connectTls({ socket: connectTcp({ port, host: '127.0.0.1', localAddress }), rejectUnauthorized: false })
    : connectTcp({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
  await once(socket, tls ? 'secureConnect' : 'connect')
  let text = ''
  let over = false
  let news = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()

  const wake = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const onEnd = (): void => {
    over = true
    end.resolve()
    wake()
  }
  const attach = (): void => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      wake()
    })
    socket.on('error', () => {})
    socket.on('end', onEnd)
    socket.on('close', onEnd)
  }
  attach()
  const line = async (): Promise<string> => {
    const deadline = Date.now() + patienceMs
    for (;;) {
      const at = text.indexOf('\r\n')
      if (at !== -1) {
        const found = text.slice(0, at)
        text = text.slice(at + 2)
        return found
      }
      if (over) throw new Error(`the connection ended after "${text}"`)
      const leftMs = deadline - Date.now()
      if (leftMs <= 0) throw new Error(`no line came after "${text}"`)
      let timer: NodeJS.Timeout | undefined
      await Promise.race([news.promise, new Promise((resolve) => (timer = setTimeout(resolve, leftMs)))])
      clearTimeout(timer)
    }
  }
  const run = async (command: string): Promise<string> => {
    socket.write(`${command}\r\n`)
    return await line()
  }
  const ok = async (command: string): Promise<string> => {
    const answer = await run(command)
    if (!answer.startsWith('+OK')) throw new Error(`${command}: ${answer}`)
    return answer.slice(4)
  }
  const rest = async (): Promise<string[]> => {
    const lines: string[] = []
    for (;;) {
      const next = await line()
      if (next === '.') return lines
      lines.push(next.startsWith('.') ? next.slice(1) : next)
    }
  }
  return {
    send: (data) => void socket.write(data),
    line,
    run,
    ok,
    async lines(command) {
      await ok(command)
      return await rest()
    },
    rest,
    async startTls() {
      socket.removeAllListeners()
      const secured = connectTls({ socket, rejectUnauthorized: false })
      await once(secured, 'secureConnect')
      socket = secured
      attach()
    },
    tls() {
      if (!('getCipher' in socket)) throw new Error('there is no TLS')
      return socket as TLSSocket // only that one has it
    },
    ended: end.promise,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    close: () => void socket.destroy(),
    unread: () => text,
  }
}

/** A small message. */
export function mail(subject: string, body = 'Hello'): string {
  return `From: a@demo.test\r\nSubject: ${subject}\r\n\r\n${body}\r\n`
}
