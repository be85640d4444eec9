/** Imports that are cancelled, taken away, broken or killed while they run: each message once. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { resumeImports } from '../messages/imports/clean-up.ts'
import { runImport } from '../messages/imports/run.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { importCalls, mbox } from '../testing/test-imports.ts'
import { runJobs } from '../testing/test-jobs.ts'

let api: TestApi

before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_IMPORT_BYTES_MAX: String(4 * 1024 * 1024) } })
})
after(() => api[Symbol.asyncDispose]())

const { upload, show, rows, chunks } = importCalls(() => api)

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
