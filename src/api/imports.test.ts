/** Imports over the API: taken in, carried out by the job, bounded and refused. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { deleteMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { flagBits } from '../messages/flags.ts'
import { discardUpload, receiveUpload } from '../messages/imports/uploads.ts'
import { putSettings } from '../messages/policies.ts'
import { writeEmlZip } from '../messages/transfer/eml-zip.ts'
import type { TransferItem } from '../messages/transfer/transfer-item.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { importCalls, mbox } from '../testing/test-imports.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { inTransaction } from '../testing/test-mail.ts'

let api: TestApi

before(async () => {
  api = await startTestApi({
    environment: {
      MAILWRIGHT_IMPORT_BYTES_MAX: String(4 * 1024 * 1024),
      MAILWRIGHT_MESSAGE_BYTES_MAX: '65536',
      MAILWRIGHT_IMPORT_MESSAGES_MAX: '1000',
      MAILWRIGHT_IMPORT_ENTRIES_MAX: '301',
    },
  })
})
after(() => api[Symbol.asyncDispose]())

const { upload, show, rows, chunks, eventTypes } = importCalls(() => api)

test('an mbox comes in with flags and dates, and what cannot be taken is named', async () => {
  const box = await api.createMailbox()
  const broken = 'From ann@far.example Thu Jan  4 10:00:00 2024\nSubject: nul\n\na\0b\n\n'
  const file = mbox(2) + broken + mbox(450)
  const reply = await upload(box, 'application/mbox', file, { query: '?folder=Old/Mail' })
  assert.equal(reply.status, 202, reply.text)
  assert.equal(at(reply.json, 'state'), 'waiting')
  assert.equal(at(reply.json, 'bytes'), file.length)
  await runJobs(api.platform)
  const done = await show(box, reply)
  assert.equal(at(done, 'state'), 'completed')
  assert.equal(at(done, 'bytes_read'), file.length)
  assert.equal(at(done, 'messages_imported'), 452)
  assert.equal(at(done, 'messages_skipped'), 1)
  assert.deepEqual(at(done, 'problems', 0, 'offset'), mbox(2).length)
  assert.equal(at(done, 'problems', 0, 'reason'), 'it has NUL octets')
  const stored = await rows(box)
  assert.equal(stored.length, 452)
  assert.deepEqual(stored[1], {
    subject: 'm1',
    path: 'Old/Mail',
    flags: flagBits.seen,
    internal_date: new Date('2024-01-04T10:00:01Z'),
  })
  assert.equal(await chunks(box), 0)
  const types = await eventTypes(box)
  assert.equal(types[0], 'import.created')
  assert.equal(types.at(-1), 'import.completed')
  assert.ok(types.includes('import.progress'))
  const listed = await api.call('GET', `/v1/mailboxes/${box.address}/imports`)
  assert.deepEqual(listAt(listed.json, 'data'), [done])
})

test('one message, and without its marks', async () => {
  const box = await api.createMailbox()
  await upload(box, 'message/rfc822', 'Subject: one\r\n\r\nhello\r\n')
  await upload(box, 'application/mbox', mbox(1), { query: '?preserve=false' })
  await runJobs(api.platform)
  const stored = await rows(box)
  assert.deepEqual(
    stored.map(({ subject, path, flags }) => [subject, path, flags]),
    [
      ['one', 'INBOX', 0],
      ['m0', 'INBOX', 0],
    ],
  )
  assert.ok(stored.every(({ internal_date: date }) => date.getFullYear() > 2024))
})

async function* itemsOf(count: number, folders = ['Even', 'Odd/Ones']): AsyncGenerator<TransferItem> {
  for (let n = 0; n < count; n += 1) {
    const content = (async function* () {
      yield Buffer.from(`Subject: z${n}\r\n\r\nhello\r\n`)
    })()
    const folder = folders[n % folders.length] ?? ''
    const marks = { flags: flagBits.flagged, keywords: ['k'], internalDate: new Date(1e12) }
    yield { kind: 'message', folder, ...marks, content }
  }
}

async function zipOf(count: number, folders?: string[]): Promise<Buffer<ArrayBuffer>> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-imports-'))
  try {
    await writeEmlZip(itemsOf(count, folders), join(directory, 'mail.zip'))
    return Buffer.from(await readFile(join(directory, 'mail.zip')))
  } finally {
    await rm(directory, { recursive: true })
  }
}

test('a ZIP archive is read from its pieces in the database', async () => {
  const box = await api.createMailbox()
  const file = await zipOf(300)
  const reply = await upload(box, 'application/zip', file)
  // What discards uploads may come late: this one is an import by then.
  await discardUpload(api.platform, { mailboxId: box.mailboxId, id: textAt(reply.json, 'id') })
  await runJobs(api.platform)
  const done = await show(box, reply)
  assert.equal(at(done, 'state'), 'completed', JSON.stringify(done))
  const stored = await rows(box)
  assert.equal(stored.length, 300)
  assert.deepEqual(stored[1], {
    subject: 'z2',
    path: 'Even',
    flags: flagBits.flagged,
    internal_date: new Date(1e12),
  })
})

test('a folder of an archive that no mailbox may have is named, and the others come', async () => {
  const box = await api.createMailbox()
  const reply = await upload(box, 'application/zip', await zipOf(4, ['A\0B', 'Good', '%'.repeat(900)]))
  await runJobs(api.platform)
  const done = await show(box, reply)
  assert.deepEqual([at(done, 'state'), at(done, 'messages_imported')], ['completed', 1])
  const problems = listAt(done, 'problems').map((problem) => textAt(problem, 'what'))
  assert.deepEqual(problems.slice(0, 2), ['the folder A\ufffdB', 'a message in A\ufffdB'])
  assert.ok(problems.every((what) => what.length <= 200))
})

test('a damaged message of an archive is left out, and the others come', async () => {
  const box = await api.createMailbox()
  const file = await zipOf(10)
  file[file.indexOf('000000003.eml') + 20] = 0xff
  const reply = await upload(box, 'application/zip', file)
  await runJobs(api.platform)
  const done = await show(box, reply)
  assert.equal(at(done, 'state'), 'completed', JSON.stringify(done))
  assert.equal(at(done, 'messages_imported'), 9)
  assert.match(textAt(done, 'problems', 0, 'reason'), /^it cannot be read/)
})

test('what is of another format fails with a clear reason', async () => {
  for (const [type, body] of [
    ['application/mbox', 'Subject: no mbox\n\nhello\n'],
    ['application/zip', 'no archive at all, but long enough to be looked at as one'],
  ] as const) {
    const box = await api.createMailbox()
    const reply = await upload(box, type, body)
    await runJobs(api.platform)
    const done = await show(box, reply)
    assert.equal(at(done, 'state'), 'failed')
    assert.equal(at(done, 'failure', 'code'), 'import_unreadable')
    assert.equal(await chunks(box), 0)
    assert.equal((await eventTypes(box)).at(-1), 'import.failed')
  }
})

test('more messages or entries than an import may have end it, and it says which', async () => {
  const cases = [
    ['application/mbox', mbox(1003), 1000, 'It has more than 1000 messages, as many as an import may have.'],
    ['application/zip', await zipOf(302), 0, 'The archive has 302 entries, and an import may have 301.'],
  ] as const
  for (const [type, body, imported, detail] of cases) {
    const box = await api.createMailbox()
    const reply = await upload(box, type, body)
    await runJobs(api.platform)
    const done = await show(box, reply)
    assert.deepEqual(
      [at(done, 'state'), at(done, 'failure'), at(done, 'messages_imported'), (await rows(box)).length],
      ['failed', { code: 'import_too_large', detail }, imported, imported],
    )
    assert.deepEqual([await chunks(box), (await eventTypes(box)).at(-1)], [0, 'import.failed'])
  }
})

test('a mailbox that is full ends the import; what is in stays, and the next one has its turn', async () => {
  const box = await api.createMailbox()
  await inTransaction(api.platform, (tx) => putSettings(api.platform, tx, box.owner, { quotaMessages: 250 }))
  const first = await upload(box, 'application/mbox', mbox(500))
  const second = await upload(box, 'application/mbox', mbox(10))
  await runJobs(api.platform)
  const done = await show(box, first)
  assert.deepEqual(
    [at(done, 'state'), at(done, 'failure', 'code'), at(done, 'messages_imported')],
    ['failed', 'quota_exceeded', 200],
  )
  assert.equal(at(await show(box, second), 'state'), 'completed')
  assert.equal((await rows(box)).length, 210)
})

test('the same request again is the same import, and leaves no upload', async () => {
  const box = await api.createMailbox()
  const headers = { 'idempotency-key': 'import-1' }
  const first = await upload(box, 'application/mbox', mbox(3), { headers })
  const again = await upload(box, 'application/mbox', mbox(3), { headers })
  assert.equal(textAt(again.json, 'id'), textAt(first.json, 'id'))
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.equal(
    refusal(await upload(box, 'application/mbox', mbox(4), { headers })),
    '409 idempotency_key_reused',
  )
  assert.equal(await chunks(box), 1)
  await runJobs(api.platform)
  assert.equal((await rows(box)).length, 3)
})

test('what is refused leaves nothing', async () => {
  const box = await api.createMailbox()
  const reader = await api.key({ access: 'read' })
  const large = Buffer.alloc(5 * 1024 * 1024, 'x')
  const cases: [string, Promise<Reply>][] = [
    ['415 unsupported_media_type', upload(box, 'text/plain', 'x')],
    ['415 unsupported_media_type', upload(box, 'application/json', '{}')],
    ['400 invalid_request', upload(box, 'application/mbox', '')],
    ['422 folder_name_invalid', upload(box, 'application/mbox', mbox(1), { query: '?folder=a//b' })],
    ['403 forbidden', upload(box, 'application/mbox', mbox(1), { key: reader })],
    ['413 payload_too_large', upload(box, 'application/mbox', large)],
  ]
  for (const [want, reply] of cases) assert.equal(refusal(await reply), want)
  assert.equal(
    refusal(await api.call('GET', `/v1/mailboxes/${box.address}/imports/nope`)),
    '404 import_not_found',
  )
  assert.deepEqual(at((await api.call('GET', `/v1/mailboxes/${box.address}/imports`)).json, 'data'), [])
  assert.equal(await chunks(box), 0)
})

test('an upload that breaks off, or is too large without saying so, leaves nothing', async () => {
  const box = await api.createMailbox()
  const wanted = { format: 'mbox', folder: 'INBOX', preserve: true } as const
  const breaking = (async function* () {
    yield Buffer.alloc(3 * 1024 * 1024, 'x')
    throw new Error('the client is gone')
  })()
  await assert.rejects(receiveUpload(api.platform, box.mailboxId, wanted, breaking), /the client is gone/)
  const endless = (async function* () {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x')
  })()
  await assert.rejects(receiveUpload(api.platform, box.mailboxId, wanted, endless), {
    code: 'payload_too_large',
  })
  assert.equal(await chunks(box), 0)
  for (let n = 0; n < 10; n += 1) await upload(box, 'application/mbox', mbox(1))
  assert.equal(refusal(await upload(box, 'application/mbox', mbox(1))), '409 import_limit_reached')
})

test('a purge takes imports with it', async () => {
  const box = await api.createMailbox()
  await upload(box, 'application/mbox', mbox(1))
  await inTransaction(api.platform, (tx) =>
    deleteMailbox(api.platform, tx, api.scope, box.mailboxId, { purge: true }),
  )
  await purgeMailbox(api.platform, box.mailboxId)
  assert.equal(await chunks(box), 0)
  await runJobs(api.platform)
  const left = await sql<{ count: number }>`
    select count(*)::int as count from imports where mailbox_id = ${box.mailboxId}::uuid`.execute(
    api.platform.db,
  )
  assert.equal(left.rows[0]?.count, 0)
})
