/** Sender lists: patterns, levels, proofs, and what a login, a stranger and a forger come to. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { readBodyBytes } from '../../messages/bodies.ts'
import { findFolder } from '../../messages/folders.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { arrivalOf, authenticationOf, honestMessage, recipientOf, unproved } from '../../testing/test-spam.ts'
import type { Authentication } from '../inbound/arrival.ts'
import type { LocalRecipient } from '../recipients.ts'
import { folderByPath } from '../routing/folders-by-name.ts'
import { deleteOrphanedSenderLists } from './clean-up.ts'
import { setListModes } from './list-modes.ts'
import { addSenders, changeSender, senderListEntriesMax } from './sender-list-changes.ts'
import { refusesSender, senderVerdict, sortBySenderLists } from './sender-lists.ts'
import { canonicalPattern, patternsFor } from './sender-patterns.ts'
import type { SenderListScope } from './tables.ts'

const canonical: [text: string, pattern: string | null][] = [
  ['Ann@Example.COM', 'ann@example.com'],
  [' @example.com ', '@example.com'],
  ['@bücher.example', '@xn--bcher-kva.example'],
  ['.example.com', '.example.com'],
  ['.zip', '.zip'],
  ['example.com', null],
  ['@', null],
  ['.', null],
  ['@com', null],
  ['ann@', null],
  ['*@example.com', '*@example.com'],
  ['@exa mple.com', null],
  ['..example.com', null],
  ['', null],
]
for (const [text, pattern] of canonical) {
  test(`the pattern "${text}" is ${pattern ?? 'none'}`, () => assert.equal(canonicalPattern(text), pattern))
}

test('an address matches itself, itself without detail, its domain, and what is above', () => {
  assert.deepEqual(patternsFor('Ann+x@a.b.example'), [
    'ann+x@a.b.example',
    'ann@a.b.example',
    '@a.b.example',
    '.b.example',
    '.example',
  ])
  assert.deepEqual(patternsFor('nobody'), [])
})

test('patterns of any address are canonical', () => {
  fc.assert(
    fc.property(fc.emailAddress(), (address) => {
      for (const pattern of patternsFor(address)) assert.equal(canonicalPattern(pattern), pattern)
    }),
  )
})

let dns: TestDns
let smtp: TestSmtp
let ann: TestMailbox
let recipient: LocalRecipient
before(async () => {
  dns = await startTestDns({ 'allowed.example': { TXT: ['v=spf1 ip4:127.0.0.1 ip6:::1 -all'] } })
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent', MAILWRIGHT_RESOLVER: dns.resolver })
  ann = await smtp.t.createMailbox('ann@demo.test')
  recipient = await recipientOf(smtp.t.platform, ann)
})
after(async () => {
  await smtp[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await smtp.t.platform.pool.query('delete from sender_lists')
  await setMode('open') // its event makes the caches forget, too
})

/** `+ann@x.example` allows, `-@x.example` blocks. */
async function list(scope: SenderListScope, ...entries: string[]): Promise<void> {
  const { platform, scope: caller } = smtp.t
  const ids = { mailbox: ann.mailboxId, domain: recipient.domainId, workspace: ann.owner.workspaceId }
  const level = { ...ann.owner, scope, scopeId: ids[scope] }
  const wanted = entries.map((entry) => ({
    kind: entry.startsWith('+') ? ('allow' as const) : ('block' as const),
    pattern: entry.slice(1),
  }))
  await transaction(platform.db, (tx) => addSenders(platform, tx, caller, level, wanted))
}

async function setMode(mode: 'open' | 'allow_list'): Promise<void> {
  const { platform, scope } = smtp.t
  await transaction(platform.db, (tx) => setListModes(platform, tx, scope, ann.mailboxId, { inbound: mode }))
}

