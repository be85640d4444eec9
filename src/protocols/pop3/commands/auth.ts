/** AUTH, RFC 5034. */
import { runSasl, type SaslAnswer, saslMechanismsOn, startSasl } from '../../../mailboxes/sasl.ts'
import { mayLogIn, saslTlsOf } from '../capabilities.ts'
import { enterMaildrop, refuseLogin, tlsNeeded } from '../log-in.ts'
import { bad, encodeReply, err, ok, type Reply } from '../reply.ts'
import type { AuthorizationSession } from '../session.ts'
import type { CommandOf } from '../syntax/command.ts'
import { encodeChallenge, parseSaslLine } from '../syntax/sasl-line.ts'

export async function auth(session: AuthorizationSession, command: CommandOf<'AUTH'>): Promise<Reply | null> {
  if (!mayLogIn(session)) return tlsNeeded
  const tls = saslTlsOf(session)
  if (command.mechanism === null) return await listMechanisms(session, saslMechanismsOn(tls))
  const exchange = startSasl(session.platform, {
    protocol: 'pop3',
    remoteAddress: session.transport.remoteAddress,
    mechanism: command.mechanism,
    tls,
  })
  if (exchange === null) return err('There is no such mechanism')
  const outcome = await runSasl(exchange, command.initialResponse, (bytes) => challenge(session, bytes))
  switch (outcome.kind) {
    case 'success':
      return await enterMaildrop(session, outcome.login)
    case 'failure':
      return await refuseLogin(session, outcome.reason)
    case 'cancelled':
      return err('AUTH was cancelled')
    case 'malformed':
      return bad(outcome.text)
    case 'closed':
      return null
  }
}

/** Clients of before CAPA ask so what there is. */
async function listMechanisms(session: AuthorizationSession, mechanisms: readonly string[]): Promise<null> {
  const list = mechanisms.map((mechanism) => `${mechanism}\r\n`).join('')
  await session.transport.output.write(`${encodeReply(ok('Mechanisms follow'))}${list}.\r\n`)
  return null
}

async function challenge({ transport }: AuthorizationSession, bytes: Buffer): Promise<SaslAnswer> {
  await transport.output.write(encodeChallenge(bytes))
  await transport.output.flush()
  const event = await transport.input.next()
  if (event.kind === 'woken' || event.kind === 'closed') return { kind: 'closed' }
  if (event.kind !== 'line') return { kind: 'malformed', text: 'Line too long' }
  const line = parseSaslLine(event.bytes)
  return line.kind === 'malformed' ? { kind: 'malformed', text: 'That is not base64' } : line
}
