/** Threads over a socket, against a table of the odd things that mail does to them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { expungeMessages } from '../messages/changes.ts'
import { copyMessages, moveMessages } from '../messages/copies.ts'
import { flagBits } from '../messages/flags.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { append, folderIdOf, inTransaction } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

type Delivery = {
  /** Its Message-ID; null: it has none. */
  id: string | null
  re?: string
  references?: string[]
  subject?: string
  folder?: string
  flags?: number
}
type Step = Delivery | { remove: string } | { copy: string; to: string } | { move: string; to: string }

/** By Message-ID or, where there is none, by subject. Threads newest first, their messages oldest first. */
const rows: [what: string, steps: Step[], threads: string[]][] = [
  ['one message', [{ id: 'a' }], ['a']],
  ['nothing in common', [{ id: 'a' }, { id: 'b' }], ['b', 'a']],
  ['a reply', [{ id: 'a' }, { id: 'b', re: 'a' }], ['a b']],
  [
    'a parent that never came',
    [
      { id: 'b', re: 'a' },
      { id: 'c', re: 'a' },
    ],
    ['b c'],
  ],
  ['a parent that comes late', [{ id: 'b', re: 'a' }, { id: 'a' }], ['b a']],
  [
    'a grandparent known by References alone',
    [{ id: 'a' }, { id: 'c', re: 'b', references: ['a', 'b'] }],
    ['a c'],
  ],
  [
    'In-Reply-To says one, References another',
    [{ id: 'a' }, { id: 'b' }, { id: 'c', re: 'a', references: ['b'] }],
    ['a b c'],
  ],
  [
    'two messages of one Message-ID',
    [
      { id: 'a', subject: 'first' },
      { id: 'a', subject: 'second' },
      { id: 'b', re: 'a' },
    ],
    ['a a b'],
  ],
  [
    'messages without a Message-ID',
    [
      { id: null, subject: 'one' },
      { id: null, subject: 'two' },
    ],
    ['two', 'one'],
  ],
  [
    'one without a Message-ID that answers',
    [{ id: 'a' }, { id: null, re: 'a', subject: 'answer' }],
    ['a answer'],
  ],
  [
    'the subject changes',
    [
      { id: 'a', subject: 'lunch' },
      { id: 'b', re: 'a', subject: 'dinner (was: lunch)' },
    ],
    ['a b'],
  ],
  [
    'the same subject alone joins nothing',
    [
      { id: 'a', subject: 'invoice' },
      { id: 'b', subject: 'Re: invoice' },
    ],
    ['b', 'a'],
  ],
  [
    'references in a circle',
    [
      { id: 'a', re: 'c' },
      { id: 'b', re: 'a' },
      { id: 'c', re: 'b' },
    ],
    ['a b c'],
  ],
  ['a message that answers itself', [{ id: 'a', re: 'a', references: ['a', 'a'] }], ['a']],
  [
    'a late message joins two threads',
    [
      { id: 'a' },
      { id: 'b', re: 'a' },
      { id: 'x' },
      { id: 'y', re: 'x' },
      { id: 'z', references: ['b', 'x'] },
    ],
    ['a b x y z'],
  ],
  [
    'what was in the middle is deleted',
    [{ id: 'a' }, { id: 'b', re: 'a' }, { id: 'c', re: 'b', references: ['a', 'b'] }, { remove: 'b' }],
    ['a c'],
  ],
  [
    'what was in the middle is deleted before its answer comes',
    [{ id: 'a' }, { id: 'b', re: 'a' }, { remove: 'b' }, { id: 'c', re: 'b' }],
    ['a c'],
  ],
  ['the whole thread is deleted', [{ id: 'a' }, { remove: 'a' }, { id: 'x' }], ['x']],
  ['a copy in another folder', [{ id: 'a' }, { id: 'b', re: 'a' }, { copy: 'b', to: 'Archive' }], ['a b']],
  ['a message that is moved', [{ id: 'a' }, { id: 'b', re: 'a' }, { move: 'a', to: 'Archive' }], ['a b']],
  [
    'across INBOX and Sent',
    [{ id: 'a' }, { id: 'b', re: 'a', folder: 'Sent' }, { id: 'c', re: 'b' }],
    ['a b c'],
  ],
  [
    'one of it in Junk, which a thread has and the list passes over',
    [{ id: 'a' }, { id: 'b', re: 'a', folder: 'Junk' }],
    ['a b'],
  ],
  ['all of it in Trash', [{ id: 'a', folder: 'Trash' }, { id: 'b' }], ['b']],
]

