/** AUTHENTICATE, RFC 9051 §6.2.2, with the initial response of RFC 4959; the mechanisms are the core's. */
import { runSasl, type SaslAnswer, type SaslFailure, startSasl } from '../../../mailboxes/sasl.ts'
import { mayLogIn } from '../capabilities.ts'
import { bad, no, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { parseSaslLine } from '../syntax/parse-session-commands.ts'
import { loginAccepted, loginLocked, loginRefused, tlsNeeded, wrongPassword } from './login.ts'

export async function authenticate(
  session: Session,
  { mechanism, initialResponse }: CommandOf<'AUTHENTICATE'>,
): Promise<Reply | null> {
  const { platform, transport } = session
  if (!mayLogIn(session)) return tlsNeeded
  const exchange = startSasl(platform, {
    protocol: 'imap',
    remoteAddress: transport.remoteAddress,
    mechanism,
    tls: transport.tls,
  })
  if (exchange === null) return no('CANNOT', 'Unknown authentication mechanism')
  const outcome = await runSasl(exchange, initialResponse, (challenge) => ask(session, challenge))
  switch (outcome.kind) {
    case 'success':
      return loginAccepted(session, outcome.login)
    case 'failure':
      return await loginRefused(session, refusals[outcome.reason])
    case 'malformed':
      return bad(outcome.text)
    case 'cancelled':
      return bad('AUTHENTICATE cancelled')
    case 'closed':
      return null
  }
}

const refusals: Readonly<Record<SaslFailure, Reply>> = {
  authorization: no('AUTHORIZATIONFAILED', 'Log in as yourself'),
  credentials: wrongPassword,
  locked: loginLocked,
}

async function ask({ transport }: Session, challenge: Buffer): Promise<SaslAnswer> {
  transport.input.expectLine()
  await transport.output.write(`+ ${challenge.toString('base64')}\r\n`)
  await transport.output.flush()
  const event = await transport.input.next()
  if (event.kind === 'closed') return { kind: 'closed' }
  return event.kind === 'line' ? parseSaslLine(event.bytes) : { kind: 'malformed', text: 'Line too long' }
}
