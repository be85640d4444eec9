/** What CAPA lists (RFC 2449 §5). Only what works is here. */
import { type SaslTls, saslMechanismsOn } from '../../mailboxes/sasl.ts'
import { leastKeepDays } from '../../messages/maildrop/maildrop-expiry.ts'
import { channelBindingsOf } from '../../platform/channel-bindings.ts'
import { isLoopback } from '../../platform/network.ts'
import { isInTransaction, type Session } from './session.ts'

const always = [
  'TOP',
  'UIDL',
  'RESP-CODES',
  'AUTH-RESP-CODE', // RFC 3206
  'PIPELINING',
  'UTF8 USER', // RFC 6856
]

/** A password may cross the wire only encrypted, or where the wire does not leave this machine (RFC 2595 §4). */
export function mayLogIn({ transport }: Session): boolean {
  return transport.tls !== null || isLoopback(transport.remoteAddress)
}

/** What SASL is told of the connection. */
export function saslTlsOf({ transport }: Session): SaslTls {
  const { tls } = transport
  return tls === null ? null : { channelBindings: () => channelBindingsOf(tls) }
}

/** One line each. What may be used before the login stays listed after it (RFC 2449 §5). */
export async function capabilitiesOf(session: Session): Promise<string[]> {
  const names = [...always]
  if (session.transport.tls === null) names.push('STLS') // RFC 2595 §4
  if (mayLogIn(session)) names.push('USER', `SASL ${saslMechanismsOn(saslTlsOf(session)).join(' ')}`)
  names.push(await expiryOf(session), 'IMPLEMENTATION Mailwright')
  return names
}

/** RFC 2449 §6.7: before the login the least that is in force for anybody, and a word that it may be another. */
async function expiryOf(session: Session): Promise<string> {
  if (isInTransaction(session)) return `EXPIRE ${session.state.maildrop.keepDays ?? 'NEVER'}`
  return `EXPIRE ${(await leastKeepDays(session.platform)) ?? 'NEVER'} USER`
}
