/** Imports over the API, for the tests of what comes in and of what breaks. */
import { sql } from 'kysely'
import { type Reply, type TestApi, textAt } from './test-api.ts'
import type { TestMailbox } from './test-platform.ts'

/** Messages that were read, m0 and on. */
export function mbox(count: number, text = 'hello'): string {
  const messages = Array.from(
    { length: count },
    (_, n) =>
      `From ann@far.example Thu Jan  4 10:00:${String(n % 60).padStart(2, '0')} 2024\nSubject: m${n}\nStatus: RO\n\n${text}\n\n`,
  )
  return messages.join('')
}

type Row = { subject: string; path: string; flags: number; internal_date: Date }

/** @param api the one that runs by the time of a call. */
export function importCalls(api: () => TestApi) {
  async function upload(
    box: TestMailbox,
    type: string,
    body: string | Buffer<ArrayBuffer>,
    { query = '', headers = {}, key = api().apiKey } = {},
  ): Promise<Reply> {
    const response = await fetch(`${api().base}/v1/mailboxes/${box.address}/imports${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': type, ...headers },
      body,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) }
  }

  const show = async (box: TestMailbox, reply: Reply): Promise<unknown> =>
    (await api().call('GET', `/v1/mailboxes/${box.address}/imports/${textAt(reply.json, 'id')}`)).json

  async function rows(box: TestMailbox): Promise<Row[]> {
    const found = await sql<Row>`
    select envelope->>'subject' as subject, path, flags, internal_date from messages
    join folders on folders.mailbox_id = messages.mailbox_id and folders.id = folder_id
    join bodies on bodies.id = body_id
    where messages.mailbox_id = ${box.mailboxId}::uuid order by path, uid`.execute(api().platform.db)
    return found.rows
  }

  async function chunks(box: TestMailbox): Promise<number> {
    const found = await sql<{ count: number }>`
    select count(*)::int as count from import_chunks where mailbox_id = ${box.mailboxId}::uuid`.execute(
      api().platform.db,
    )
    return found.rows[0]?.count ?? -1
  }

  async function eventTypes(box: TestMailbox): Promise<string[]> {
    const found = await sql<{ type: string }>`
    select type from events where mailbox_id = ${box.mailboxId}::uuid and type like 'import.%'
    order by id`.execute(api().platform.db)
    return found.rows.map(({ type }) => type)
  }

  return { upload, show, rows, chunks, eventTypes }
}