type Lists = Partial<Record<SenderListScope, string[]>>
const verdicts: [
  what: string,
  lists: Lists,
  mailFrom: string,
  from: string[],
  found: 'allowed' | 'blocked' | null,
][] = [
  ['nothing listed', {}, 'a@x.example', ['a@x.example'], null],
  ['someone else', { mailbox: ['-b@x.example'] }, 'a@x.example', ['a@x.example'], null],
  ['by reverse path', { mailbox: ['-a@x.example'] }, 'a@x.example', ['b@y.example'], 'blocked'],
  ['by author', { mailbox: ['-@y.example'] }, 'a@x.example', ['b@y.example'], 'blocked'],
  [
    'by the second author',
    { mailbox: ['-c@y.example'] },
    'a@x.example',
    ['b@y.example', 'c@y.example'],
    'blocked',
  ],
  ['below a domain', { domain: ['-.x.example'] }, 'a@news.x.example', [], 'blocked'],
  ['the domain itself is not below it', { domain: ['-.x.example'] }, 'a@x.example', [], null],
  ['a domain above is no pattern of it', { domain: ['-@x.example'] }, 'a@news.x.example', [], null],
  ['the more particular holds', { mailbox: ['-@x.example', '+a@x.example'] }, 'a@x.example', [], 'allowed'],
  ['also the other way', { mailbox: ['+@x.example', '-a@x.example'] }, 'a@x.example', [], 'blocked'],
  [
    'of two just as particular, the one that blocks',
    { mailbox: ['+a@x.example', '-b@x.example'] },
    'a@x.example',
    ['b@x.example'],
    'blocked',
  ],
  [
    'the nearer level holds',
    { mailbox: ['+@x.example'], workspace: ['-a@x.example'] },
    'a@x.example',
    [],
    'allowed',
  ],
  [
    'domain before workspace',
    { domain: ['-@x.example'], workspace: ['+a@x.example'] },
    'a@x.example',
    [],
    'blocked',
  ],
  ['workspace alone', { workspace: ['+.example'] }, 'a@x.example', [], 'allowed'],
  ['the null sender', { workspace: ['-.example'] }, '', [], null],
]
for (const [what, lists, mailFrom, from, found] of verdicts) {
  test(`${what}: ${found}`, async () => {
    for (const [scope, entries] of Object.entries(lists)) await list(scope as SenderListScope, ...entries)
    assert.equal(await senderVerdict(smtp.t.platform, recipient, { mailFrom, from }), found)
  })
}

const fails = authenticationOf().dmarc
const spfOf = (domain: string): Authentication => ({ ...unproved, spf: { result: 'pass', domain } })
const dkimOf = (aligned: boolean): Authentication => ({
  ...unproved,
  dkim: [{ result: 'pass', domain: 'author.example', selector: 's', aligned }],
  dmarc: { ...fails, result: aligned ? 'pass' : 'fail' },
})
type Sorted = 'inbox' | 'junk' | 'blocked' | null
const sorts: [what: string, entry: string, found: Authentication | null, open: Sorted, allowList: Sorted][] =
  [
    ['an allowed author, proved', '+ann@author.example', authenticationOf(), 'inbox', 'inbox'],
    ['an allowed author, not proved', '+ann@author.example', unproved, null, 'blocked'],
    ['an allowed author, DKIM of his domain', '+ann@author.example', dkimOf(true), 'inbox', 'inbox'],
    ['an allowed author, DKIM of another', '+ann@author.example', dkimOf(false), null, 'blocked'],
    ['an allowed author, SPF of his domain', '+@author.example', spfOf('author.example'), 'inbox', 'inbox'],
    ['an allowed author, SPF of another', '+@author.example', spfOf('evil.example'), null, 'blocked'],
    ['an allowed author of a login that is another', '+ann@author.example', null, 'inbox', 'inbox'],
    ['a blocked author, proved', '-ann@author.example', authenticationOf(), 'blocked', 'blocked'],
    ['a blocked author, not proved', '-ann@author.example', unproved, 'blocked', 'blocked'],
    ['someone else', '+bob@other.example', authenticationOf(), null, 'blocked'],
  ]
