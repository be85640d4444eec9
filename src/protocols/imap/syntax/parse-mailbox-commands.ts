/** Arguments of the commands that name a mailbox: SELECT, EXAMINE, CREATE, DELETE, RENAME, (UN)SUBSCRIBE, STATUS. */
import { type CommandOf, type Qresync, type StatusItem, statusItems } from './commands.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'
import { readSequenceRanges } from './sequence-set.ts'

const statusItemByName = new Map<string, StatusItem>(statusItems.map((item) => [item, item]))

// RFC 6154 §2 and RFC 8457 §3 (\Important).
const specialUses = [
  '\\All',
  '\\Archive',
  '\\Drafts',
  '\\Flagged',
  '\\Important',
  '\\Junk',
  '\\Sent',
  '\\Trash',
]
const specialUseByName = new Map(specialUses.map((use) => [use.toUpperCase(), use]))

/** [SP "(" select-param *(SP select-param) ")"], RFC 7162: CONDSTORE and QRESYNC. */
export function parseSelect<Name extends 'SELECT' | 'EXAMINE'>(reader: Reader, name: Name) {
  reader.space()
  const mailbox = reader.mailbox()
  let condStore = false
  let qresync: Qresync | null = null
  if (reader.skip(' ')) {
    reader.nonEmptyList(2, () => {
      const param = reader.word('a SELECT parameter')
      if (param === 'CONDSTORE') condStore = true
      else if (param === 'QRESYNC' && qresync === null) qresync = readQresync(reader)
      else reader.fail('Unknown or repeated SELECT parameter')
    })
  }
  return { name, mailbox, condStore, qresync }
}

/** SP "(" uidvalidity SP mod-sequence [SP known-uids] [SP "(" seq-set SP uid-set ")"] ")", RFC 7162 §7. */
function readQresync(reader: Reader): Qresync {
  reader.space()
  reader.expect('(')
  const uidValidity = reader.nzNumber()
  reader.space()
  const modSeq = reader.modSeq()
  if (modSeq === 0n) reader.fail('QRESYNC needs a modification sequence above 0')
  const qresync: Qresync = { uidValidity, modSeq, knownUids: null, sequenceMatch: null }
  let more = reader.skip(' ')
  if (more && reader.peek() !== '(') {
    qresync.knownUids = readSequenceRanges(reader)
    more = reader.skip(' ')
  }
  if (more) qresync.sequenceMatch = readSequenceMatch(reader)
  reader.expect(')')
  return qresync
}

function readSequenceMatch(reader: Reader): Qresync['sequenceMatch'] {
  reader.expect('(')
  const sequences = readSequenceRanges(reader)
  reader.space()
  const uids = readSequenceRanges(reader)
  reader.expect(')')
  return { sequences, uids }
}

/** "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"], RFC 6154 §3. */
export function parseCreate(reader: Reader): Omit<CommandOf<'CREATE'>, 'tag'> {
  reader.space()
  const mailbox = reader.mailboxToCreate()
  if (!reader.skip(' ')) return { name: 'CREATE', mailbox, specialUses: [] }
  reader.expect('(')
  if (!reader.skipWord('USE')) reader.fail('Unknown CREATE parameter')
  reader.space()
  const uses = reader.list(imapSyntaxLimits.specialUsesMax, () => {
    reader.expect('\\')
    const use = `\\${reader.atom()}`
    return specialUseByName.get(use.toUpperCase()) ?? use
  })
  reader.expect(')')
  return { name: 'CREATE', mailbox, specialUses: uses }
}

export function parseMailboxOnly<Name extends 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'>(
  reader: Reader,
  name: Name,
) {
  reader.space()
  return { name, mailbox: reader.mailbox() }
}

export function parseRename(reader: Reader): Omit<CommandOf<'RENAME'>, 'tag'> {
  reader.space()
  const from = reader.mailbox()
  reader.space()
  return { name: 'RENAME', from, to: reader.mailboxToCreate() }
}

export function parseStatus(reader: Reader): Omit<CommandOf<'STATUS'>, 'tag'> {
  reader.space()
  const mailbox = reader.mailbox()
  reader.space()
  return { name: 'STATUS', mailbox, items: readStatusItems(reader) }
}

/** "(" status-att *(SP status-att) ")", each item once. */
export function readStatusItems(reader: Reader): StatusItem[] {
  const items = reader.nonEmptyList(2 * statusItems.length, () => {
    return statusItemByName.get(reader.word('a STATUS item')) ?? reader.fail('Unknown STATUS item')
  })
  return [...new Set(items)]
}
