/** Imports over the API: taken in, carried out by the job, cancelled, refused, and each message once whatever breaks. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { deleteMailbox } from '../mailboxes/mailboxes.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { flagBits } from '../messages/flags.ts'
import { resumeImports } from '../messages/imports/clean-up.ts'
import { runImport } from '../messages/imports/run.ts'
import { discardUpload, receiveUpload } from '../messages/imports/uploads.ts'
import { putSettings } from '../messages/policies.ts'
import { writeEmlZip } from '../messages/transfer/eml-zip.ts'
import type { TransferItem } from '../messages/transfer/transfer-item.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { inTransaction } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'

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

async function upload(
  box: TestMailbox,
  type: string,
  body: string | Buffer<ArrayBuffer>,
  { query = '', headers = {}, key = api.apiKey } = {},
): Promise<Reply> {
  const response = await fetch(`${api.base}/v1/mailboxes/${box.address}/imports${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type, ...headers },
    body,
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) }
}

const show = async (box: TestMailbox, reply: Reply): Promise<unknown> =>
  (await api.call('GET', `/v1/mailboxes/${box.address}/imports/${textAt(reply.json, 'id')}`)).json

function mbox(count: number, text = 'hello'): string {
  const messages = Array.from(
    { length: count },
    (_, n) =>
      `From ann@far.example Thu Jan  4 10:00:${String(n % 60).padStart(2, '0')} 2024\nSubject: m${n}\nStatus: RO\n\n${text}\n\n`,
  )
  return messages.join('')
}

type Row = { subject: string; path: string; flags: number; internal_date: Date }

async function rows(box: TestMailbox): Promise<Row[]> {
  const found = await sql<Row>`
    select envelope->>'subject' as subject, path, flags, internal_date from messages
    join folders on folders.mailbox_id = messages.mailbox_id and folders.id = folder_id
    join bodies on bodies.id = body_id
    where messages.mailbox_id = ${box.mailboxId}::uuid order by path, uid`.execute(api.platform.db)
  return found.rows
}

async function chunks(box: TestMailbox): Promise<number> {
  const found = await sql<{ count: number }>`
    select count(*)::int as count from import_chunks where mailbox_id = ${box.mailboxId}::uuid`.execute(
    api.platform.db,
  )
  return found.rows[0]?.count ?? -1
}

async function eventTypes(box: TestMailbox): Promise<string[]> {
  const found = await sql<{ type: string }>`
    select type from events where mailbox_id = ${box.mailboxId}::uuid and type like 'import.%'
    order by id`.execute(api.platform.db)
  return found.rows.map(({ type }) => type)
}

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

test('a cancelled import stops, whether it waits or runs', async () => {
  const box = await api.createMailbox()
  const path = (reply: Reply) => `/v1/mailboxes/${box.address}/imports/${textAt(reply.json, 'id')}`
  const waiting = await upload(box, 'application/mbox', mbox(5))
  assert.equal(at((await api.call('DELETE', path(waiting))).json, 'state'), 'cancelled')
  const running = await upload(box, 'application/mbox', mbox(1000))
  const cancelled = new Promise<Reply>((resolve) => {
    const stop = api.platform.bus.subscribeMailbox(box.mailboxId, ({ type }) => {
      if (type !== 'message.appended') return
      stop()
      resolve(api.call('DELETE', path(running)))
    })
  })
  await runJobs(api.platform)
  assert.equal(at((await cancelled).json, 'state'), 'cancelled')
  const done = await show(box, running)
  assert.equal(at(done, 'state'), 'cancelled')
  assert.equal(at(done, 'messages_imported'), (await rows(box)).length)
  assert.ok((await rows(box)).length < 1000)
  assert.equal(await chunks(box), 0)
  assert.equal(refusal(await api.call('DELETE', path(running))), '409 import_ended')
})

test('a run whose import is taken from it between two batches has not failed', async () => {
  const box = await api.createMailbox()
  const reply = await upload(box, 'application/mbox', mbox(400, 'x'.repeat(8_000)))
  await sql`create function take_import() returns trigger language plpgsql as $$ begin
      delete from import_chunks where import_id = new.id;
      new.state := 'cancelled'; new.run_id := null; new.ended_at := now(); return new; end $$`.execute(
    api.platform.db,
  )
  await sql`create trigger take_import before update on imports for each row
      when (new.messages_read > old.messages_read) execute function take_import()`.execute(api.platform.db)
  await runImport(api.platform, box.mailboxId)
  await sql`drop trigger take_import on imports`.execute(api.platform.db)
  assert.equal(at(await show(box, reply), 'state'), 'cancelled')
  assert.equal((await rows(box)).length, 200)
})

test('a run that fails anywhere goes on with each message once', async () => {
  const box = await api.createMailbox()
  const reply = await upload(box, 'application/mbox', mbox(1000))
  // The batch's transaction fails as its last statement, once for each place.
  await sql`create table broken_at (n bigint primary key)`.execute(api.platform.db)
  await sql`insert into broken_at values (200), (600), (1000)`.execute(api.platform.db)
  await sql`create function break_import() returns trigger language plpgsql as $$ begin
      if new.messages_read in (select n from broken_at) and new.messages_read <> old.messages_read then
        raise exception 'broken at %', new.messages_read; end if;
      return new; end $$`.execute(api.platform.db)
  await sql`create trigger break_import before update on imports for each row execute function break_import()`.execute(
    api.platform.db,
  )
  for (const place of [200, 600, 1000]) {
    await assert.rejects(runImport(api.platform, box.mailboxId), /broken at/)
    const row = await show(box, reply)
    assert.equal(at(row, 'state'), 'running')
    assert.equal(at(row, 'messages_imported'), (await rows(box)).length)
    await sql`delete from broken_at where n = ${place}`.execute(api.platform.db)
  }
  await sql`drop trigger break_import on imports`.execute(api.platform.db)
  await runImport(api.platform, box.mailboxId)
  assert.equal(at(await show(box, reply), 'state'), 'completed')
  assert.deepEqual(
    (await rows(box)).map(({ subject }) => subject),
    Array.from({ length: 1000 }, (_, n) => `m${n}`),
  )
})

test('kill -9 of the process: each message once', async () => {
  const box = await api.createMailbox()
  const reply = await upload(box, 'application/mbox', mbox(1000))
  for (const batches of [1, 2, 1]) {
    const program = fileURLToPath(new URL('../testing/import-process.ts', import.meta.url))
    const { dataDir, databaseUrl } = api.config
    const child = spawn(process.execPath, [program, box.mailboxId, String(batches)], {
      env: { ...process.env, MAILWRIGHT_DATA_DIR: dataDir, DATABASE_URL: databaseUrl ?? '' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const [, signal] = await once(child, 'exit')
    assert.equal(signal, 'SIGKILL')
    await runImport(api.platform, box.mailboxId)
    assert.equal(at(await show(box, reply), 'state'), 'running', 'it is taken for alive for a while')
    await sql`update imports set seen_at = 'epoch' where mailbox_id = ${box.mailboxId}::uuid`.execute(
      api.platform.db,
    )
  }
  await resumeImports(api.platform)
  await runJobs(api.platform)
  assert.equal(at(await show(box, reply), 'state'), 'completed')
  assert.deepEqual(
    (await rows(box)).map(({ subject }) => subject),
    Array.from({ length: 1000 }, (_, n) => `m${n}`),
  )
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
