/** What CAPABILITY lists. Only what works is here. */
import { saslMechanismsOn } from '../../mailboxes/sasl.ts'
import { isLoopback } from '../../platform/network.ts'
import type { Session } from './session.ts'

const always = [
  'IMAP4rev1',
  'IMAP4rev2', // RFC 9051
  'LITERAL+', // RFC 7888
  'SASL-IR', // RFC 4959
  'ID', // RFC 2971
  'ENABLE', // RFC 5161
  'UTF8=ACCEPT', // RFC 6855
  'CONDSTORE', // RFC 7162
  'QRESYNC',
  'IDLE', // RFC 2177
  'NOTIFY', // RFC 5465
  'NAMESPACE', // RFC 2342
  'CHILDREN', // RFC 3348
  'LIST-EXTENDED', // RFC 5258
  'LIST-STATUS', // RFC 5819
  'SPECIAL-USE', // RFC 6154
  'CREATE-SPECIAL-USE',
  'STATUS=SIZE', // RFC 8438
  'QUOTA', // RFC 9208
  'QUOTA=RES-STORAGE',
  'QUOTA=RES-MESSAGE',
  'QUOTA=RES-MAILBOX',
  'METADATA', // RFC 5464
  'LIST-METADATA', // RFC 9590
  'UIDPLUS', // RFC 4315
  'MOVE', // RFC 6851
  'MULTIAPPEND', // RFC 3502
  'CATENATE', // RFC 4469
  'REPLACE', // RFC 8508
  'BINARY', // RFC 3516
  'ESEARCH', // RFC 4731
  'SEARCHRES', // RFC 5182
  'PARTIAL', // RFC 9394
  'WITHIN', // RFC 5032
  'CONTEXT=SEARCH', // RFC 5267
  'SORT', // RFC 5256
  'SORT=DISPLAY', // RFC 5957
  'ESORT', // RFC 5267
  'THREAD=ORDEREDSUBJECT', // RFC 5256
  'THREAD=REFERENCES',
  'INPROGRESS', // RFC 9585
  'UNSELECT', // RFC 3691
  'OBJECTID', // RFC 8474
  'SAVEDATE', // RFC 8514
  'PREVIEW', // RFC 8970
]

/** A password may cross the wire only encrypted, or where the wire does not leave this machine. */
export function mayLogIn({ transport }: Session): boolean {
  return transport.tls !== null || isLoopback(transport.remoteAddress)
}

/** The list for the session's state, without the word CAPABILITY. */
export function capabilitiesOf(session: Session): string {
  const { transport, platform } = session
  const names = [...always, `APPENDLIMIT=${platform.config.messageBytesMax}`] // RFC 7889
  if (session.state.name === 'not-authenticated') {
    if (transport.listener === 'imap' && transport.tls === null) names.push('STARTTLS')
    if (!mayLogIn(session)) names.push('LOGINDISABLED')
    else names.push(...saslMechanismsOn(transport.tls).map((mechanism) => `AUTH=${mechanism}`))
  } else {
    if (!transport.isCompressed) names.push('COMPRESS=DEFLATE') // RFC 4978
    if (platform.config.imapUnauthenticate === 'on') names.push('UNAUTHENTICATE') // RFC 8437
  }
  return names.join(' ')
}
