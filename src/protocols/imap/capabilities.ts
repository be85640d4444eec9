/** What CAPABILITY lists. Only what works is here. */
import { isLoopback } from '../../platform/network.ts'
import type { Session } from './session.ts'

const always = [
  'IMAP4rev1',
  'LITERAL+', // RFC 7888
  'SASL-IR', // RFC 4959
  'ID', // RFC 2971
  'ENABLE', // RFC 5161
  'IDLE', // RFC 2177
  'NAMESPACE', // RFC 2342
  'CHILDREN', // RFC 3348
  'LIST-EXTENDED', // RFC 5258
  'LIST-STATUS', // RFC 5819
  'SPECIAL-USE', // RFC 6154
  'CREATE-SPECIAL-USE',
  'STATUS=SIZE', // RFC 8438
  'UIDPLUS', // RFC 4315
  'MOVE', // RFC 6851
  'MULTIAPPEND', // RFC 3502
  'ESEARCH', // RFC 4731
  'UNSELECT', // RFC 3691
]

/** A password may cross the wire only encrypted, or where the wire does not leave this machine. */
export function mayLogIn({ transport }: Session): boolean {
  return transport.isSecure || isLoopback(transport.remoteAddress)
}

/** The list for the session's state, without the word CAPABILITY. */
export function capabilitiesOf(session: Session): string {
  const { transport, platform } = session
  const names = [...always, `APPENDLIMIT=${platform.config.messageBytesMax}`] // RFC 7889
  if (session.state.name === 'not-authenticated') {
    if (transport.listener === 'imap' && !transport.isSecure) names.push('STARTTLS')
    names.push(mayLogIn(session) ? 'AUTH=PLAIN' : 'LOGINDISABLED')
  }
  return names.join(' ')
}
