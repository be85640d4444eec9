/** Runs a script of imap-script.ts against a listener: connections by name, each expected response in its turn. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { type ImapScript, matchExpected, renderSent, type ScriptStep, type Words } from './imap-script.ts'

export type ScriptTarget = {
  port: number
  username: string
  password: string
  /** Another mailbox, `<other-username>` in the script. */
  other: { username: string; password: string }
}

const patienceMs = 30_000

/**
 * Settings: `messages: 3` puts standardMessage 1 to 3 into INBOX, `login: no` leaves the connections as they come,
 * `greeting: yes` leaves even that unread, `select: NAME` selects (default INBOX, `no`: does not), `enable: CONDSTORE …`
 * is sent after the login. What the connections get before the first step is not compared. Names that a script may use:
 * `<username>`, `<password>`, `<other-username>`, `<other-password>`, and the responses of SASL PLAIN `<plain>` and
 * `<plain-as-other>`, which wants the other's mailbox.
 * @throws Error that names the line, what was expected and what came.
 */
export async function runImapScript(script: ImapScript, target: ScriptTarget): Promise<void> {
  const connections = new Map<string, Connection>()
  const words = knownWords(target)
  try {
    await prepare(script, target, words)
    for (const step of script.steps) {
      const connection = connections.get(step.who) ?? (await open(script, target))
      connections.set(step.who, connection)
      await runStep(connection, step, words)
    }
    for (const [who, connection] of connections) {
      const rest = connection.unread()
      if (rest !== '') throw new Error(`at the end: ${who} got more than was expected: ${rest}`)
    }
  } finally {
    for (const connection of connections.values()) connection.close()
  }
}

function knownWords({ username, password, other }: ScriptTarget): Words {
  return new Map([
    ['username', username],
    ['password', password],
    ['plain', Buffer.from(`\0${username}\0${password}`).toString('base64')],
    ['plain-as-other', Buffer.from(`${other.username}\0${username}\0${password}`).toString('base64')],
    ['other-username', other.username],
    ['other-password', other.password],
  ])
}

/** On a connection of its own, which selects nothing: what is \Recent stays so. */
async function prepare(script: ImapScript, target: ScriptTarget, words: Words): Promise<void> {
  const count = Number(script.settings.get('messages') ?? 0)
  const messages = Array.from({ length: count }, (_, index) => `{{${standardMessage(index + 1)}}}`)
  const commands = [...(count === 0 ? [] : [`APPEND INBOX ${messages.join(' ')}`]), ...script.before]
  if (commands.length === 0) return
  const connection = await connectTo(target)
  try {
    await connection.response()
    await command(connection, `LOGIN ${target.username} "${target.password}"`)
    for (const text of commands) await command(connection, renderSent(text, words))
  } finally {
    connection.close()
  }
}

