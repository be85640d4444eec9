/** Arguments of ID, AUTHENTICATE, LOGIN, ENABLE and COMPRESS, and the raw lines of AUTHENTICATE and IDLE. */
import type { CommandOf } from './commands.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'

/** "ID" SP ("(" *(string SP nstring) ")" / nil), RFC 2971 §3.3 with its bounds. */
export function parseId(reader: Reader): Omit<CommandOf<'ID'>, 'tag'> {
  reader.space()
  if (reader.skipWord('NIL')) return { name: 'ID', fields: null }
  const fields = reader.list(imapSyntaxLimits.idPairsMax, () => {
    const field = reader.string()
    reader.space()
    const value = reader.nstring()
    if (field.length > imapSyntaxLimits.idFieldBytesMax) reader.fail('ID field name too long')
    if (value !== null && value.length > imapSyntaxLimits.idValueBytesMax) reader.fail('ID value too long')
    return [field, value] as const
  })
  return { name: 'ID', fields }
}

/** "AUTHENTICATE" SP auth-type [SP initial-resp], RFC 4959. */
export function parseAuthenticate(reader: Reader): Omit<CommandOf<'AUTHENTICATE'>, 'tag'> {
  reader.space()
  const mechanism = reader.atom().toUpperCase()
  const initialResponse = reader.skip(' ') ? reader.base64() : null
  return { name: 'AUTHENTICATE', mechanism, initialResponse }
}

export function parseLogin(reader: Reader): Omit<CommandOf<'LOGIN'>, 'tag'> {
  reader.space()
  const username = reader.astring()
  reader.space()
  return { name: 'LOGIN', username, password: reader.astring() }
}

/** "ENABLE" 1*(SP capability), RFC 9051 §6.3.1. */
export function parseEnable(reader: Reader): Omit<CommandOf<'ENABLE'>, 'tag'> {
  const capabilities: string[] = []
  reader.space()
  do {
    if (capabilities.length >= imapSyntaxLimits.enableCapabilitiesMax) reader.fail('Too many capabilities')
    capabilities.push(reader.atom().toUpperCase())
  } while (reader.skip(' '))
  return { name: 'ENABLE', capabilities }
}

/** "COMPRESS" SP algorithm, RFC 4978 §5. */
export function parseCompress(reader: Reader): Omit<CommandOf<'COMPRESS'>, 'tag'> {
  reader.space()
  return { name: 'COMPRESS', mechanism: reader.atom().toUpperCase() }
}

export type SaslLine =
  | { kind: 'response'; bytes: Buffer }
  | { kind: 'cancelled' }
  | { kind: 'malformed'; text: string }

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** A client's line during AUTHENTICATE (RFC 9051 §6.2.2): base64, empty for no data, `*` to cancel. */
export function parseSaslLine(line: Buffer): SaslLine {
  const text = line.toString('latin1')
  if (text === '*') return { kind: 'cancelled' }
  if (!base64Pattern.test(text)) return { kind: 'malformed', text: 'Not base64' }
  return { kind: 'response', bytes: Buffer.from(text, 'base64') }
}

/** The line that ends IDLE, RFC 2177 §3. */
export function isIdleDone(line: Buffer): boolean {
  return line.toString('latin1').toUpperCase() === 'DONE'
}
