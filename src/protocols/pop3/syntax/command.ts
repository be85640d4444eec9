/** A command line, RFC 1939 §3 and RFC 2449 §4, with the commands of RFC 2595, 5034 and 6856. */
import { isUtf8 } from 'node:buffer'
import { parseInitialResponse, type SaslInitialResponse } from './sasl-line.ts'

/** A member of the union for each name, so that it can be told by its name. */
type Named<Name extends string, Args = unknown> = Name extends string ? { name: Name } & Args : never

export type Pop3Command =
  | Named<'CAPA' | 'NOOP' | 'QUIT' | 'RSET' | 'STAT' | 'STLS' | 'UTF8' | 'APOP' | 'LANG'>
  | Named<'USER', { username: string }>
  | Named<'PASS', { password: string }>
  /** `mechanism` in upper case; null where the client asks for the list. */
  | Named<'AUTH', { mechanism: string | null; initialResponse: Buffer | null }>
  | Named<'LIST' | 'UIDL', { number: number | null }>
  | Named<'RETR' | 'DELE', { number: number }>
  | Named<'TOP', { number: number; lines: number }>

export type CommandName = Pop3Command['name']
export type CommandOf<Name extends CommandName> = Extract<Pop3Command, { name: Name }>

export type ParsedCommand = { ok: true; command: Pop3Command } | { ok: false; text: string }

/** Reads a line without its line end. Keywords have no case (RFC 1939 §3). */
export function parseCommand(line: Buffer): ParsedCommand {
  // RFC 6856 §2.2: names and passwords may have UTF-8 before UTF8 was said, and nothing else ever may.
  if (!isUtf8(line)) return fault('That is not UTF-8')
  const [, keyword = '', rest] = /^([^ ]*)(?: (.*))?$/s.exec(line.toString('utf8')) ?? []
  const name = keyword.toUpperCase()
  switch (name) {
    case 'CAPA':
    case 'NOOP':
    case 'QUIT':
    case 'RSET':
    case 'STAT':
    case 'STLS':
    case 'UTF8':
      return words(rest).length === 0 ? found({ name }) : fault(`${name} has no argument`)
    case 'USER':
      return rest?.trim() ? found({ name, username: rest.trim() }) : fault('USER needs a name')
    case 'PASS':
      // RFC 1939 §7: spaces are part of the password, also at its ends.
      return rest ? found({ name, password: rest }) : fault('PASS needs a password')
    case 'AUTH':
      return parseAuth(words(rest))
    case 'LIST':
    case 'UIDL':
    case 'RETR':
    case 'DELE':
    case 'TOP':
      return parseNumbered(name, words(rest))
    case 'APOP':
    case 'LANG':
      return found({ name })
    default:
      return fault('Unknown command')
  }
}

function parseNumbered(name: 'LIST' | 'UIDL' | 'RETR' | 'DELE' | 'TOP', args: string[]): ParsedCommand {
  const [first, second, third] = args.map(parseNumber)
  if (args.length === 0 && (name === 'LIST' || name === 'UIDL')) return found({ name, number: null })
  if (typeof first !== 'number') return fault(`${name} needs a message number`)
  if (name !== 'TOP') {
    return second === undefined ? found({ name, number: first }) : fault(`${name} has one argument`)
  }
  if (typeof second !== 'number' || third !== undefined) return fault('TOP needs a number of lines')
  return found({ name, number: first, lines: second })
}

/** RFC 5034 §4. Without a mechanism it asks for the list, which clients of before CAPA do. */
function parseAuth(args: string[]): ParsedCommand {
  const [mechanism, response, ...more] = args
  if (mechanism === undefined) return found({ name: 'AUTH', mechanism: null, initialResponse: null })
  if (more.length > 0) return fault('AUTH has two arguments')
  const initial: SaslInitialResponse =
    response === undefined ? { kind: 'none' } : parseInitialResponse(response)
  if (initial.kind === 'malformed') return fault('The initial response is not base64')
  return found({
    name: 'AUTH',
    mechanism: mechanism.toUpperCase(),
    initialResponse: initial.kind === 'response' ? initial.bytes : null,
  })
}

function words(rest: string | undefined): string[] {
  return (rest ?? '').split(' ').filter((word) => word !== '')
}

/** null for what is no number. Ten digits hold more messages than a maildrop can have. */
function parseNumber(word: string): number | null {
  return /^\d{1,10}$/.test(word) ? Number(word) : null
}

function found(command: Pop3Command): ParsedCommand {
  return { ok: true, command }
}

function fault(text: string): ParsedCommand {
  return { ok: false, text }
}
