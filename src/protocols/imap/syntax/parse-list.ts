/**
 * Arguments of LIST and LSUB: RFC 9051 §6.3.9, RFC 5258, RFC 5819 (STATUS), RFC 6154 (SPECIAL-USE), RFC 9590
 * (METADATA).
 */
import type { CommandOf } from './commands.ts'
import { imapSyntaxLimits } from './limits.ts'
import { readStatusItems } from './parse-mailbox-commands.ts'
import { readEntries } from './parse-metadata.ts'
import type { Reader } from './reader.ts'

type List = CommandOf<'LIST'>

/** "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP "RETURN" SP "(" ... ")"] */
export function parseList(reader: Reader): Omit<List, 'tag'> {
  reader.space()
  const hasOptions = reader.peek() === '('
  const select = hasOptions ? readSelectOptions(reader) : noSelectOptions()
  if (hasOptions) reader.space()
  const reference = reader.mailboxText()
  reader.space()
  const severalPatterns = reader.peek() === '('
  const patterns = severalPatterns
    ? reader.nonEmptyList(imapSyntaxLimits.listPatternsMax, () => reader.listMailbox())
    : [reader.listMailbox()]
  const hasReturn = reader.skip(' ')
  const returns = hasReturn ? readReturnOptions(reader) : noReturnOptions()
  const extended = hasOptions || severalPatterns || hasReturn
  return { name: 'LIST', extended, select, reference, patterns, returns }
}

export function parseLsub(reader: Reader): Omit<CommandOf<'LSUB'>, 'tag'> {
  reader.space()
  const reference = reader.mailboxText()
  reader.space()
  return { name: 'LSUB', reference, pattern: reader.listMailbox() }
}

function noSelectOptions(): List['select'] {
  return { subscribed: false, remote: false, recursiveMatch: false, specialUse: false }
}

function readSelectOptions(reader: Reader): List['select'] {
  const select = noSelectOptions()
  reader.list(imapSyntaxLimits.listOptionsMax, () => {
    const option = reader.word('a selection option')
    if (option === 'SUBSCRIBED') select.subscribed = true
    else if (option === 'REMOTE') select.remote = true
    else if (option === 'RECURSIVEMATCH') select.recursiveMatch = true
    else if (option === 'SPECIAL-USE') select.specialUse = true
    else reader.fail('Unknown selection option')
  })
  // RFC 5258 §3.1: it modifies another option, and REMOTE is none that it can modify.
  if (select.recursiveMatch && !select.subscribed && !select.specialUse) {
    reader.fail('RECURSIVEMATCH needs another selection option')
  }
  return select
}

function noReturnOptions(): List['returns'] {
  return { subscribed: false, children: false, specialUse: false, status: null, metadata: null }
}

function readReturnOptions(reader: Reader): List['returns'] {
  const returns = noReturnOptions()
  if (!reader.skipWord('RETURN')) reader.fail('Expected RETURN')
  reader.space()
  reader.list(imapSyntaxLimits.listOptionsMax, () => {
    const option = reader.word('a return option')
    if (option === 'SUBSCRIBED') returns.subscribed = true
    else if (option === 'CHILDREN') returns.children = true
    else if (option === 'SPECIAL-USE') returns.specialUse = true
    else if (option === 'STATUS') {
      reader.space()
      returns.status = readStatusItems(reader)
    } else if (option === 'METADATA') {
      reader.space()
      returns.metadata = readEntries(reader)
    } else reader.fail('Unknown return option')
  })
  return returns
}
