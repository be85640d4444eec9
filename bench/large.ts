/**
 * One mailbox with a million messages, over IMAP: opening it, flags of all of it, a page of its list; then the same
 * while mail for other mailboxes arrives. Its messages share a thousand bodies, so that it is made in half a minute.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { createBodyWriter } from '../src/messages/bodies.ts'
import { findInboxId } from '../src/messages/folders.ts'
import { storeMessages } from '../src/messages/store.ts'
import { transaction } from '../src/platform/database.ts'
import type { Platform } from '../src/platform/platform.ts'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { connectImapLoad, type ImapLoadClient } from '../src/testing/imap-load.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { percentile } from './percentile.ts'
import { withPlatform } from './search.ts'
import { makeMailboxes, peakResidentBytes, residentBytes, withServer } from './server.ts'
import type { Row } from './table.ts'

const messageCount = 1_000_000
const bodyCount = 1_000
const rounds = 200
const pageMessages = 50
const smtpSessions = 8
const smtpStartMs = 2_000
const smtpMailboxes = 100

export async function large(): Promise<Row[]> {
  return await withServer(async (server, dataDir) => {
    const [address = ''] = await makeMailboxes(server, 'reader', 1)
    const others = await makeMailboxes(server, 'user', smtpMailboxes)
    await server.stop()
    await withPlatform(dataDir, (platform) => fillMailbox(platform, address, messageCount))
    await using again = await startChildServer(dataDir)
    const client = await logIn(again, address)
    const cold = await milliseconds(() => client.run('SELECT INBOX'))
    const quiet = await measure(client, '')
    const flags = await fetchAllFlags(again, client)
    const { rows: busy, perSecond } = await whileMailArrives(again, others, () =>
      measure(client, ', as mail arrives'),
    )
    client.close()
    return [
      { what: `SELECT of ${messageCount} messages, first`, value: cold, unit: 'ms' },
      ...quiet,
      ...flags,
      { what: 'mail arriving meanwhile', value: perSecond, unit: '/s' },
      ...busy,
    ]
  })
}

async function logIn(server: ChildServer, username: string): Promise<ImapLoadClient> {
  const { password } = await callApi<{ password: string }>(
    server,
    'GET',
    `/v1/mailboxes/${username}/credentials`,
  )
  return await connectImapLoad({ ...addressOf(server.endpoints.imap), username, password })
}

/** A thousand messages by the store, and copies of their rows. @param count a multiple of a thousand. */
export async function fillMailbox(platform: Platform, address: string, count: number): Promise<void> {
  const { id: mailboxId } = await platform.db
    .selectFrom('mailboxes')
    .select('id')
    .where('address', '=', address)
    .executeTakeFirstOrThrow()
  const folderId = await findInboxId(platform, mailboxId)
  if (folderId === null) throw new Error('the mailbox has no INBOX')
  const bodies = await Promise.all(
    Array.from({ length: bodyCount }, async (_, n) => {
      const writer = createBodyWriter(platform)
      await writer.write(Buffer.from(loadMessage(`large-${n}`, address, 3_000).data))
      return await writer.finish()
    }),
  )
  const place = { mailboxId, folderId, flags: 1, keywords: [], internalDate: new Date() }
  await transaction(platform.db, (tx) =>
    storeMessages(
      platform,
      tx,
      bodies.map((body) => ({ ...place, body })),
      () => [],
    ),
  )
  await sql`
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, saved_at)
    select mailbox_id, folder_id, uid + copy * ${bodyCount}::int, gen_random_uuid(), modseq,
      case when (uid + copy) % 50 = 0 then 0 else 1 end, keywords, internal_date, size_bytes, body_id, thread_id, saved_at
    from messages, generate_series(1, ${count / bodyCount - 1}::int) as copy
    where folder_id = ${folderId}::uuid`.execute(platform.db)
  await sql`
    update folders set uidnext = ${count + 1}::bigint, message_count = counted.messages,
      unseen_count = counted.unseen, size_bytes = counted.bytes
    from (
      select count(*) as messages, count(*) filter (where flags = 0) as unseen, sum(size_bytes)::bigint as bytes
      from messages where folder_id = ${folderId}::uuid
    ) as counted where id = ${folderId}::uuid`.execute(platform.db)
  await sql`vacuum analyze messages`.execute(platform.db)
}

async function measure(client: ImapLoadClient, when: string): Promise<Row[]> {
  const selects = await repeat(() => client.run('SELECT INBOX'))
  const pages = await repeat(async () => {
    const first = 1 + Math.floor(Math.random() * (messageCount - pageMessages))
    await client.run(
      `FETCH ${first}:${first + pageMessages - 1} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)`,
    )
  })
  const looks = await repeat(() => client.run('NOOP'))
  return [
    { what: `SELECT, p95${when}`, value: selects, unit: 'ms', goal: { atMost: 50 } },
    { what: `page of ${pageMessages} envelopes, p95${when}`, value: pages, unit: 'ms', goal: { atMost: 30 } },
    { what: `NOOP, p95${when}`, value: looks, unit: 'ms' },
  ]
}

/** The first of them is not counted. @returns the 95th percentile, in milliseconds. */
async function repeat(work: () => Promise<unknown>): Promise<number> {
  await work()
  const times: number[] = []
  for (let n = 0; n < rounds; n++) times.push(await milliseconds(work))
  return percentile(times, 0.95)
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** Memory that does not grow with the number of messages: as much for all of them as for a fifth. */
async function fetchAllFlags(server: ChildServer, client: ImapLoadClient): Promise<Row[]> {
  let ms = 0
  const peakOf = (set: string): Promise<number> =>
    peakResidentBytes(server.pid, async () => {
      ms = await milliseconds(() => client.run(`FETCH ${set} (FLAGS)`))
    })
  await peakOf('1:*') // makes room for itself
  const before = await residentBytes(server.pid)
  const fifth = await peakOf(`1:${messageCount / 5}`)
  const whole = await peakOf('1:*')
  return [
    { what: 'FETCH of the flags of all', value: ms / 1000, unit: 's' },
    { what: '  memory over that before, of a fifth', value: (fifth - before) / 1e6, unit: 'MB' },
    {
      what: '  memory over that before, of all',
      value: (whole - before) / 1e6,
      unit: 'MB',
      goal: { atMost: 64 },
    },
  ]
}

async function whileMailArrives(
  server: ChildServer,
  addresses: readonly string[],
  work: () => Promise<Row[]>,
): Promise<{ rows: Row[]; perSecond: number }> {
  let over = false
  let sent = 0
  const prepared = Array.from({ length: 100 }, (_, n) => loadMessage(`PLACE${n}`, '', 5_000).data)
  const load = sendLoad({
    ...addressOf(server.endpoints.smtp),
    sessions: smtpSessions,
    next: () => {
      if (over) return null
      sent += 1
      const data = (prepared[sent % prepared.length] ?? '').replaceAll('PLACE', `arriving-${sent}-`)
      return { recipient: addresses[sent % addresses.length] ?? '', data }
    },
  })
  await sleep(smtpStartMs)
  const [startedAt, before] = [performance.now(), sent]
  const rows = await work()
  const perSecond = ((sent - before) / (performance.now() - startedAt)) * 1000
  over = true
  await load
  return { rows, perSecond }
}
