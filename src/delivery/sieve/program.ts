/** A checked script: what the interpreter runs. */

import type { Position } from './lexer.ts'
import type { Matcher } from './match.ts'

export type AddressPart = 'all' | 'localpart' | 'domain' | 'user' | 'detail'

export type SieveTest =
  | { kind: 'true' }
  | { kind: 'false' }
  | { kind: 'not'; test: SieveTest }
  | { kind: 'allof' | 'anyof'; tests: SieveTest[] }
  | { kind: 'exists'; names: string[] }
  | { kind: 'size'; over: boolean; bytes: number }
  | { kind: 'header'; names: string[]; matcher: Matcher }
  | { kind: 'address'; names: string[]; part: AddressPart; matcher: Matcher }
  | { kind: 'envelope'; names: ('from' | 'to')[]; part: AddressPart; matcher: Matcher }
  | { kind: 'hasflag'; matcher: Matcher }
  | { kind: 'mailboxexists'; folders: string[] }

export type Vacation = {
  days: number
  subject: string | null
  from: string | null
  /** Further addresses of the mailbox's owner. */
  addresses: string[]
  /** Whether the reason is a MIME part of its own, with its header. */
  isMime: boolean
  /** Responses of one handle are told from those of another (RFC 5230 §4.2); null is made of the others. */
  handle: string | null
  reason: string
}

export type SieveAction =
  /** `flags` null: those that the script has set by then. */
  | { kind: 'keep'; flags: string[] | null }
  | { kind: 'discard' }
  | { kind: 'fileinto'; folder: string; isCopy: boolean; create: boolean; flags: string[] | null }
  | { kind: 'redirect'; address: string; isCopy: boolean }
  | { kind: 'vacation'; vacation: Vacation }

export type SieveStatement = Position &
  (
    | { kind: 'if'; branches: { test: SieveTest; body: SieveStatement[] }[] }
    | { kind: 'stop' }
    | { kind: 'flags'; change: 'setflag' | 'addflag' | 'removeflag'; flags: string[] }
    | { kind: 'action'; action: SieveAction }
  )

export type SieveProgram = {
  statements: SieveStatement[]
  /** Whether it asks which folders there are. */
  asksFolders: boolean
}