/** Subjects `Message N`, dates a day apart, 7 lines of header and one of text. */
function standardMessage(number: number): string {
  return [
    'From: Ann Example <ann@demo.test>',
    'To: bob@demo.test',
    `Subject: Message ${number}`,
    `Date: ${String(number).padStart(2, '0')} Mar 2026 10:00:00 +0000`,
    `Message-ID: <${number}@demo.test>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    `Text ${number}`,
    '',
  ].join('\r\n')
}

async function runStep(connection: Connection, step: ScriptStep, words: Words): Promise<void> {
  switch (step.kind) {
    case 'command':
      words.set('tag', connection.nextTag())
      return connection.send(`${words.get('tag')} ${renderSent(step.text, words)}\r\n`)
    case 'layer':
      return await connection.addLayer(step.text)
    case 'raw':
      return connection.send(`${renderSent(step.text, words)}\r\n`)
    case 'skip':
      connection.skipping = true
      return
    case 'expect':
      return await expect(connection, step, words)
  }
}

async function expect(connection: Connection, step: ScriptStep, words: Words): Promise<void> {
  const passed: string[] = []
  for (;;) {
    const response = await connection.response().catch((error: Error) => {
      throw new Error(`line ${step.line}: expected "${step.text}", ${error.message}${passed.join('\n')}`)
    })
    const { text, isUntagged } = response
    if (matchExpected(step.text, text, words)) {
      connection.skipping = false
      return
    }
    passed.push(`\n  passed over: ${text}`)
    if (!(connection.skipping && isUntagged)) {
      throw new Error(`line ${step.line}: expected "${step.text}", got "${text}"${passed.join('')}`)
    }
  }
}

type Response = { text: string; isUntagged: boolean }

type Connection = {
  skipping: boolean
  nextTag(): string
  send(wire: string): void
  /** `tls` or `deflate`, from now on. */
  addLayer(name: string): Promise<void>
  /** The next response, its literals included, without the last CRLF and without a tag. */
  response(): Promise<Response>
  unread(): string
  close(): void
}

async function connectTo({ port }: ScriptTarget): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return talk(socket)
}

async function open(script: ImapScript, target: ScriptTarget): Promise<Connection> {
  const connection = await connectTo(target)
  if (script.settings.get('greeting') === 'yes') return connection
  await connection.response()
  if (script.settings.get('login') === 'no') return connection
  await command(connection, `LOGIN ${target.username} "${target.password}"`)
  const enable = script.settings.get('enable')
  if (enable !== undefined) await command(connection, `ENABLE ${enable}`)
  const select = script.settings.get('select') ?? 'INBOX'
  if (select !== 'no') await command(connection, `SELECT ${select}`)
  return connection
}

async function command(connection: Connection, text: string): Promise<void> {
  connection.send(`${connection.nextTag()} ${text}\r\n`)
  for (;;) {
    const { text: answer, isUntagged } = await connection.response()
    if (isUntagged) continue
    if (answer.startsWith('OK')) return
    throw new Error(`${text}: ${answer}`)
  }
}

function talk(plain: Socket): Connection {
  let socket: Duplex = plain
  let text = ''
  let over = false
  let tags = 0
  let wake = (): void => {}
  const end = (): void => {
    over = true
    wake()
  }
  const read = (chunk: Buffer): void => {
    text += chunk.toString('latin1')
    wake()
  }
  const listen = (): void => {
    socket.on('data', read).on('end', end).on('error', end).on('close', end)
  }
  listen()
  return {
    skipping: false,
    nextTag: () => `T${++tags}`,
    send: (wire) => void socket.write(wire, 'latin1'),
    async addLayer(name) {
      socket.removeAllListeners()
      socket = name === 'tls' ? await startTls(socket) : deflate(socket)
      listen()
    },
    async response() {
      const deadline = Date.now() + patienceMs
      for (;;) {
        const length = lengthOfResponse(text)
        if (length !== null) {
          const whole = text.slice(0, length - 2)
          text = text.slice(length)
          const tagged = /^T\d+ /.exec(whole)
          return {
            text: tagged === null ? whole : whole.slice(tagged[0].length),
            isUntagged: tagged === null,
          }
        }
        if (over) {
          const rest = text
          text = ''
          return { text: `(closed)${rest}`, isUntagged: false }
        }
        const left = deadline - Date.now()
        if (left <= 0) throw new Error(`nothing came${text === '' ? '' : ` after "${text}"`}`)
        await news(left, (resolve) => {
          wake = resolve
        })
      }
    },
    unread: () => text,
    close: () => {
      socket.destroy()
      plain.destroy()
    },
  }
}

async function startTls(socket: Duplex): Promise<Duplex> {
  const secured = connectTls({ socket, rejectUnauthorized: false })
  await once(secured, 'secureConnect')
  return secured
}

/** RFC 4978: what is written goes out at once. */
function deflate(socket: Duplex): Duplex {
  const deflater = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH })
  deflater.pipe(socket)
  const inflater = socket.pipe(createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH }))
  return Duplex.from({ readable: inflater, writable: deflater })
}

function news(timeoutMs: number, onNews: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs)
    onNews(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** With its literals and the last CRLF; null when it has not all come. */
function lengthOfResponse(text: string): number | null {
  for (let from = 0; ; ) {
    const end = text.indexOf('\r\n', from)
    if (end === -1) return null
    const literal = /\{(\d+)\}$/.exec(text.slice(from, end))
    if (literal === null) return end + 2
    from = end + 2 + Number(literal[1])
    if (from > text.length) return null
  }
}
