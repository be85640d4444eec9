/** An SMTP client for tests: it sends what it is told, byte for byte, and reads replies. */
import assert from 'node:assert/strict'
import net from 'node:net'
import tls from 'node:tls'
import { startCommitLane } from '../delivery/commit-lane.ts'
import { startRecipientResolver } from '../delivery/recipients.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import type { Platform } from '../platform/platform.ts'
import { loadTls } from '../platform/tls.ts'
import { type SmtpListener, type SmtpListenerName, startSmtpListener } from '../protocols/smtp/listener.ts'
import { startTestPlatform, type TestPlatform } from './test-platform.ts'

export type SmtpClient = Disposable & {
  /** The next reply, all its lines, without the last line end. Waits at most five seconds. */
  reply(): Promise<string>
  command(line: string): Promise<string>
  write(bytes: string | Buffer): void
  /** STARTTLS, up to the end of the handshake; with more plain text in the same packet, if an attacker sends it. */
  startTls(behind?: string): Promise<void>
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<void>
  /** Breaks the connection off. */
  destroy(): void
}

const replyMsMax = 5000
const lastLine = /^(\d{3})(?: .*)?\r\n/m

/**
 * Connects and reads the greeting.
 * @param options.first bytes to send before anything else: a PROXY header.
 * @param options.from an address of this machine, such as 127.0.0.2.
 */
export async function connectSmtp(
  port: number,
  options: { tls?: boolean; first?: string | Buffer; from?: string } = {},
): Promise<SmtpClient> {
  let socket: net.Socket = net.connect({
    host: '127.0.0.1',
    port,
    localAddress: options.from ?? '127.0.0.1',
    noDelay: true,
  })
  if (options.first !== undefined) socket.write(options.first)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let received = ''
  let wake = (): void => undefined
  let isClosed = false
  void closed.then(() => {
    isClosed = true
    wake()
  })
  const read = (): void => {
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('utf8')
      wake()
    })
    socket.on('error', () => undefined) // the server may leave first; `closed` tells
  }
  const encrypt = async (): Promise<void> => {
    const plain = socket
    plain.removeAllListeners('data')
    const secure = tls.connect({ socket: plain, rejectUnauthorized: false })
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', () => resolve())
      secure.once('error', reject)
    })
    socket = secure
    read()
  }
  const reply = async (): Promise<string> => {
    const deadline = performance.now() + replyMsMax
    for (;;) {
      const end = endOfReply(received)
      if (end > 0) {
        const text = received.slice(0, end)
        received = received.slice(end)
        return text.trimEnd()
      }
      const left = isClosed ? 0 : deadline - performance.now()
      assert.ok(left > 0, `no reply came; so far ${JSON.stringify(received)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  if (options.tls) await encrypt()
  else read()
  const client: SmtpClient = {
    reply,
    command(line) {
      socket.write(`${line}\r\n`)
      return reply()
    },
    write: (bytes) => void socket.write(bytes),
    async startTls(behind = '') {
      socket.write(`STARTTLS\r\n${behind}`)
      assert.match(await reply(), /^220 /)
      await encrypt()
    },
    closed,
    destroy: () => socket.destroy(),
    [Symbol.dispose]: () => socket.destroy(),
  }
  assert.match(await reply(), /^220 /)
  return client
}

/** Where the first whole reply of what was received ends; 0 when it is not whole yet. */
function endOfReply(received: string): number {
  const match = lastLine.exec(received)
  return match ? match.index + match[0].length : 0
}

/** Commands up to DATA, each of which must be accepted, and then the message as it is, with its end. */
export async function sendMessage(
  client: SmtpClient,
  from: string,
  to: readonly string[],
  data: string | Buffer,
): Promise<string> {
  assert.match(await client.command(`MAIL FROM:${from}`), /^250 2\.1\.0 /)
  for (const one of to) assert.match(await client.command(`RCPT TO:<${one}>`), /^250 2\.1\.5 /)
  assert.match(await client.command('DATA'), /^354 /)
  client.write(data)
  return await client.command('\r\n.')
}

export type TestSmtp = AsyncDisposable & {
  t: TestPlatform
  listeners: Record<SmtpListenerName, SmtpListener>
  connect(name: SmtpListenerName): Promise<SmtpClient>
  /** Says EHLO, or LHLO, as well. */
  greet(name: SmtpListenerName): Promise<SmtpClient>
  /** Logs in as well, on submission. */
  logIn(address: string, password: string): Promise<SmtpClient>
}

/** A platform with all of the listeners. */
export async function startTestSmtp(environment: Record<string, string> = {}): Promise<TestSmtp> {
  await using stack = new AsyncDisposableStack()
  const t = stack.use(await startTestPlatform(environment))
  const recipients = startRecipientResolver(t.platform)
  stack.defer(() => recipients.stop())
  const lane = startCommitLane(t.platform)
  stack.defer(() => lane.stop())
  const material = await loadTls(t.config, new Date())
  const start = async (name: SmtpListenerName): Promise<SmtpListener> => {
    const listener = await startSmtpListener(t.platform, {
      name,
      host: '127.0.0.1',
      port: 0,
      tls: material,
      lane,
      recipients,
    })
    stack.defer(() => listener.stop())
    return listener
  }
  const listeners = {
    smtp: await start('smtp'),
    submission: await start('submission'),
    submissions: await start('submissions'),
    lmtp: await start('lmtp'),
  }
  const connect = (name: SmtpListenerName) =>
    connectSmtp(listeners[name].port, { tls: name === 'submissions' })
  const greet = async (name: SmtpListenerName): Promise<SmtpClient> => {
    const client = await connect(name)
    const hello = name === 'lmtp' ? 'LHLO' : 'EHLO'
    assert.match(await client.command(`${hello} client.example`), /^250-/)
    return client
  }
  const running = stack.move()
  return {
    t,
    listeners,
    connect,
    greet,
    async logIn(address, password) {
      const client = await greet('submission')
      assert.match(await client.command(`AUTH PLAIN ${plainToken(address, password)}`), /^235 2\.7\.0 /)
      return client
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

export function plainToken(address: string, password: string): string {
  return Buffer.from(`\0${address}\0${password}`).toString('base64')
}

/** The raw messages of a mailbox in the order of their arrival. */
export async function rawMessages(platform: Platform, mailboxId: string): Promise<Buffer[]> {
  const rows = await platform.db
    .selectFrom('messages')
    .select('body_id')
    .where('mailbox_id', '=', mailboxId)
    .orderBy('id')
    .execute()
  return await Promise.all(rows.map((row) => readBodyBytes(platform.db, row.body_id)))
}
