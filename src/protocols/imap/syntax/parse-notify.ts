/** Arguments of NOTIFY, RFC 5465 §8. */
import type { CommandOf } from './commands.ts'
import type { FetchItem } from './fetch-item.ts'
import { imapSyntaxLimits } from './limits.ts'
import { canonicalMailboxName } from './mailbox-name.ts'
import { type NotifyEvent, type NotifyGroup, type NotifyMailboxes, notifyEvents } from './notify-group.ts'
import { readFetchItems } from './parse-fetch.ts'
import type { Reader } from './reader.ts'

type Notify = Omit<CommandOf<'NOTIFY'>, 'tag'>

const messageEvents: ReadonlySet<NotifyEvent> = new Set(['MessageNew', 'MessageExpunge', 'FlagChange'])
const eventByName = new Map(notifyEvents.map((event) => [event.toUpperCase(), event]))

/** "NOTIFY" SP ("NONE" / "SET" [SP "STATUS"] SP event-group *(SP event-group)) */
export function parseNotify(reader: Reader): Notify {
  reader.space()
  const word = reader.word('SET or NONE')
  if (word === 'NONE') return { name: 'NOTIFY', status: false, groups: [] }
  if (word !== 'SET') reader.fail('Expected SET or NONE')
  reader.space()
  const status = reader.skipWord('STATUS')
  if (status) reader.space()
  const groups: NotifyGroup[] = []
  do {
    if (groups.length >= imapSyntaxLimits.notifyGroupsMax) refuseTooMany(reader)
    groups.push(readGroup(reader))
  } while (reader.skip(' '))
  if (groups.filter(({ mailboxes }) => mailboxes.kind === 'selected').length > 1) {
    reader.fail('Only one group can be of the selected mailbox')
  }
  return { name: 'NOTIFY', status, groups }
}

/** event-group = "(" filter-mailboxes SP events ")" */
function readGroup(reader: Reader): NotifyGroup {
  reader.expect('(')
  const mailboxes = readMailboxes(reader)
  reader.space()
  const { events, fetch } = readEvents(reader)
  reader.expect(')')
  const isSelected = mailboxes.kind === 'selected'
  if (isSelected && [...events].some((event) => !messageEvents.has(event)))
    reader.fail('Only messages have events there')
  if (!isSelected && fetch.length > 0) reader.fail('Only of the selected mailbox can be fetched')
  return { mailboxes, events, fetch }
}

function readMailboxes(reader: Reader): NotifyMailboxes {
  const word = reader.word('mailboxes')
  switch (word) {
    case 'SELECTED':
    case 'SELECTED-DELAYED':
      return { kind: 'selected', delayed: word === 'SELECTED-DELAYED' }
    case 'INBOXES':
      return { kind: 'inboxes' }
    case 'PERSONAL':
      return { kind: 'personal' }
    case 'SUBSCRIBED':
      return { kind: 'subscribed' }
    case 'SUBTREE':
    case 'MAILBOXES':
      reader.space()
      return { kind: word === 'SUBTREE' ? 'subtree' : 'mailboxes', paths: readPaths(reader) }
    default:
      return reader.fail('Unknown mailboxes')
  }
}

/** one-or-more-mailbox. §3.1: what is no mailbox is ignored, so that a name which none can have is no error. */
function readPaths(reader: Reader): readonly string[] {
  const readPath = (): string => canonicalMailboxName(reader.mailboxText())
  if (reader.peek() !== '(') return [readPath()]
  const paths: string[] = []
  reader.expect('(')
  do {
    if (paths.length >= imapSyntaxLimits.notifyMailboxesMax) refuseTooMany(reader)
    paths.push(readPath())
  } while (reader.skip(' '))
  reader.expect(')')
  return paths
}

/** events = ( "(" event *(SP event) ")" ) / "NONE" */
function readEvents(reader: Reader): Pick<NotifyGroup, 'events' | 'fetch'> {
  if (reader.skipWord('NONE')) return { events: new Set(), fetch: [] }
  const events = new Set<NotifyEvent>()
  let fetch: readonly FetchItem[] = []
  reader.nonEmptyList(imapSyntaxLimits.notifyEventsMax, () => {
    const event = eventByName.get(reader.atom().toUpperCase()) ?? refuseEvent(reader)
    events.add(event)
    if (event === 'MessageNew' && reader.match(/ (?=\()/y) !== null) fetch = readFetchItems(reader)
  })
  // §5: what tells of messages tells of new and of gone ones.
  const pair = [events.has('MessageNew'), events.has('MessageExpunge')]
  if (pair[0] !== pair[1] || (events.has('FlagChange') && !pair[0])) {
    reader.fail('MessageNew and MessageExpunge go together, and FlagChange needs them')
  }
  return { events, fetch }
}

/** §3.1: not BAD, and with the names of all that are told. */
function refuseEvent(reader: Reader): never {
  return reader.refuse(`BADEVENT (${notifyEvents.join(' ')})`, 'Events of that kind are not told')
}

function refuseTooMany(reader: Reader): never {
  return reader.refuse('NOTIFICATIONOVERFLOW', 'Too many mailboxes')
}
