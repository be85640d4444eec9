import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFramer } from './framing.ts'
import type { NotifyGroup } from './notify-group.ts'
import { parseCommand } from './parse-command.ts'

function parse(text: string) {
  const framer = createFramer()
  framer.push(Buffer.from(`a ${text}\r\n`))
  const event = framer.next()
  assert.equal(event?.kind, 'command')
  return parseCommand(event?.kind === 'command' ? event.segments : [])
}

/** A group in short: `personal: MessageExpunge MessageNew`. */
function shown({ mailboxes, events, fetch }: NotifyGroup): string {
  const where =
    mailboxes.kind === 'selected'
      ? `selected${mailboxes.delayed ? '-delayed' : ''}`
      : 'paths' in mailboxes
        ? `${mailboxes.kind} ${mailboxes.paths.join(',')}`
        : mailboxes.kind
  const items = fetch.length === 0 ? '' : ` (${fetch.map(({ item }) => item).join(' ')})`
  return `${where}: ${[...events].sort().join(' ')}${items}`
}

const good: [text: string, groups: string[], status?: boolean][] = [
  ['NOTIFY NONE', []],
  ['notify none', []],
  ['NOTIFY SET (SELECTED NONE)', ['selected: ']],
  ['NOTIFY SET STATUS (PERSONAL NONE)', ['personal: '], true],
  ['NOTIFY SET (selected (messagenew MESSAGEEXPUNGE))', ['selected: MessageExpunge MessageNew']],
  [
    'NOTIFY SET (SELECTED-DELAYED (MessageNew (UID FLAGS BODY.PEEK[HEADER.FIELDS (FROM)]) MessageExpunge FlagChange))',
    ['selected-delayed: FlagChange MessageExpunge MessageNew (UID FLAGS BODY[])'],
  ],
  ['NOTIFY SET (INBOXES (MailboxName))', ['inboxes: MailboxName']],
  ['NOTIFY SET (SUBSCRIBED (SubscriptionChange))', ['subscribed: SubscriptionChange']],
  ['NOTIFY SET (SUBTREE a (MailboxName))', ['subtree a: MailboxName']],
  ['NOTIFY SET (SUBTREE "a b/c" (MailboxName))', ['subtree a b/c: MailboxName']],
  ['NOTIFY SET (MAILBOXES (inbox &AOQ- "%") (MailboxName))', ['mailboxes INBOX,ä,%: MailboxName']],
  [
    'NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge)) (PERSONAL (ServerMetadataChange MailboxMetadataChange))',
    ['selected: MessageExpunge MessageNew', 'personal: MailboxMetadataChange ServerMetadataChange'],
    true,
  ],
]
for (const [text, groups, status = false] of good) {
  test(text, () => {
    const parsed = parse(text)
    assert.ok(parsed.ok && parsed.command.name === 'NOTIFY')
    assert.deepEqual(parsed.command.groups.map(shown), groups)
    assert.equal(parsed.command.status, status)
  })
}

const refused: [text: string, condition: 'BAD' | 'NO', code?: string][] = [
  ['NOTIFY', 'BAD'],
  ['NOTIFY SOME', 'BAD'],
  ['NOTIFY NONE (PERSONAL NONE)', 'BAD'],
  ['NOTIFY SET', 'BAD'],
  ['NOTIFY SET STATUS', 'BAD'],
  ['NOTIFY SET ()', 'BAD'],
  ['NOTIFY SET PERSONAL NONE', 'BAD'],
  ['NOTIFY SET (PERSONAL)', 'BAD'],
  ['NOTIFY SET (PERSONAL ())', 'BAD'],
  ['NOTIFY SET (PERSONAL MailboxName)', 'BAD'],
  ['NOTIFY SET (EVERYTHING NONE)', 'BAD'],
  ['NOTIFY SET (SUBTREE (MailboxName))', 'BAD'],
  ['NOTIFY SET (MAILBOXES () (MailboxName))', 'BAD'],
  ['NOTIFY SET (SELECTED (MailboxName))', 'BAD'],
  ['NOTIFY SET (SELECTED (MessageNew))', 'BAD'],
  ['NOTIFY SET (SELECTED (MessageExpunge))', 'BAD'],
  ['NOTIFY SET (PERSONAL (FlagChange))', 'BAD'],
  ['NOTIFY SET (PERSONAL (MessageNew (UID) MessageExpunge))', 'BAD'],
  ['NOTIFY SET (SELECTED (MessageNew () MessageExpunge))', 'BAD'],
  ['NOTIFY SET (SELECTED NONE) (SELECTED-DELAYED NONE)', 'BAD'],
  [
    'NOTIFY SET (SELECTED (MessageNew MessageExpunge AnnotationChange))',
    'NO',
    'BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ' +
      'ServerMetadataChange)',
  ],
  [
    'NOTIFY SET (PERSONAL (Frobnication))',
    'NO',
    'BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ' +
      'ServerMetadataChange)',
  ],
  [`NOTIFY SET (MAILBOXES (${Array(1001).fill('a').join(' ')}) (MailboxName))`, 'NO', 'NOTIFICATIONOVERFLOW'],
  [`NOTIFY SET ${Array(101).fill('(PERSONAL NONE)').join(' ')}`, 'NO', 'NOTIFICATIONOVERFLOW'],
]
for (const [text, condition, code = null] of refused) {
  test(`${condition} for ${text.slice(0, 80)}`, () => {
    const parsed = parse(text)
    assert.ok(!parsed.ok)
    assert.deepEqual([parsed.condition, parsed.code], [condition, code])
  })
}
