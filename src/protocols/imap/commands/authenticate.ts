/** AUTHENTICATE PLAIN, RFC 9051 §6.2.2 and RFC 4616, with the initial response of RFC 4959. */
import { isUtf8 } from 'node:buffer'
import { mayLogIn } from '../capabilities.ts'
import { bad, no, type Reply } from '../reply.ts'
import type { Session } from '../session.ts'
import type { CommandOf } from '../syntax/commands.ts'
import { parseSaslLine } from '../syntax/parse-session-commands.ts'
import { logInWith, tlsNeeded } from './login.ts'

export async function authenticate(
  session: Session,
  command: CommandOf<'AUTHENTICATE'>,
): Promise<Reply | null> {
  if (command.mechanism !== 'PLAIN') return no('CANNOT', 'Unknown authentication mechanism')
  if (!mayLogIn(session)) return tlsNeeded
  const response = command.initialResponse ?? (await askForResponse(session))
  if (!Buffer.isBuffer(response)) return response
  const credentials = parsePlain(response)
  if (credentials === null) return bad('Malformed PLAIN message')
  const { authorizationId, username, password } = credentials
  // No one may act for another mailbox.
  if (authorizationId !== '' && authorizationId !== username) {
    return no('AUTHORIZATIONFAILED', 'Log in as yourself')
  }
  return await logInWith(session, username, password)
}

/** The client's response, or the answer when there is none; null when the client is gone. */
async function askForResponse({ transport }: Session): Promise<Buffer | Reply | null> {
  transport.input.expectLine()
  await transport.output.write('+ \r\n')
  await transport.output.flush()
  const event = await transport.input.next()
  if (event.kind === 'closed') return null
  if (event.kind !== 'line') return bad('Line too long')
  const line = parseSaslLine(event.bytes)
  if (line.kind === 'cancelled') return bad('AUTHENTICATE cancelled')
  return line.kind === 'response' ? line.bytes : bad('Not base64')
}

/** [authzid] NUL authcid NUL passwd, in UTF-8. */
function parsePlain(message: Buffer): { authorizationId: string; username: string; password: string } | null {
  const [authorizationId, username, password, ...rest] = message.toString('utf8').split('\0')
  if (authorizationId === undefined || !username || !password || rest.length > 0) return null
  return isUtf8(message) ? { authorizationId, username, password } : null
}
