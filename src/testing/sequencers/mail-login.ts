/** How a stand-in finds out whether the credentials of a mailbox work, as sequencers do before they take it. */
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'

export type Leg = { host: string; port: number; user: string; password: string }
export type MailLogin = (leg: Leg) => Promise<string | null>

/** @returns null, or why it could not be logged in. */
export type MailLogins = { smtp: MailLogin; imap: MailLogin }

const timeoutMs = 10_000

/** Over the network, to whatever host is given: implicit TLS at its ports (RFC 8314), else STARTTLS. */
export const overNetwork: MailLogins = {
  async smtp({ host, port, user, password }) {
    const transport = createTransport({
      host,
      port,
      secure: port === 465,
      requireTLS: true,
      tls: { rejectUnauthorized: false }, // a test server has no real certificate
      auth: { user, pass: password },
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    })
    return await failureOf(transport.verify()).finally(() => transport.close())
  },
  async imap({ host, port, user, password }) {
    const client = new ImapFlow({
      host,
      port,
      secure: port === 993,
      tls: { rejectUnauthorized: false },
      auth: { user, pass: password },
      logger: false,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    })
    client.on('error', () => undefined)
    return await failureOf(client.connect().then(() => client.logout())).finally(() => client.close())
  },
}

/** Without a network: whatever password does not begin with `wrong` is right. */
export const byPassword: MailLogins = {
  smtp: async ({ password }) => (password.startsWith('wrong') ? '535 Authentication failed' : null),
  imap: async ({ password }) => (password.startsWith('wrong') ? 'Invalid credentials' : null),
}

async function failureOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
