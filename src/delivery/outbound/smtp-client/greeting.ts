/** The start of a session: greeting, EHLO, STARTTLS (RFC 3207), AUTH (RFC 4954). */
import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'
import { parseCapabilities } from './capabilities.ts'
import { noReply, SmtpFailure } from './failure.ts'
import { command, refused, type SmtpSession } from './session.ts'

/** Waits for the greeting and says EHLO, or HELO to a server that does not know it. @throws SmtpFailure */
export async function greet(session: SmtpSession, ehloName: string): Promise<void> {
  const greeting = await session.read('greeting', session.timeouts.greetingMs)
  if (greeting.code !== 220) throw refused(session, greeting, 'greeting')
  await sayEhlo(session, ehloName)
}

async function sayEhlo(session: SmtpSession, ehloName: string): Promise<void> {
  session.send(`EHLO ${ehloName}`)
  const reply = await session.read('ehlo', session.timeouts.commandMs)
  if (reply.code === 250) {
    session.capabilities = parseCapabilities(reply.lines)
    return
  }
  // RFC 5321 §3.2: a server that does not know EHLO is spoken to in the old way.
  if (reply.code !== 500 && reply.code !== 502) throw refused(session, reply, 'ehlo')
  await command(session, 'ehlo', `HELO ${ehloName}`, 2)
}

export type TlsWish = {
  /** The name that the certificate must be of; also sent to the server (SNI). */
  serverName: string
  /** Whether the certificate must be valid for it. */
  isVerified: boolean
  /** Judges the certificate in place of that (DANE). @returns what is wrong with it. */
  judge?: (certificate: PeerCertificate, chain: PeerCertificate[]) => Error | null
  /** Authorities in place of the system's. */
  ca?: string
}

/** Begins TLS and says EHLO again. @throws SmtpFailure with the stage 'tls'. */
export async function startTls(session: SmtpSession, ehloName: string, wish: TlsWish): Promise<void> {
  await command(session, 'tls', 'STARTTLS', 2)
  await secure(session, wish)
  await sayEhlo(session, ehloName)
}

/** Puts TLS on the connection. @throws SmtpFailure with the stage 'tls'. */
export async function secure(session: SmtpSession, wish: TlsWish): Promise<void> {
  const plain = session.socket
  plain.removeAllListeners('data')
  const socket = connect({
    socket: plain,
    ...(isIP(wish.serverName) === 0 ? { servername: wish.serverName } : {}),
    rejectUnauthorized: wish.isVerified,
    ...(wish.ca === undefined ? {} : { ca: wish.ca }),
    // What is opportunistic is better than nothing with any key (RFC 7435 §3).
    ...(wish.isVerified ? {} : { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  })
  const error = await new Promise<Error | null>((resolve) => {
    const timer = setTimeout(() => resolve(new Error('no TLS handshake in time')), session.timeouts.commandMs)
    const done = (outcome: Error | null): void => {
      clearTimeout(timer)
      resolve(outcome)
    }
    socket.once('secureConnect', () => done(null))
    socket.on('error', (failure) => done(failure))
    plain.once('close', () => done(new Error('the server closed the connection')))
  })
  const problem = error ?? judged(socket.getPeerCertificate(true), wish)
  if (problem !== null) {
    socket.destroy()
    session.destroy()
    throw new SmtpFailure(noReply('tls', '4.7.5', `TLS failed: ${problem.message}`), { cause: problem })
  }
  session.replaceSocket(socket)
}

function judged(leaf: PeerCertificate, { judge }: TlsWish): Error | null {
  if (judge === undefined) return null
  const chain: PeerCertificate[] = []
  let issuer = 'issuerCertificate' in leaf ? leaf.issuerCertificate : undefined
  for (let depth = 0; depth < 10 && isCertificate(issuer); depth++) {
    if (chain.includes(issuer)) break // a root is its own issuer
    chain.push(issuer)
    issuer = issuer.issuerCertificate
  }
  return judge(leaf, chain)
}

type Chained = PeerCertificate & { issuerCertificate?: unknown }

function isCertificate(value: unknown): value is Chained {
  return typeof value === 'object' && value !== null && 'raw' in value
}

export type Login = { username: string; password: string }

/** Logs in with what the server offers. @throws SmtpFailure with the stage 'auth'. */
export async function logIn(session: SmtpSession, { username, password }: Login): Promise<void> {
  const { auth } = session.capabilities
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  if (auth.has('PLAIN')) {
    await command(session, 'auth', `AUTH PLAIN ${base64(`\0${username}\0${password}`)}`, 2)
  } else if (auth.has('LOGIN')) {
    await command(session, 'auth', 'AUTH LOGIN', 3)
    await command(session, 'auth', base64(username), 3)
    await command(session, 'auth', base64(password), 2)
  } else {
    const text = 'the server offers neither AUTH PLAIN nor AUTH LOGIN'
    throw new SmtpFailure(noReply('auth', '4.7.0', text), { isOpen: true })
  }
}