for (const [what, entry, found, open, allowList] of sorts) {
  test(`${what}: ${open ?? 'nothing'}; by allow list only: ${allowList}`, async () => {
    await list('mailbox', entry)
    const arrival = arrivalOf(honestMessage())
    assert.equal(await sortBySenderLists(smtp.t.platform, recipient, arrival, found), open)
    await setMode('allow_list')
    assert.equal(await sortBySenderLists(smtp.t.platform, recipient, arrival, found), allowList)
  })
}

test('a login cannot borrow an allowed author, and two authors are nobody', async () => {
  await list('mailbox', '+boss@demo.test', '+ann@author.example')
  const forged = arrivalOf(honestMessage({ From: 'boss@demo.test' }), { mailFrom: 'clerk@demo.test' })
  assert.equal(await sortBySenderLists(smtp.t.platform, recipient, forged, null), null)
  const two = arrivalOf(honestMessage({ From: 'ann@author.example, eve@evil.example' }), { mailFrom: '' })
  assert.equal(await sortBySenderLists(smtp.t.platform, recipient, two, authenticationOf()), null)
})

test('an empty list that is the only way in lets nobody in', async () => {
  await setMode('allow_list')
  const arrival = arrivalOf(honestMessage())
  assert.equal(await sortBySenderLists(smtp.t.platform, recipient, arrival, authenticationOf()), 'blocked')
})

test('over SMTP: a blocked reverse path is refused at RCPT, for strangers and logins', async () => {
  const bob = await smtp.t.createMailbox('bob@demo.test')
  const held = (await rawMessages(smtp.t.platform, ann.mailboxId)).length
  await list('workspace', '-@evil.example', '-bob@demo.test')
  using client = await smtp.greet('smtp')
  await client.command('MAIL FROM:<eve@evil.example>')
  assert.match(await client.command('RCPT TO:<ann@demo.test>'), /^550 5\.7\.1 /)
  await client.command('RSET')
  using login = await smtp.logIn(bob.address, bob.password)
  await login.command('MAIL FROM:<bob@demo.test>')
  assert.match(await login.command('RCPT TO:<ann@demo.test>'), /^550 5\.7\.1 /)
  await list('mailbox', '+eve@evil.example')
  assert.match(await sendMessage(client, '<eve@evil.example>', [ann.address], honestMessage()), /^250 /)
  assert.match(await sendMessage(client, '<>', [ann.address], honestMessage()), /^250 /)
  assert.equal((await rawMessages(smtp.t.platform, ann.mailboxId)).length, held + 2)
})

test('another workspace’s lists are not ours', async () => {
  const { platform, scope } = smtp.t
  const level = {
    ...ann.owner,
    scope: 'workspace' as const,
    scopeId: ann.mailboxId.replace(/^.{8}/, '0'.repeat(8)),
  }
  await transaction(platform.db, (tx) =>
    addSenders(platform, tx, scope, level, [{ kind: 'block', pattern: '@author.example' }]),
  )
  assert.equal(await refusesSender(platform, recipient, 'ann@author.example'), false)
  assert.equal(await deleteOrphanedSenderLists(platform), 1, 'and nobody’s are cleaned up')
})

test('a list has a bound, and a change at the bound adds nothing', async () => {
  const { platform } = smtp.t
  await platform.pool.query(
    `insert into sender_lists (id, scope, scope_id, workspace_id, kind, pattern, created_at, updated_at)
     select gen_random_uuid(), 'mailbox', $1, $2, 'block', 'a' || n || '@many.example', now(), now()
     from generate_series(1, ${senderListEntriesMax}) n`,
    [ann.mailboxId, ann.owner.workspaceId],
  )
  await list('mailbox', '+a1@many.example')
  const isLimit = (error: unknown) => error instanceof Refusal && error.code === 'sender_list_limit_reached'
  await assert.rejects(list('mailbox', '-one@more.example'), isLimit)
  const senders = { mailFrom: 'one@more.example', from: [] }
  assert.equal(await senderVerdict(platform, recipient, senders), null)
})

