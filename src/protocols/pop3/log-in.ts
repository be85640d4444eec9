/** What USER with PASS, and AUTH, have in common. */
import { setTimeout as sleep } from 'node:timers/promises'
import { loginFailureDelayMs, loginFailuresMax, type MailboxLogin } from '../../mailboxes/login.ts'
import type { SaslFailure } from '../../mailboxes/sasl.ts'
import { openMaildrop } from '../../messages/maildrop/maildrop.ts'
import { err, ok, type Reply } from './reply.ts'
import { enterTransaction, type Session } from './session.ts'

export const tlsNeeded = err('Use STLS before you log in')

/** The client is who it says: it gets the maildrop, unless another session has it. */
export async function enterMaildrop(session: Session, login: MailboxLogin): Promise<Reply> {
  const opened = await openMaildrop(session.platform, session.locks, login)
  switch (opened.kind) {
    case 'in-use':
      return err('Another session has this maildrop', 'IN-USE') // RFC 2449 §8.1.2
    case 'gone':
      return err('There is no maildrop any more', 'SYS/PERM')
    case 'opened': {
      enterTransaction(session, login, opened.maildrop)
      const { messages, sizeBytes } = opened.maildrop.totals()
      return ok(`The maildrop has ${messages} messages (${sizeBytes} octets)`)
    }
  }
}

const refusals: Readonly<Record<SaslFailure, Reply>> = {
  credentials: err('Wrong address or password', 'AUTH'), // RFC 3206 §5
  authorization: err('Log in as yourself', 'AUTH'),
  // RFC 3206 §4: nobody looked at the password, and a client that has the right one comes back with it.
  locked: err('Too many wrong passwords; try again later', 'SYS/TEMP'),
}

/** A refusal comes late, and after a few of them the connection closes. */
export async function refuseLogin(session: Session, reason: SaslFailure): Promise<Reply> {
  session.loginsRefused += 1
  await sleep(loginFailureDelayMs)
  if (session.loginsRefused >= loginFailuresMax) session.transport.end(null)
  return refusals[reason]
}
