/** Lists and searches of messages over a socket: what they find, in which order, page by page. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { flagBits } from '../messages/flags.ts'
import { createFolder } from '../messages/folders.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { append, folderIdOf, inTransaction } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'

let api: TestApi
let box: TestMailbox
let folderIds: Map<string, string>

type Message = {
  folder: string
  day: number
  from?: string
  file?: boolean
  flags?: number
  labels?: string[]
}

/** Each has its day as the subject. They are stored in another order. */
const messages: Message[] = [
  { folder: 'INBOX', day: 1, from: 'Ann <ann@a.test>' },
  { folder: 'INBOX', day: 2, from: 'Bob <bob@b.test>', flags: flagBits.seen, labels: ['Work'] },
  { folder: 'Sent', day: 3, from: 'Me <me@demo.test>', flags: flagBits.seen },
  { folder: 'Archive', day: 4, from: 'Ann <ann@a.test>', flags: flagBits.flagged, file: true },
  { folder: 'Trash', day: 5 },
  { folder: 'Junk', day: 6, flags: flagBits.flagged },
  { folder: 'Archive', day: 7, flags: flagBits.seen | flagBits.answered, labels: ['WORK', 'later'] },
  { folder: 'INBOX', day: 8, flags: flagBits.seen | flagBits.flagged, file: true },
  { folder: 'Drafts', day: 9, flags: flagBits.draft | flagBits.seen },
]

function raw({ day, from = 'X <x@x.test>', file = false }: Message): Buffer {
  const head = `From: ${from}\r\nTo: Me <me@demo.test>\r\nSubject: day ${day}\r\n`
  const text = `Content-Type: text/plain\r\n\r\nthis is of day ${day}\r\n`
  if (!file) return Buffer.from(head + text)
  const part = 'Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\nx\r\n'
  return Buffer.from(
    `${head}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n${text}--q\r\n${part}--q--\r\n`,
  )
}

const dayAt = (day: number): string => new Date(Date.UTC(2024, 0, day)).toISOString()

before(async () => {
  api = await startTestApi()
  box = await api.createMailbox()
  folderIds = new Map()
  for (const message of [...messages].reverse()) {
    const folderId = await folderIdOf(api.platform, box.mailboxId, message.folder)
    folderIds.set(message.folder, folderId)
    const { day, flags = 0, labels = [] } = message
    const more = { internalDate: new Date(dayAt(day)), flags, keywords: labels }
    await append(api.platform, box.owner, folderId, [raw(message)], more)
  }
})
after(() => api[Symbol.asyncDispose]())

/** The days of what is found, asked for in pages. */
async function days(route: string, query: string, limit: number): Promise<number[]> {
  const found: number[] = []
  for (let cursor = ''; ; ) {
    const rest = new URLSearchParams(query)
    rest.set('limit', String(limit))
    if (cursor !== '') rest.set('cursor', cursor)
    const reply = await api.call('GET', `/v1/mailboxes/${box.address}/${route}?${rest}`)
    assert.equal(reply.status, 200, reply.text)
    const data = listAt(reply.json, 'data')
    assert.ok(data.length <= limit)
    found.push(...data.map((one) => Number(/day (\d+)/.exec(textAt(one, 'subject'))?.[1])))
    const next = at(reply.json, 'next_cursor')
    if (typeof next !== 'string') return found
    cursor = next
  }
}

