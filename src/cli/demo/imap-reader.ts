/**
 * A small IMAP client (RFC 3501) for one purpose: to log in and read a folder's messages, bytes unchanged. It knows
 * nothing of the server's code, so that what it reads is what any client would.
 */
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { ClientTls } from './demo-server.ts'

export type ImapReader = {
  /** @returns how many messages the folder has. @throws when the login is refused. */
  open(credentials: { username: string; password: string }, folder: string): Promise<number>
  /** Every message of the open folder, one after the other, without marking any as seen. */
  messages(): AsyncGenerator<Buffer>
  close(): Promise<void>
}

const idleMsMax = 30_000
const lineBytesMax = 64 * 1024
const literalBytesMax = 64 * 1024 ** 2

/** @throws when the server cannot be reached or its certificate is not the expected one. */
export async function connectImap(port: number, tls: ClientTls): Promise<ImapReader> {
  const socket = connect({ host: '127.0.0.1', port, ...tls })
  socket.setTimeout(idleMsMax, () => socket.destroy(new Error('IMAP: the server is silent')))
  await once(socket, 'secureConnect')
  const input = readBytes(socket)
  let tags = 0

  async function* command(text: string): AsyncGenerator<Response> {
    const tag = `d${++tags}`
    socket.write(`${tag} ${text}\r\n`)
    while (true) {
      const response = await readResponse(input)
      if (response.text.startsWith(`${tag} OK`)) return
      if (response.text.startsWith(`${tag} `)) throw new Error(`IMAP: ${response.text}`)
      yield response
    }
  }

  const greeting = await readResponse(input)
  if (!greeting.text.startsWith('* OK')) throw new Error(`IMAP: ${greeting.text}`)
  return {
    async open({ username, password }, folder) {
      const initial = Buffer.from(`\0${username}\0${password}`).toString('base64') // RFC 4616, RFC 4959
      for await (const _ of command(`AUTHENTICATE PLAIN ${initial}`));
      let exists = 0
      for await (const { text } of command(`EXAMINE ${folder}`)) {
        exists = Number(/^\* (\d+) EXISTS/.exec(text)?.[1] ?? exists)
      }
      return exists
    },
    async *messages() {
      for await (const { text, literals } of command('UID FETCH 1:* (BODY.PEEK[])')) {
        if (!/^\* \d+ FETCH /.test(text)) continue
        const [body] = literals
        if (!body) throw new Error(`IMAP: a message came without its body: ${text}`)
        yield body
      }
    },
    async close() {
      for await (const _ of command('LOGOUT'));
      socket.end()
    },
  }
}

/** A response, also over several lines: its literals are taken out of its text. */
type Response = { text: string; literals: Buffer[] }

async function readResponse(input: ByteInput): Promise<Response> {
  const response: Response = { text: '', literals: [] }
  while (true) {
    const line = await input.line()
    const literal = /\{(\d+)\}$/.exec(line)
    if (!literal) return { ...response, text: response.text + line }
    response.text += line.slice(0, literal.index)
    response.literals.push(await input.bytes(Number(literal[1])))
  }
}

type ByteInput = {
  /** The next line without its CRLF. */
  line(): Promise<string>
  bytes(count: number): Promise<Buffer>
}

/** Takes from the socket only what is asked for, so that the server feels a slow reader. */
function readBytes(socket: AsyncIterable<Buffer>): ByteInput {
  const chunks = socket[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)

  const nextChunk = async (): Promise<Buffer> => {
    const { value, done } = await chunks.next()
    if (done) throw new Error('IMAP: the server closed the connection')
    return value
  }

  return {
    async line() {
      let end = rest.indexOf('\r\n')
      while (end < 0) {
        if (rest.length > lineBytesMax) throw new Error('IMAP: a line has no end')
        rest = Buffer.concat([rest, await nextChunk()])
        end = rest.indexOf('\r\n')
      }
      const line = rest.toString('utf8', 0, end)
      rest = rest.subarray(end + 2)
      return line
    },
    async bytes(count) {
      if (count > literalBytesMax) throw new Error(`IMAP: a literal of ${count} bytes is too large`)
      const whole = Buffer.allocUnsafe(count)
      let filled = 0
      while (true) {
        const taken = rest.copy(whole, filled)
        rest = rest.subarray(taken)
        filled += taken
        if (filled === count) return whole
        rest = await nextChunk()
      }
    },
  }
}
