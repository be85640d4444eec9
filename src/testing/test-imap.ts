/** For tests of IMAP: a listener on a platform of its own, and a client that speaks in lines. */
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { loadTls } from '../platform/tls.ts'
import { type ImapListener, startImapListener } from '../protocols/imap/listener.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from './test-platform.ts'

export type TestImap = AsyncDisposable & {
  test: TestPlatform
  mailbox: TestMailbox
  listener: ImapListener
  /** A connection whose greeting was read. @param from an address of this machine, such as 127.0.0.2. */
  connect(from?: string): Promise<RawClient>
  /** A connection that has logged in to `mailbox`, or to the one that is given. */
  logIn(mailbox?: TestMailbox): Promise<RawClient>
}

export async function startTestImap(
  environment: Record<string, string> = {},
  name: 'imap' | 'imaps' = 'imap',
): Promise<TestImap> {
  await using stack = new AsyncDisposableStack()
  const test = stack.use(await startTestPlatform(environment))
  const mailbox = await test.createMailbox()
  const tls = await loadTls(test.config, new Date())
  const listener = await startImapListener(test.platform, { name, host: '127.0.0.1', port: 0, tls })
  stack.defer(() => listener.stop())
  const clients: RawClient[] = []
  stack.defer(() => {
    for (const client of clients) client.close()
  })
  const connect = async (from = '127.0.0.1'): Promise<RawClient> => {
    const client = await connectRaw(listener.port, name === 'imaps', from)
    clients.push(client)
    await client.line()
    return client
  }
  const running = stack.move()
  return {
    test,
    mailbox,
    listener,
    connect,
    async logIn(as = mailbox) {
      const client = await connect()
      await client.ok(`LOGIN ${as.address} "${as.password}"`)
      return client
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** `untagged`: the lines before the tagged one, which is given without its tag. */
export type Answer = { untagged: string[]; tagged: string }

export type RawClient = {
  send(text: string | Buffer): void
  /** The next line without CRLF; rejects after some seconds and at the end of the connection. */
  line(): Promise<string>
  /** Sends a command and reads to its answer. `+` lines count as untagged. */
  run(command: string): Promise<Answer>
  /** As run, and the answer must be OK. @returns the lines before it. */
  ok(command: string): Promise<string[]>
  /** Reads to the answer with this tag. */
  answer(tag: string): Promise<Answer>
  /** Puts a message into a folder. @returns the tagged answer. */
  append(folder: string, message: string, flags?: string): Promise<string>
  startTls(): Promise<void>
  /** The connection's TLS. @throws without it. */
  tls(): TLSSocket
  /** From now on, both ways (RFC 4978). */
  compress(): void
  /** Past the compression. */
  sendPlainly(data: string | Buffer): void
  /** Ends our stream with `last`; what follows is sent and read as it is (RFC 8437 §4.1). */
  endCompression(last: string): Promise<void>
  /** Resolves when the server has closed. */
  ended: Promise<void>
  /** Reads nothing until resume(). */
  pause(): void
  resume(): void
  /** Closes our side only. */
  end(): void
  /** Bytes that were not read as lines yet. */
  rest(): string
  close(): void
}

const patienceMs = 30_000

/** @param localAddress an address of this machine, such as 127.0.0.2. */
export async function connectRaw(port: number, tls: boolean, localAddress: string): Promise<RawClient> {
  let socket: Socket = tls
    ? connectTls({ socket: connectTcp({ port, host: '127.0.0.1', localAddress }), rejectUnauthorized: false })
    : connectTcp({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
  await once(socket, tls ? 'secureConnect' : 'connect')
  let text = ''
  let over = false
  let news = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  let nextTag = 0

  const wake = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const onData = (chunk: Buffer): void => {
    text += chunk.toString('latin1')
    wake()
  }
  const onEnd = (): void => {
    over = true
    end.resolve()
    wake()
  }
  let receive: (chunk: Buffer) => void = onData
  let sayEnd = onEnd
  let transmit = (data: string | Buffer): void => void socket.write(data, 'latin1')
  const sendPlainly = transmit
  let deflater = createDeflateRaw()
  const attach = (): void => {
    socket.on('data', (chunk: Buffer) => receive(chunk))
    socket.on('error', () => {})
    socket.on('end', () => sayEnd())
    socket.on('close', () => sayEnd())
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
  const answer = async (tag: string): Promise<Answer> => {
    const untagged: string[] = []
    for (;;) {
      const next = await line()
      if (next.startsWith(`${tag} `)) return { untagged, tagged: next.slice(tag.length + 1) }
      untagged.push(next)
    }
  }
  const run = async (command: string): Promise<Answer> => {
    const tag = `t${++nextTag}`
    transmit(`${tag} ${command}\r\n`)
    return await answer(tag)
  }
  return {
    send: (data) => transmit(data),
    line,
    run,
    async ok(command) {
      const { untagged, tagged } = await run(command)
      if (!tagged.startsWith('OK')) throw new Error(`${command}: ${tagged}`)
      return untagged
    },
    answer,
    async append(folder, message, flags = '') {
      return (await run(`APPEND ${folder} ${flags}{${message.length}+}\r\n${message}`)).tagged
    },
    async startTls() {
      socket.removeAllListeners()
      const secured = connectTls({ socket, rejectUnauthorized: false })
      await once(secured, 'secureConnect')
      socket = secured
      attach()
    },
    tls() {
      if (socket instanceof TLSSocket) return socket
      throw new Error('there is no TLS')
    },
    compress() {
      const inflater = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH }).on('data', onData)
      const given: Buffer[] = []
      inflater.on('end', () => {
        receive = onData
        onData(Buffer.concat(given).subarray(inflater.bytesWritten))
        finish()
      })
      receive = (chunk) => {
        given.push(chunk)
        inflater.write(chunk)
      }
      let finish = (): void => {}
      sayEnd = () => {
        finish = onEnd
        inflater.end()
      }
      deflater = createDeflateRaw().on('data', (chunk: Buffer) => void socket.write(chunk))
      transmit = (data) => {
        deflater.write(data, 'latin1')
        deflater.flush(constants.Z_SYNC_FLUSH)
      }
    },
    sendPlainly,
    async endCompression(last) {
      deflater.end(last, 'latin1')
      await once(deflater, 'end')
      transmit = sendPlainly
    },
    ended: end.promise,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    rest: () => text,
    close: () => void socket.destroy(),
  }
}

/** A small message. */
export function mail(subject: string): string {
  return `From: a@demo.test\r\nSubject: ${subject}\r\n\r\nHello\r\n`
}
