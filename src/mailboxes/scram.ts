/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the server's side of one exchange:
 *   first message -> challenge (nonce, salt, iterations) -> final message -> done or refused.
 * Nothing is looked up before the final message, so that the challenge says nothing about the address.
 */
import { randomBytes } from 'node:crypto'
import type { ChannelBindings } from '../platform/channel-bindings.ts'
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from './address.ts'
import { findLogin, type LoginSource, logInBy, type MailboxLogin, reportLogin } from './login.ts'
import { saslPrep } from './saslprep.ts'
import {
  type ClientFinal,
  type ClientFirst,
  encodeServerError,
  encodeServerFinal,
  encodeServerFirst,
  parseClientFinal,
  parseClientFirst,
  type ScramError,
} from './scram-messages.ts'
import { findProven, hmac, type ScramSalt, scramSaltOf } from './scram-verifiers.ts'

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS'

export type ScramOptions = LoginSource & {
  mechanism: ScramMechanism
  /** Of the connection's TLS; empty without TLS. */
  channelBindings: ChannelBindings
}

export type ScramStep =
  | { kind: 'challenge'; bytes: Buffer }
  /**
   * `bytes` prove to the client that we know its password too. It takes its time to look at them: confirm() says whether
   * what it proved is still so.
   */
  | { kind: 'done'; bytes: Buffer; login: MailboxLogin; confirm: () => Promise<boolean> }
  | { kind: 'refused'; bytes: Buffer; reason: 'credentials' | 'authorization' | 'locked' }
  | { kind: 'malformed'; text: string }

export type ScramExchange = {
  /** Takes the client's next message. After anything but a challenge the exchange is over. */
  receive(message: Buffer): Promise<ScramStep>
}

const serverNonceBytes = 18

type State =
  | { name: 'first' }
  | {
      name: 'final'
      first: ClientFirst
      username: string
      salt: ScramSalt
      serverFirst: string
      nonce: string
    }
  | { name: 'over' }

export function startScram(platform: Platform, options: ScramOptions): ScramExchange {
  let state: State = { name: 'first' }

  const refuse = (
    error: ScramError,
    username: string,
    reason: 'credentials' | 'authorization' = 'credentials',
  ): ScramStep => {
    reportLogin(platform, options.protocol, username, 'refused')
    return { kind: 'refused', bytes: encodeServerError(error), reason }
  }

  const receiveFirst = (message: Buffer): ScramStep => {
    const parsed = parseClientFirst(message)
    if (parsed.kind === 'malformed') return parsed
    if (parsed.kind === 'error') return refuse(parsed.error, '')
    const first = parsed.message
    const username = saslPrep(first.username)
    if (username === null || username === '') return refuse('invalid-username-encoding', first.username)
    const bindingError = checkFlag(first, options)
    if (bindingError !== null) return refuse(bindingError, username)
    // No one may act for another mailbox.
    const wanted = first.authorizationId === null ? username : saslPrep(first.authorizationId)
    if (wanted === null || canonical(wanted) !== canonical(username)) {
      return refuse('other-error', username, 'authorization')
    }
    const nonce = first.nonce + randomBytes(serverNonceBytes).toString('base64')
    const salt = scramSaltOf(platform.vault, canonical(username))
    const serverFirst = encodeServerFirst(nonce, salt.salt, salt.iterations)
    state = { name: 'final', first, username, salt, serverFirst, nonce }
    return { kind: 'challenge', bytes: Buffer.from(serverFirst) }
  }

  const receiveFinal = async (
    { first, username, salt, serverFirst, nonce }: Extract<State, { name: 'final' }>,
    message: Buffer,
  ): Promise<ScramStep> => {
    const parsed = parseClientFinal(message)
    if (parsed.kind === 'malformed') return parsed
    if (parsed.kind === 'error') return refuse(parsed.error, username)
    const final = parsed.message
    if (final.nonce !== nonce) return refuse('other-error', username)
    if (!bindsChannel(first, final, options.channelBindings)) {
      return refuse('channel-bindings-dont-match', username)
    }
    const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`
    const outcome = await logInBy(platform, options, username, {
      guess: null, // a wrong proof does not say of which password it is
      prove: (passwords) => findProven(platform, passwords, { salt, proof: final.proof, authMessage }),
    })
    if (outcome.kind === 'locked') {
      return { kind: 'refused', bytes: encodeServerError('other-error'), reason: 'locked' }
    }
    if (outcome.kind === 'refused') {
      return { kind: 'refused', bytes: encodeServerError('invalid-proof'), reason: 'credentials' }
    }
    const { login, proof } = outcome.login
    return {
      kind: 'done',
      bytes: encodeServerFinal(hmac(proof.keys.serverKey, authMessage)),
      login,
      async confirm() {
        const now = await findLogin(platform, options, username)
        const { name, verifier } = proof.password
        const isThere = now?.passwords.some((one) => one.name === name && one.verifier.equals(verifier))
        return now?.mailbox.mailboxId === login.mailboxId && isThere === true
      },
    }
  }

  return {
    async receive(message) {
      const now = state
      state = { name: 'over' } // unless a challenge is sent
      if (now.name === 'over') return { kind: 'malformed', text: 'The exchange is over' }
      return now.name === 'first' ? receiveFirst(message) : await receiveFinal(now, message)
    },
  }
}

/** RFC 5802 §6. @returns why the flag cannot be right. */
function checkFlag({ flag }: ClientFirst, { mechanism, channelBindings }: ScramOptions): ScramError | null {
  if (mechanism === 'SCRAM-SHA-256-PLUS') {
    if (flag.kind !== 'p') return 'channel-binding-not-supported'
    return channelBindings.has(flag.type) ? null : 'unsupported-channel-binding-type'
  }
  if (flag.kind === 'p') return 'channel-binding-not-supported'
  // Somebody between us took -PLUS out of our list.
  return flag.kind === 'y' && channelBindings.size > 0 ? 'server-does-support-channel-binding' : null
}

/** RFC 5802 §6: whether the `c` attribute repeats the header, and has the binding of this very channel. */
function bindsChannel(first: ClientFirst, final: ClientFinal, channelBindings: ChannelBindings): boolean {
  const { flag, gs2Header } = first
  const data = flag.kind === 'p' ? (channelBindings.get(flag.type) ?? Buffer.alloc(0)) : Buffer.alloc(0)
  return Buffer.concat([Buffer.from(gs2Header), data]).equals(final.channelBinding)
}

/** One salt for all spellings of an address. */
function canonical(username: string): string {
  const parsed = parseAddress(username)
  return parsed.ok ? parsed.value.address : username
}