const lists: [query: string, days: number[]][] = [
  ['', [9, 8, 7, 4, 3, 2, 1]],
  ['folder=anywhere', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
  ['folder=inbox', [8, 2, 1]],
  ['folder=INBOX', [8, 2, 1]],
  ['folder=Archive', [7, 4]],
  ['folder=trash', [5]],
  ['folder=spam', [6]],
  ['folder=Junk', [6]],
  ['unread=true', [4, 1]],
  ['unread=false', [9, 8, 7, 3, 2]],
  ['unread=true&folder=anywhere', [6, 5, 4, 1]],
  ['flagged=true', [8, 4]],
  ['flagged=true&folder=anywhere', [8, 6, 4]],
  ['flagged=false&folder=inbox', [2, 1]],
  ['flagged=true&unread=true', [4]],
  ['label=work', [7, 2]],
  ['label=Later', [7]],
  ['label=none', []],
  ['has_attachments=true', [8, 4]],
  ['has_attachments=false', [9, 7, 3, 2, 1]],
  ['has_attachments=true&folder=inbox&unread=true', []],
  [`since=${dayAt(3)}`, [9, 8, 7, 4, 3]],
  [`until=${dayAt(3)}`, [2, 1]],
  [`since=${dayAt(2)}&until=${dayAt(8)}`, [7, 4, 3, 2]],
  [`since=${dayAt(4)}&until=${dayAt(4)}`, []],
  ['since=0001-01-01T00:00:00Z&until=9999-12-31T00:00:00Z', [9, 8, 7, 4, 3, 2, 1]],
  ['thread=00000000-0000-7000-8000-000000000000', []],
]
for (const [query, want] of lists) {
  test(`a list with ${query || 'nothing'}`, async () => {
    assert.deepEqual(await days('messages', query, 50), want)
    assert.deepEqual(await days('messages', query, 1), want, 'one at a time')
    assert.deepEqual(await days('messages', query, 2), want, 'two at a time')
  })
}

test('a folder is also named by its id, a thread by the one of its messages', async () => {
  assert.deepEqual(await days('messages', `folder=${folderIds.get('Sent')}`, 50), [3])
  const { json } = await api.call('GET', `/v1/mailboxes/${box.address}/messages?folder=sent`)
  assert.deepEqual(await days('messages', `thread=${textAt(json, 'data', 0, 'thread_id')}`, 50), [3])
})

const searches: [query: string, days: number[]][] = [
  ['', [9, 8, 7, 4, 3, 2, 1]],
  ['q=', [9, 8, 7, 4, 3, 2, 1]],
  ['q=in:trash', [5]],
  ['q=in:nowhere', []],
  ['q=from:ann', [4, 1]],
  ['q="of day 7"', [7]],
  ['q=from:ann -is:unread', []],
  ['from=ann', [4, 1]],
  ['from=ann&q=is:flagged', [4]],
  ['to=me@demo.test&folder=inbox', [8, 2, 1]],
  ['subject=day 2', [2]],
  ['text=of day 3', [3]],
  ['text=nothing like it', []],
  ['label=work', [7, 2]],
  ['unread=true', [4, 1]],
  ['unread=false&flagged=true', [8]],
  ['has_attachments=true', [8, 4]],
  ['has_attachments=false&folder=archive', [7]],
  [`since=${dayAt(2)}&until=${dayAt(4)}`, [3, 2]],
  ['folder=anywhere&subject=day', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
  ['q=in:trash&folder=inbox', [8, 2, 1]],
]
for (const [query, want] of searches) {
  test(`a search for ${query || 'nothing'}`, async () => {
    assert.deepEqual(await days('search', query, 50), want)
    assert.deepEqual(await days('search', query, 2), want, 'two at a time')
  })
}

const refused: [path: string, want: string][] = [
  ['messages?folder=nowhere', '404 folder_not_found'],
  ['messages?folder=00000000-0000-7000-8000-000000000000', '404 folder_not_found'],
  ['messages?cursor=x', '400 invalid_cursor'],
  ['messages?limit=201', '400 invalid_request'],
  ['messages?limit=0', '400 invalid_request'],
  ['messages?unread=maybe', '400 invalid_request'],
  ['messages?thread=x', '400 invalid_request'],
  ['messages?since=yesterday', '400 invalid_request'],
  ['messages?nothing=1', '400 invalid_request'],
  ['search?folder=nowhere', '404 folder_not_found'],
  [`search?q=${'x+'.repeat(21)}`, '400 invalid_request'],
  ['search?cursor=x', '400 invalid_cursor'],
]
for (const [path, want] of refused) {
  test(`${path.slice(0, 60)} is refused`, async () => {
    assert.equal(refusal(await api.call('GET', `/v1/mailboxes/${box.address}/${path}`)), want)
  })
}

test('a summary says what a list shows', async () => {
  const reply = await api.call('GET', `/v1/mailboxes/${box.address}/messages?label=later`)
  const { id, thread_id: threadId, ...summary } = Object(listAt(reply.json, 'data')[0])
  assert.match(`${id} ${threadId}`, /^[0-9a-f-]{36} [0-9a-f-]{36}$/)
  assert.deepEqual(summary, {
    mailbox_id: box.mailboxId,
    folder: { id: folderIds.get('Archive'), path: 'Archive' },
    subject: 'day 7',
    from: [{ name: 'X', address: 'x@x.test' }],
    sender: [{ name: 'X', address: 'x@x.test' }],
    reply_to: [{ name: 'X', address: 'x@x.test' }],
    to: [{ name: 'Me', address: 'me@demo.test' }],
    cc: [],
    bcc: [],
    date: null,
    received_at: dayAt(7),
    message_id: null,
    in_reply_to: null,
    flags: ['seen', 'answered'],
    labels: ['WORK', 'later'],
    size_bytes: raw({ folder: 'Archive', day: 7 }).length,
    preview: 'this is of day 7',
    has_attachments: false,
  })
})

test('more folders than are looked into one by one', async () => {
  const many = await api.createMailbox()
  const paths = Array.from({ length: 70 }, (_, n) => `f${n}`)
  for (const [n, path] of paths.entries()) {
    const folderId = await newFolder(many, path)
    const internalDate = new Date(dayAt(n + 1))
    const flags = n === 3 ? 0 : flagBits.seen
    await append(api.platform, many.owner, folderId, [raw({ folder: path, day: n + 1 })], {
      internalDate,
      flags,
    })
  }
  const own = box
  box = many
  try {
    const all = paths.map((_, n) => n + 1).reverse()
    assert.deepEqual(await days('messages', '', 7), all)
    assert.deepEqual(await days('messages', 'unread=true', 7), [4])
    assert.deepEqual(await days('search', '', 30), all)
  } finally {
    box = own
  }
})

test('a label that is rare is found behind many that have it not', async () => {
  const many = await api.createMailbox()
  const inboxId = await folderIdOf(api.platform, many.mailboxId, 'INBOX')
  const [first] = await append(api.platform, many.owner, inboxId, [raw({ folder: 'INBOX', day: 1 })], {
    internalDate: new Date(dayAt(1)),
    keywords: ['rare'],
  })
  assert.ok(first)
  const later = Array.from({ length: 300 }, () => raw({ folder: 'INBOX', day: 2 }))
  await append(api.platform, many.owner, inboxId, later, { internalDate: new Date(dayAt(2)) })
  const { json } = await api.call('GET', `/v1/mailboxes/${many.address}/messages?label=rare&limit=1`)
  assert.deepEqual([textAt(json, 'data', 0, 'id'), at(json, 'next_cursor')], [first.id, null])
})

async function newFolder(of: TestMailbox, path: string): Promise<string> {
  return (await inTransaction(api.platform, (tx) => createFolder(api.platform, tx, of.owner, path))).id
}