test('over SMTP: what the mailbox itself blocks is taken, and comes to its folder Blocked', async () => {
  const { platform } = smtp.t
  await list('mailbox', '-eve@evil.example')
  using client = await smtp.greet('smtp')
  const message = honestMessage({ From: 'eve@evil.example' })
  assert.match(await sendMessage(client, '<eve@evil.example>', [ann.address], message), /^250 /)
  const folder = await findFolder(platform, ann.mailboxId, 'Blocked')
  const { rows } = await platform.pool.query(
    `select data->>'folder' as folder from events
     where mailbox_id = $1 and type = 'message.received' and data->>'folder_id' = $2`,
    [ann.mailboxId, folder?.id],
  )
  assert.deepEqual(rows, [{ folder: 'Blocked' }])
})

test('over SMTP: whom a list keeps from being written to is refused at RCPT', async () => {
  const { platform, scope } = smtp.t
  const bob = await smtp.t.createMailbox('robert@demo.test')
  const level = { ...bob.owner, scope: 'mailbox' as const, scopeId: bob.mailboxId }
  const set = (outbound: 'open' | 'allow_list') =>
    transaction(platform.db, (tx) => setListModes(platform, tx, scope, bob.mailboxId, { outbound }))
  const entry = { kind: 'block', pattern: 'ann@demo.test', direction: 'outbound' } as const
  const [added] = await transaction(platform.db, (tx) => addSenders(platform, tx, scope, level, [entry]))
  using login = await smtp.logIn(bob.address, bob.password)
  const rcpt = async (address: string): Promise<string> => {
    await login.command('RSET')
    await login.command('MAIL FROM:<robert@demo.test>')
    return await login.command(`RCPT TO:<${address}>`)
  }
  assert.match(await rcpt('ann@demo.test'), /^550 5\.7\.1 Recipient is blocked: a list blocks it/)
  assert.match(await rcpt('robert@demo.test'), /^250 /)
  await set('allow_list')
  const change = { kind: 'allow' } as const
  await transaction(platform.db, (tx) => changeSender(platform, tx, scope, level, added?.id ?? '', change))
  assert.match(await rcpt('ann@demo.test'), /^250 /)
  assert.match(await rcpt('bob@demo.test'), /^550 5\.7\.1 .*does not allow it/)
  assert.match(await rcpt('robert@demo.test'), /^250 /, 'itself always')
  await set('open')
  assert.match(await rcpt('bob@demo.test'), /^250 /)
})

test('the folder for what is blocked is made once, also by two at a time', async () => {
  const { platform } = smtp.t
  const [one, two] = await Promise.all([
    folderByPath(platform, ann.owner, 'Blocked', true),
    folderByPath(platform, ann.owner, 'Blocked', true),
  ])
  assert.equal(one, two)
  assert.equal((await findFolder(platform, ann.mailboxId, 'Blocked'))?.id, one)
})

test('over SMTP: with an allow list, who is not on it comes to the folder Blocked', async () => {
  const { platform } = smtp.t
  await list('mailbox', '+author@allowed.example')
  await setMode('allow_list')
  const send = async (author: string): Promise<void> => {
    using client = await smtp.greet('smtp')
    const message = honestMessage({ From: author, Subject: `from ${author}` })
    assert.match(await sendMessage(client, `<${author}>`, [ann.address], message), /^250 /)
  }
  await send('author@allowed.example')
  await send('stranger@other.example')
  const subjectsIn = async (path: string): Promise<string[]> => {
    const folder = await findFolder(platform, ann.mailboxId, path)
    const rows = await platform.db
      .selectFrom('messages')
      .select('body_id')
      .where('mailbox_id', '=', ann.mailboxId)
      .where('folder_id', '=', folder?.id ?? '')
      .orderBy('uid')
      .execute()
    const raw = await Promise.all(rows.map((row) => readBodyBytes(platform.db, row.body_id)))
    return raw.map((bytes) => /^Subject: (.*)\r$/m.exec(String(bytes))?.[1] ?? '')
  }
  assert.deepEqual((await subjectsIn('Blocked')).slice(-1), ['from stranger@other.example'])
  assert.equal((await subjectsIn('INBOX')).at(-1), 'from author@allowed.example')
})
