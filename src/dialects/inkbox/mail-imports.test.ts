/** Imports: opened, sent as a form without a key, started, read back; what is refused, and who may. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { importIdsOf } from '../../messages/imports/opened-messages.ts'
import { runImport } from '../../messages/imports/run.ts'
import { countStatements } from '../../testing/count-statements.ts'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'
import { runJobs } from '../../testing/test-jobs.ts'

let inkbox: TestInkbox
let desk: TestAgent
let other: TestAgent
let foreign: Tenant
before(async () => {
  inkbox = await startInkbox()
  desk = await inkbox.agent('quote-desk')
  other = await inkbox.agent('other-desk')
  foreign = await inkbox.tenant()
})
after(() => inkbox[Symbol.asyncDispose]())

const path = { email_address: 'quote-desk@demo.test' }
const open = (body: unknown = {}): Promise<Reply> => inkbox.inkbox('createMailImport', { path, body })
const on = (operation: string, id: string): Promise<Reply> =>
  inkbox.inkbox(operation, { path: { ...path, job_id: id } })

/** As clients do: every field, then the file, and no key. */
async function upload(target: unknown, file: string): Promise<number> {
  const form = new FormData()
  for (const [name, value] of Object.entries(Object(at(target, 'fields')))) form.set(name, String(value))
  form.set('file', new Blob([file]), 'old.mbox')
  const { pathname } = new URL(textAt(target, 'url'))
  return (await fetch(inkbox.base + pathname, { method: 'POST', body: form })).status
}

const message = (id: string, from: string): string =>
  `From: ${from}\r\nTo: x@example.net\r\nSubject: ${id}\r\nMessage-ID: <${id}@example.org>\r\nDate: Mon, 01 Jun 2026 07:00:00 +0000\r\n\r\nHello\r\n`
const mbox = (...messages: string[]): string =>
  messages.map((one) => `From x Mon Jun  1 07:00:00 2026\r\n${one}\r\n`).join('')

test('an mbox file comes in, each message once, read, and what the owner wrote in Sent', async () => {
  const [body] = inkbox.contract.operation('createMailImport').bodies
  const opened = await open(body)
  assert.equal(opened.status, 201)
  const id = textAt(opened.json, 'job', 'id')
  assert.equal((await on('startMailImport', id)).status, 400, 'the file is missing')
  assert.equal((await open(body)).status, 409, 'one at a time')
  const again = await on('refreshMailImportUpload', id)
  const target = at(opened.json, 'upload')
  assert.equal(await upload(target, 'x'), 403, 'the former target is over')
  const one = message('a', 'dana@example.org')
  assert.equal(await upload(again.json, mbox(one, message('b', 'old@example.org'), one)), 204)
  assert.equal(textAt((await on('startMailImport', id)).json, 'status'), 'queued')
  assert.equal((await on('startMailImport', id)).status, 409)
  assert.equal((await on('refreshMailImportUpload', id)).status, 409)
  await runJobs(inkbox.platform)
  const done = (await on('getMailImport', id)).json
  assert.deepEqual(
    ['status', 'messages_processed', 'messages_imported', 'messages_skipped_duplicate'].map((name) =>
      at(done, name),
    ),
    ['completed', 3, 2, 1],
  )
  const { rows } = await inkbox.platform.pool.query(
    `select messages.id, path, flags & 1 as flags from messages join folders on folders.id = folder_id
     where messages.mailbox_id = $1 order by path`,
    [desk.identity.mailbox_id],
  )
  assert.deepEqual(
    rows.map((row) => row.path),
    ['INBOX', 'Sent'],
  )
  const ids = rows.map((row) => row.id)
  const of = await importIdsOf(inkbox.platform.db, desk.identity.mailbox_id ?? '', ids)
  assert.deepEqual([...of.values()], [id, id])
  const page = await inkbox.inkbox('listMailImports', { path })
  assert.equal(textAt(listAt(page.json, 'items')[0], 'id'), id)
  assert.equal((await on('cancelMailImport', id)).status, 409, 'it has ended')
})

test('a file says itself what it is; what is there already does not come again', async () => {
  const opened = await open()
  assert.equal(await upload(at(opened.json, 'upload'), message('a', 'dana@example.org')), 204)
  const id = textAt(opened.json, 'job', 'id')
  await on('startMailImport', id)
  await runJobs(inkbox.platform)
  const done = (await on('getMailImport', id)).json
  assert.deepEqual([at(done, 'messages_imported'), at(done, 'messages_skipped_duplicate')], [0, 1])
})

test('what is there already is looked for in one statement for many messages', async () => {
  const many = Array.from({ length: 150 }, (_, n) => message(`many${n}`, 'dana@example.org'))
  const counts: number[] = []
  for (const file of [mbox(...many.slice(0, 1)), mbox(...many), mbox(...many)]) {
    const opened = await open()
    assert.equal(await upload(at(opened.json, 'upload'), file), 204)
    const id = textAt(opened.json, 'job', 'id')
    await on('startMailImport', id)
    const box = String(desk.identity.mailbox_id)
    counts.push(await countStatements(() => runImport(inkbox.platform, box)))
    const done = (await on('getMailImport', id)).json
    assert.equal(at(done, 'status'), 'completed')
  }
  const [one = 0, , again = 0] = counts
  assert.ok(again <= one, counts.join())
})

test('one is cancelled before it starts, one is overdue after a day', async () => {
  const cancelled = textAt((await open()).json, 'job', 'id')
  assert.equal(textAt((await on('cancelMailImport', cancelled)).json, 'status'), 'cancelled')
  const overdue = textAt((await open()).json, 'job', 'id')
  await inkbox.platform.pool.query(
    `update imports set created_at = created_at - interval '25 hours' where id = $1`,
    [overdue],
  )
  const { resumeImports } = await import('../../messages/imports/clean-up.ts')
  await resumeImports(inkbox.platform)
  assert.equal(textAt((await on('getMailImport', overdue)).json, 'status'), 'failed')
})

test('twenty a day', async () => {
  for (let count = 0; count < 20; count++) {
    const reply = await open()
    if (reply.status === 429) {
      assert.equal(textAt(reply.json, 'detail', 'error'), 'mail_import_quota_exceeded')
      assert.ok(Number(reply.headers.get('retry-after')) > 86_000)
      return
    }
    await on('cancelMailImport', textAt(reply.json, 'job', 'id'))
  }
  assert.fail('it was never refused')
})

test('who may', async () => {
  const job_id = '0c9fdc1e-8f62-4a0d-9a39-4b4f6e0f0b21'
  for (const operation of [
    'listMailImports',
    'createMailImport',
    'getMailImport',
    'refreshMailImportUpload',
    'startMailImport',
    'cancelMailImport',
  ]) {
    const body = operation === 'createMailImport' ? {} : undefined
    const status = async (key: string | null): Promise<number> =>
      (await inkbox.inkbox(operation, { path: { ...path, job_id }, body, key })).status
    assert.equal(await status(null), 401)
    assert.equal(await status(foreign.key), 404)
    assert.equal(await status(other.key), 404)
    if (operation.startsWith('get')) assert.equal(await status(desk.key), 404)
  }
  const wrong = await open({ source_format: 'tar' })
  assert.equal(wrong.status, 422)
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'mail-imports'), [])
})
