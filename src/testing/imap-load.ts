/** An IMAP client for load: a raw socket, one command at a time, and as little work for each as possible. */
import { connect, type Socket } from 'node:net'

export type ImapLoadClient = {
  /** Runs a command. @returns all that was answered. @throws when the answer is not OK. */
  run(command: string): Promise<string>
  /** Called with what comes while no command runs (IDLE); null: it is dropped. */
  onIdle: ((text: string) => void) | null
  send(text: string): void
  close(): void
}

export type ImapLoadLogin = { host: string; port: number; username: string; password: string }

/** Connects and logs in. */
export async function connectImapLoad(login: ImapLoadLogin): Promise<ImapLoadClient> {
  const socket = connect({ host: login.host, port: login.port, noDelay: true })
  const client = speak(socket)
  await client.greeting
  await client.run(`LOGIN "${login.username}" "${login.password}"`)
  return client
}

type Waiting = { tag: string; resolve: (text: string) => void; reject: (error: Error) => void }

function speak(socket: Socket): ImapLoadClient & { greeting: Promise<void> } {
  const greeting = Promise.withResolvers<void>()
  let greeted = false
  let buffered = ''
  let waiting: Waiting | null = null
  let nextTag = 0
  const client: ImapLoadClient & { greeting: Promise<void> } = {
    greeting: greeting.promise,
    onIdle: null,
    run(command) {
      const tag = `a${++nextTag}`
      return new Promise((resolve, reject) => {
        waiting = { tag: `${tag} `, resolve, reject }
        socket.write(`${tag} ${command}\r\n`, 'latin1')
      })
    },
    send: (text) => void socket.write(text, 'latin1'),
    close: () => void socket.destroy(),
  }
  const answered = (): void => {
    // The tagged line is the last one: only the end of what has come has to be looked at.
    if (waiting === null || !buffered.endsWith('\r\n')) return
    const start = buffered.lastIndexOf('\r\n', buffered.length - 3) + 2
    const from = start === 1 ? 0 : start
    if (!buffered.startsWith(waiting.tag, from)) return
    const { tag, resolve, reject } = waiting
    const text = buffered
    buffered = ''
    waiting = null
    if (text.startsWith('OK', from + tag.length)) resolve(text)
    else reject(new Error(text.slice(from).trimEnd()))
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    buffered += chunk
    if (!greeted && buffered.includes('\r\n')) {
      greeted = true
      buffered = ''
      greeting.resolve()
    } else if (waiting !== null) answered()
    else {
      client.onIdle?.(buffered)
      buffered = ''
    }
  })
  const fail = (error: Error): void => {
    greeting.reject(error)
    waiting?.reject(error)
  }
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the connection ended')))
  greeting.promise.catch(() => undefined) // the caller of connectImapLoad hears of it
  return client
}
