/**
 * SASL (RFC 4422), the server's side of it, the same for every protocol: which mechanisms there are, and one exchange
 * from the client's first message to the login. How messages cross the wire (base64 and lines) is the protocol's.
 */
import { isUtf8 } from 'node:buffer'
import type { ChannelBindings } from '../platform/channel-bindings.ts'
import type { Platform } from '../platform/platform.ts'
import { type LoginSource, logIn, type MailboxLogin } from './login.ts'
import { type ScramMechanism, startScram } from './scram.ts'

/** Strongest first; -PLUS needs TLS (RFC 5802 §6). */
const saslMechanisms = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'] as const
export type SaslMechanism = (typeof saslMechanisms)[number]

/** What SASL needs to know of the connection's TLS; null without TLS. */
export type SaslTls = { channelBindings(): ChannelBindings } | null

export type SaslOptions = LoginSource & { mechanism: string; tls: SaslTls }

/**
 * `authorization`: who may log in wants to be somebody else. `locked`: after too many wrong passwords, none is looked at.
 */
export type SaslFailure = 'credentials' | 'authorization' | 'locked'

export type SaslStep =
  /** To be sent; the client's answer goes to next(). Empty where the client speaks first and has not. */
  | { kind: 'challenge'; bytes: Buffer }
  /**
   * `bytes` are the mechanism's last word, which the client must see before the protocol's OK; after it, confirm()
   * says whether the login is still good.
   */
  | { kind: 'success'; bytes: Buffer | null; login: MailboxLogin; confirm: () => Promise<boolean> }
  | { kind: 'failure'; bytes: Buffer | null; reason: SaslFailure }
  | { kind: 'malformed'; text: string }

export type SaslExchange = {
  /** Takes the client's message; null at the start when it sent none with its command. */
  next(message: Buffer | null): Promise<SaslStep>
}

/** The mechanisms to be advertised. Whether passwords may be used at all is for the protocol to know. */
export function saslMechanismsOn(tls: SaslTls): readonly SaslMechanism[] {
  const binds = tls !== null && tls.channelBindings().size > 0
  return saslMechanisms.filter((mechanism) => mechanism !== 'SCRAM-SHA-256-PLUS' || binds)
}

/** @returns null for a mechanism that is not offered here. `mechanism` in upper case. */
export function startSasl(
  platform: Platform,
  { protocol, remoteAddress, mechanism, tls }: SaslOptions,
): SaslExchange | null {
  const offered = saslMechanismsOn(tls).find((one) => one === mechanism)
  if (offered === undefined) return null
  const source = { protocol, remoteAddress }
  const channelBindings: ChannelBindings = tls?.channelBindings() ?? new Map()
  return clientFirst(
    offered === 'PLAIN'
      ? (message) => plain(platform, source, message)
      : scram(platform, source, offered, channelBindings),
  )
}

/** What the client answered to a challenge. */
export type SaslAnswer =
  | { kind: 'response'; bytes: Buffer }
  | { kind: 'cancelled' }
  | { kind: 'malformed'; text: string }
  /** It is gone. */
  | { kind: 'closed' }

export type SaslOutcome =
  | { kind: 'success'; login: MailboxLogin }
  | { kind: 'failure'; reason: SaslFailure }
  | Exclude<SaslAnswer, { kind: 'response' }>

/**
 * Runs an exchange to its end in a protocol whose OK carries no data (IMAP, POP3, SMTP): the mechanism's last word is a
 * challenge of its own, which the client answers with nothing (RFC 4422 §5).
 * @param initial the message that came with the command; null when none did.
 * @param ask sends a challenge and gives what the client answers.
 */
export async function runSasl(
  exchange: SaslExchange,
  initial: Buffer | null,
  ask: (challenge: Buffer) => Promise<SaslAnswer>,
): Promise<SaslOutcome> {
  let step = await exchange.next(initial)
  while (step.kind === 'challenge') {
    const answer = await ask(step.bytes)
    if (answer.kind !== 'response') return answer
    step = await exchange.next(answer.bytes)
  }
  if (step.kind === 'malformed') return step
  const last = step.bytes === null ? null : await ask(step.bytes)
  if (step.kind === 'failure') {
    // The client may well cancel what was refused; it is told that it was refused.
    return last?.kind === 'closed' ? last : { kind: 'failure', reason: step.reason }
  }
  if (last !== null && last.kind !== 'response') return last
  if (last !== null && last.bytes.length > 0) return { kind: 'malformed', text: 'Expected an empty response' }
  if (last !== null && !(await step.confirm())) return { kind: 'failure', reason: 'credentials' }
  return { kind: 'success', login: step.login }
}

/** Every mechanism here begins with the client: without a first message it is asked for one (RFC 4422 §3.3). */
function clientFirst(receive: (message: Buffer) => Promise<SaslStep>): SaslExchange {
  return {
    next: async (message) =>
      message === null ? { kind: 'challenge', bytes: Buffer.alloc(0) } : await receive(message),
  }
}

function scram(
  platform: Platform,
  source: LoginSource,
  mechanism: ScramMechanism,
  channelBindings: ChannelBindings,
): (message: Buffer) => Promise<SaslStep> {
  const exchange = startScram(platform, { ...source, mechanism, channelBindings })
  return async (message) => {
    const step = await exchange.receive(message)
    switch (step.kind) {
      case 'challenge':
      case 'malformed':
        return step
      case 'done':
        return { kind: 'success', bytes: step.bytes, login: step.login, confirm: step.confirm }
      case 'refused':
        return { kind: 'failure', bytes: step.bytes, reason: step.reason }
    }
  }
}

/** RFC 4616 §2: [authzid] NUL authcid NUL passwd, in UTF-8. */
async function plain(platform: Platform, source: LoginSource, message: Buffer): Promise<SaslStep> {
  const [authorizationId, username, password, ...rest] = message.toString('utf8').split('\0')
  if (authorizationId === undefined || !username || !password || rest.length > 0 || !isUtf8(message)) {
    return { kind: 'malformed', text: 'Malformed PLAIN message' }
  }
  // No one may act for another mailbox.
  if (authorizationId !== '' && authorizationId !== username) {
    return { kind: 'failure', bytes: null, reason: 'authorization' }
  }
  const outcome = await logIn(platform, source, username, password)
  switch (outcome.kind) {
    case 'accepted':
      return { kind: 'success', bytes: null, login: outcome.login, confirm: async () => true }
    case 'refused':
      return { kind: 'failure', bytes: null, reason: 'credentials' }
    case 'locked':
      return { kind: 'failure', bytes: null, reason: 'locked' }
  }
}