for (const [what, steps, want] of rows) {
  test(what, async () => {
    const box = await api.createMailbox()
    for (const [minute, step] of steps.entries()) await take(box, step, minute)
    const listed = await threads(box, 50)
    const inOrder = await Promise.all(listed.map(async (thread) => (await namesOf(box, thread)).join(' ')))
    assert.deepEqual(inOrder, want)
    assert.deepEqual(await threads(box, 1), listed, 'one at a time')
  })
}

test('a thread says how many, how many unread, and what is newest', async () => {
  const box = await api.createMailbox()
  await take(box, { id: 'a', flags: flagBits.seen }, 0)
  await take(box, { id: 'b', re: 'a', subject: 'newest', flags: flagBits.flagged }, 1)
  await take(box, { copy: 'b', to: 'Archive' }, 2)
  await take(box, { id: 'c', re: 'a', folder: 'Trash' }, 3)
  const { json } = await api.call('GET', `/v1/mailboxes/${box.address}/threads`)
  const [thread] = listAt(json, 'data')
  const { id, newest_message: newest, ...rest } = Object(thread)
  assert.deepEqual(rest, {
    messages: 2,
    unread: 1,
    flagged: true,
    last_activity_at: momentOf(1).toISOString(),
  })
  assert.equal(textAt(newest, 'subject'), 'newest')
  assert.equal(textAt(newest, 'thread_id'), id)
})

test('a thread is read in pages, in short or whole', async () => {
  const box = await api.createMailbox()
  for (let n = 0; n < 5; n++) await take(box, { id: `m${n}`, ...(n > 0 ? { re: `m${n - 1}` } : {}) }, n)
  const [threadId = ''] = await threads(box, 1)
  const path = `/v1/mailboxes/${box.address}/threads/${threadId}`
  const first = await api.call('GET', `${path}?limit=2`)
  assert.deepEqual([listAt(first.json, 'data').length, at(first.json, 'data', 0, 'text')], [2, undefined])
  const rest = await api.call('GET', `${path}?full=true&cursor=${textAt(first.json, 'next_cursor')}`)
  assert.deepEqual(
    listAt(rest.json, 'data').map((one) => [textAt(one, 'message_id'), textAt(one, 'text')]),
    [2, 3, 4].map((n) => [`m${n}@x`, `text of m${n}\r\n`]),
  )
  assert.equal(at(rest.json, 'next_cursor'), null)
  assert.ok(listAt(rest.json, 'data').every((one) => textAt(one, 'etag').startsWith('W/"')))
})

test('whole messages that are long make a page shorter', async () => {
  const box = await api.createMailbox()
  const inboxId = await folderIdOf(api.platform, box.mailboxId, 'INBOX')
  const text = 'words '.repeat(350_000)
  const raws = [1, 2, 3].map((n) =>
    Buffer.from(`Message-ID: <l${n}@x>\r\nReferences: <l0@x>\r\nSubject: long ${n}\r\n\r\n${text}`),
  )
  await append(api.platform, box.owner, inboxId, raws)
  const [threadId = ''] = await threads(box, 1)
  const path = `/v1/mailboxes/${box.address}/threads/${threadId}?full=true`
  const first = await api.call('GET', path)
  assert.equal(listAt(first.json, 'data').length, 2)
  const rest = await api.call('GET', `${path}&cursor=${textAt(first.json, 'next_cursor')}`)
  assert.deepEqual([listAt(rest.json, 'data').length, at(rest.json, 'next_cursor')], [1, null])
})

