/** Sends messages over one SMTP session that is kept open, their bytes unchanged. */
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { SampleMessage } from './corpus.ts'
import type { ClientTls } from './demo-server.ts'

export type SmtpSender = {
  /** Resolves when the server has answered 250. @throws when it refuses the message or one of the recipients. */
  send(message: SampleMessage, recipients: readonly string[]): Promise<void>
  close(): Promise<void>
}

export type SmtpSenderOptions = {
  port: number
  /** STARTTLS comes first, and then the login. */
  login?: { username: string; password: string; tls: ClientTls }
}

/** @throws when the server cannot be reached or refuses the login. */
export async function connectSmtp({ port, login }: SmtpSenderOptions): Promise<SmtpSender> {
  const connection = new SMTPConnection({
    host: '127.0.0.1',
    port,
    name: 'demo.example',
    ...(login ? { requireTLS: true, tls: login.tls } : { ignoreTLS: true }),
  })
  let lost: (error: Error) => void = () => undefined // set while an answer is awaited
  connection.on('error', (error: Error) => lost(error))

  const answered = <T>(ask: (done: (error: Error | null | undefined, value?: T) => void) => void) =>
    new Promise<T | undefined>((resolve, reject) => {
      lost = reject
      ask((error, value) => (error ? reject(error) : resolve(value)))
    })

  await answered<void>((done) => connection.connect(done))
  if (login) {
    const { username, password } = login
    await answered<boolean>((done) => connection.login({ user: username, pass: password }, done))
  }
  return {
    async send({ name, mailFrom, bytes }, recipients) {
      const envelope = {
        from: mailFrom,
        to: [...recipients],
        size: bytes.length,
        use8BitMime: bytes.some((byte) => byte >= 0x80),
      }
      const info = await answered<{ rejectedErrors?: Error[] | undefined }>((done) =>
        connection.send(envelope, bytes, done),
      ).catch((cause: unknown) => {
        throw new Error(`${name} was refused`, { cause })
      })
      const [cause] = info?.rejectedErrors ?? []
      if (cause) throw new Error(`${name} was refused for a recipient`, { cause })
    },
    close() {
      const closed = new Promise<void>((resolve) => connection.once('end', () => resolve()))
      connection.quit()
      return closed
    },
  }
}
