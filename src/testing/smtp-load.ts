/** An SMTP sender for load: raw sockets that are kept open, one pipelined transaction each at a time. */
import { connect } from 'node:net'

/** `mailFrom` is load@sender.test unless said. */
export type LoadMessage = { recipient: string; data: string; mailFrom?: string }

export type SmtpLoad = {
  host: string
  port: number
  sessions: number
  /** The next message, or null when there is none. Asked once for each message. */
  next: () => LoadMessage | null
  /** Called when a message was answered 250 after its data, with what `next` gave. */
  onAccepted?: (message: LoadMessage) => void
}

/**
 * Sends until `next` has no more. Resolves when every session is closed; a connection that the server drops just
 * ends, with its message unanswered.
 * @returns how many were accepted, and the refusals word for word.
 */
export async function sendLoad(load: SmtpLoad): Promise<{ accepted: number; refusals: string[] }> {
  const total = { accepted: 0, refusals: [] as string[] }
  await Promise.all(Array.from({ length: load.sessions }, () => runSession(load, total)))
  return total
}

type Step = 'greeting' | 'ehlo' | 'envelope' | 'data'

function runSession(load: SmtpLoad, total: { accepted: number; refusals: string[] }): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(load.port, load.host)
    let step: Step = 'greeting'
    let replies = 0
    let buffered = ''
    let current: LoadMessage | null = null

    const sendNext = (): void => {
      current = load.next()
      if (!current) {
        socket.end('QUIT\r\n')
        return
      }
      step = 'envelope'
      replies = 0
      const mailFrom = current.mailFrom ?? 'load@sender.test'
      socket.write(`MAIL FROM:<${mailFrom}>\r\nRCPT TO:<${current.recipient}>\r\nDATA\r\n`)
    }
    const onReply = (line: string): void => {
      if (/^[45]/.test(line)) {
        total.refusals.push(line)
        socket.destroy()
        return
      }
      if (step === 'greeting') {
        step = 'ehlo'
        socket.write('EHLO sender.test\r\n')
      } else if (step === 'ehlo') {
        sendNext()
      } else if (step === 'envelope') {
        replies += 1
        if (replies < 3) return
        step = 'data'
        socket.write(`${current?.data ?? ''}\r\n.\r\n`)
      } else if (current) {
        total.accepted += 1
        load.onAccepted?.(current)
        sendNext()
      }
    }
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      buffered += chunk
      for (let end = buffered.indexOf('\n'); end !== -1; end = buffered.indexOf('\n')) {
        const line = buffered.slice(0, end)
        buffered = buffered.slice(end + 1)
        if (line[3] !== '-') onReply(line)
      }
    })
    socket.on('error', () => undefined) // a killed server is part of some tests
    socket.on('close', () => resolve())
  })
}

/** A message of about `bytes` bytes; every line of its text differs, as in real mail. */
export function loadMessage(id: string, recipient: string, bytes: number): LoadMessage {
  const header = [
    'From: Load <load@sender.test>',
    `To: <${recipient}>`,
    `Subject: Load ${id}`,
    `Message-ID: <${id}@sender.test>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    '',
  ].join('\r\n')
  return { recipient, data: header + textOf(bytes - header.length) }
}

const words =
  'the mail that came this morning was read before noon and answered in the evening by all of us'.split(' ')

function textOf(bytes: number): string {
  const lines: string[] = []
  let length = 0
  for (let n = 0; length < bytes; n++) {
    const line = Array.from(
      { length: 10 },
      (_, at) => words[(n * 7 + at * 3 + Math.floor(Math.random() * 5)) % words.length],
    ).join(' ')
    lines.push(line)
    length += line.length + 2
  }
  return lines.join('\r\n').slice(0, Math.max(1, bytes))
}