test('a thread of another mailbox is not found', async () => {
  const [box, other] = [await api.createMailbox(), await api.createMailbox()]
  await take(box, { id: 'a' }, 0)
  const [threadId] = await threads(box, 1)
  for (const path of [
    `${other.address}/threads/${threadId}`,
    `${box.address}/threads/00000000-0000-7000-8000-000000000000`,
    `${box.address}/threads/x`,
  ])
    assert.equal(refusal(await api.call('GET', `/v1/mailboxes/${path}`)), '404 thread_not_found')
  assert.equal(
    refusal(await api.call('GET', `/v1/mailboxes/${box.address}/threads?cursor=x`)),
    '400 invalid_cursor',
  )
})

async function threads(box: TestMailbox, limit: number): Promise<string[]> {
  const found: string[] = []
  for (let cursor = ''; ; ) {
    const more = cursor === '' ? '' : `&cursor=${cursor}`
    const { json } = await api.call('GET', `/v1/mailboxes/${box.address}/threads?limit=${limit}${more}`)
    found.push(...listAt(json, 'data').map((one) => textAt(one, 'id')))
    const next = at(json, 'next_cursor')
    if (typeof next !== 'string') return found
    cursor = next
  }
}

async function namesOf(box: TestMailbox, threadId: string): Promise<string[]> {
  const { json, text } = await api.call('GET', `/v1/mailboxes/${box.address}/threads/${threadId}`)
  assert.ok(at(json, 'data'), text)
  return listAt(json, 'data').map((one) => {
    const id = at(one, 'message_id')
    return id === null ? textAt(one, 'subject') : String(id).replace('@x', '')
  })
}

const momentOf = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute))

async function take(box: TestMailbox, step: Step, minute: number): Promise<void> {
  const { platform } = api
  if ('id' in step) {
    const folderId = await folderIdOf(platform, box.mailboxId, step.folder ?? 'INBOX')
    const more = { internalDate: momentOf(minute), flags: step.flags ?? 0 }
    await append(platform, box.owner, folderId, [rawOf(step)], more)
    return
  }
  const name = 'remove' in step ? step.remove : 'copy' in step ? step.copy : step.move
  const { folderId, uid } = await findByName(box, name)
  const ranges = [{ first: uid, last: uid }]
  await inTransaction(platform, async (tx) => {
    if ('remove' in step) return void (await expungeMessages(platform, tx, box.owner, folderId, [uid]))
    const toId = await folderIdOf(platform, box.mailboxId, step.to)
    if ('copy' in step) await copyMessages(platform, tx, box.owner, folderId, ranges, toId)
    else await moveMessages(platform, tx, box.owner, folderId, ranges, toId)
  })
}

function rawOf({ id, re, references, subject = 'test' }: Delivery): Buffer {
  const fields = [
    ...(id === null ? [] : [`Message-ID: <${id}@x>`]),
    ...(re === undefined ? [] : [`In-Reply-To: <${re}@x>`]),
    ...(references === undefined ? [] : [`References: ${references.map((one) => `<${one}@x>`).join(' ')}`]),
    `Subject: ${subject}`,
  ]
  return Buffer.from([...fields, '', `text of ${id}`, ''].join('\r\n'))
}

async function findByName(box: TestMailbox, name: string): Promise<{ folderId: string; uid: number }> {
  return await api.platform.db
    .selectFrom('messages')
    .innerJoin('bodies', 'bodies.id', 'messages.body_id')
    .select(['folder_id as folderId', 'uid'])
    .where('mailbox_id', '=', box.mailboxId)
    .where((eb) => eb(eb.cast<string>('envelope', 'text'), 'like', `%"messageId":"<${name}@x>"%`))
    .executeTakeFirstOrThrow()
}
