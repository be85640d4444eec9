/**
 * Search in one mailbox with very many messages, over IMAP: needles that are in no message, in few, and in up to one of a
 * hundred. BENCH_MESSAGES says how many messages there are; a million takes over twenty minutes to store and index.
 */
import { performance } from 'node:perf_hooks'
import { sql } from 'kysely'
import { createBodyWriter, type StagedBody } from '../src/messages/bodies.ts'
import { findInboxId } from '../src/messages/folders.ts'
import { indexFolder } from '../src/messages/search/search-index-jobs.ts'
import { storeMessages } from '../src/messages/store.ts'
import { openPlatform } from '../src/open-platform.ts'
import { loadConfig } from '../src/platform/config.ts'
import { transaction } from '../src/platform/database.ts'
import type { Platform } from '../src/platform/platform.ts'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { connectImapLoad, type ImapLoadClient } from '../src/testing/imap-load.ts'
import { percentile } from './percentile.ts'
import { makeSearchMail, planted, type SearchMail } from './search-mail.ts'
import { makeMailboxes, processorTime, withServer } from './server.ts'
import type { Row } from './table.ts'

const messageCount = Number(process.env['BENCH_MESSAGES'] ?? 1_000_000)
const messagesPerTransaction = 1000
const roundsPerNeedle = 3
const seenPart = 0.97
/** What people search for is in no more of the messages than this. */
const typicalPart = 0.0105

export async function search(): Promise<Row[]> {
  return await withServer(async (server, dataDir) => {
    const [address = ''] = await makeMailboxes(server, 'reader', 1)
    await server.stop()
    const mail = makeSearchMail()
    const filled = await withPlatform(dataDir, (platform) => fill(platform, mail))
    await using again = await startChildServer(dataDir)
    return [...filled, ...(await measure(again, address, mail))]
  })
}

/** The mail store of a stopped server. */
export async function withPlatform<T>(dataDir: string, work: (platform: Platform) => Promise<T>): Promise<T> {
  const loaded = loadConfig({ MAILWRIGHT_DATA_DIR: dataDir, MAILWRIGHT_LOG_LEVEL: 'warn' })
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  await using opened = await openPlatform(loaded.config)
  return await work(opened.platform)
}

export async function fill(platform: Platform, mail: SearchMail): Promise<Row[]> {
  const { id: mailboxId } = await platform.db.selectFrom('mailboxes').select('id').executeTakeFirstOrThrow()
  const folderId = await findInboxId(platform, mailboxId)
  if (folderId === null) throw new Error('the mailbox has no INBOX')
  const place = { mailboxId, folderId }
  const storing = await seconds(async () => {
    for (let at = 0; at < messageCount; at += messagesPerTransaction)
      await storeSome(platform, place, mail, at)
  })
  await sql`vacuum analyze messages, bodies`.execute(platform.db)
  const indexing = await seconds(() => indexAll(platform, place))
  await sql`vacuum analyze search_fields, search_texts, search_grams`.execute(platform.db)
  const { rows } = await sql<{ bytes: number; texts: number; grams: number }>`
    select pg_total_relation_size('search_fields') + pg_total_relation_size('search_texts')
        + pg_total_relation_size('search_grams') as bytes,
      pg_total_relation_size('search_grams') as grams, pg_total_relation_size('search_texts') as texts`.execute(
    platform.db,
  )
  const [{ bytes, texts, grams } = { bytes: 0, texts: 0, grams: 0 }] = rows
  return [
    {
      what: `storing ${messageCount} messages, each`,
      value: (storing.wall / messageCount) * 1e6,
      unit: 'us',
    },
    { what: 'indexing, each, with its rests', value: (indexing.wall / messageCount) * 1e6, unit: 'us' },
    {
      what: 'indexing, each, processor time of Node',
      value: (indexing.processor / messageCount) * 1e6,
      unit: 'us',
    },
    { what: 'index on disk, each', value: bytes / messageCount, unit: 'bytes' },
    { what: '  of it texts', value: texts / messageCount, unit: 'bytes' },
    { what: '  of it grams', value: grams / messageCount, unit: 'bytes' },
  ]
}

async function indexAll(platform: Platform, place: { mailboxId: string; folderId: string }): Promise<void> {
  for (;;) {
    await indexFolder(platform, place)
    const { rows } = await sql<{ behind: boolean }>`
      select uidnext - 1 > indexed_uid as behind from folders join search_folders on folder_id = id`.execute(
      platform.db,
    )
    if (rows[0]?.behind !== true) return
  }
}

async function storeSome(
  platform: Platform,
  place: { mailboxId: string; folderId: string },
  mail: SearchMail,
  from: number,
): Promise<void> {
  const bodies: StagedBody[] = []
  for (let number = from; number < Math.min(messageCount, from + messagesPerTransaction); number++) {
    const writer = createBodyWriter(platform)
    await writer.write(mail.message(number))
    bodies.push(await writer.finish())
  }
  await transaction(platform.db, (tx) =>
    storeMessages(
      platform,
      tx,
      bodies.map((body, index) => ({
        ...place,
        body,
        flags: (from + index) / messageCount < seenPart ? 1 : 0,
        keywords: [],
        internalDate: new Date(Date.UTC(2015, 0, 1) + (from + index) * 300_000),
      })),
      () => [],
    ),
  )
}

async function seconds(work: () => Promise<void>): Promise<{ wall: number; processor: number }> {
  const before = { wall: performance.now(), processor: process.cpuUsage() }
  await work()
  const { user, system } = process.cpuUsage(before.processor)
  return { wall: (performance.now() - before.wall) / 1000, processor: (user + system) / 1e6 }
}

type Kind = { kind: string; searches: string[] }

function searchesOf(mail: SearchMail): { header: Kind[]; body: Kind[]; rows: Kind[] } {
  const words = (from: number): string[] =>
    Array.from({ length: 12 }, (_, n) => mail.vocabulary[from + n * 11] ?? '').filter(
      (word) => word.length > 3,
    )
  const names = Array.from({ length: 12 }, (_, n) => mail.names[200 + n * 200] ?? '')
  const kinds = (keys: readonly string[], needles: readonly string[]): string[] =>
    needles.flatMap((needle) => keys.map((key) => `${key} ${quote(needle)}`))
  const [rare, thousandth, hundredth, phrase, chinese, russian] = planted.map(({ word }) => word)
  return {
    header: [
      { kind: 'rare word', searches: kinds(['SUBJECT'], [rare ?? '', ...words(40_000)]) },
      { kind: 'word in 0.1 %', searches: kinds(['SUBJECT'], [thousandth ?? '', ...words(3_000)]) },
      { kind: 'word in 1 %', searches: kinds(['SUBJECT'], [hundredth ?? '', ...words(180)]) },
      { kind: 'name', searches: kinds(['FROM', 'OR CC SMITH FROM'], names) },
      {
        kind: 'first name',
        searches: kinds(
          ['FROM'],
          names.map((name) => name.split(' ')[0] ?? ''),
        ),
      },
      {
        kind: 'substring',
        searches: kinds(
          ['SUBJECT'],
          ['uixotr', 'ymurgis', 'lugelhor', ...words(9_000).map((word) => word.slice(1))],
        ),
      },
      { kind: 'phrase', searches: kinds(['SUBJECT'], [phrase ?? '']) },
      { kind: 'CJK, Cyrillic', searches: kinds(['SUBJECT'], [chinese ?? '', '門石', russian ?? '']) },
      { kind: 'no hit', searches: kinds(['SUBJECT', 'FROM', 'TO', 'CC', 'BCC'], ['xylopolist', 'zzzzzz']) },
    ],
    body: [
      { kind: 'rare word', searches: kinds(['BODY', 'TEXT'], [rare ?? '', ...words(49_000)]) },
      { kind: 'word in 0.1 %', searches: kinds(['BODY', 'TEXT'], [thousandth ?? '', ...words(18_000)]) },
      { kind: 'word in 1 %', searches: kinds(['BODY', 'TEXT'], [hundredth ?? '', ...words(2_600)]) },
      { kind: 'name', searches: kinds(['TEXT'], names) },
      { kind: 'number', searches: kinds(['BODY'], ['100042', '100777', '00123']) },
      {
        kind: 'substring',
        searches: kinds(
          ['BODY', 'TEXT'],
          ['uixotr', 'ymurgis', 'lugelhor', ...words(30_000).map((word) => word.slice(1))],
        ),
      },
      { kind: 'phrase', searches: kinds(['BODY', 'TEXT'], [phrase ?? '']) },
      { kind: 'CJK, Cyrillic', searches: kinds(['BODY', 'TEXT'], [chinese ?? '', '門石', russian ?? '']) },
      { kind: 'no hit', searches: kinds(['BODY', 'TEXT'], ['xylopolist', 'zzzzzz', 'no such phrase here']) },
    ],
    rows: [
      { kind: 'UNSEEN', searches: ['UNSEEN'] },
      { kind: 'FLAGGED', searches: ['FLAGGED'] },
      { kind: 'SINCE', searches: ['SINCE 1-Jan-2024'] },
      { kind: 'UNSEEN and a word', searches: kinds(['UNSEEN BODY'], [hundredth ?? '']) },
      { kind: 'HEADER Message-ID', searches: ['HEADER Message-ID "absent@relay.test"'] },
    ],
  }
}

/** The octets of UTF-8, as the client writes them. */
function quote(text: string): string {
  return `"${Buffer.from(text).toString('latin1')}"`
}

export async function measure(server: ChildServer, address: string, mail: SearchMail): Promise<Row[]> {
  const path = `/v1/mailboxes/${address}/credentials`
  const { password } = await callApi<{ password: string }>(server, 'GET', path)
  const client = await connectImapLoad({ ...addressOf(server.endpoints.imap), username: address, password })
  await client.run('SELECT INBOX')
  const { header, body, rows } = searchesOf(mail)
  const part = async (name: string, kinds: readonly Kind[], p95Ms: number | null): Promise<Row[]> => {
    const before = await processorTime(server.pid)
    const measured = await measureKinds(client, name, kinds, p95Ms)
    const after = await processorTime(server.pid)
    const searches = kinds.reduce((sum, kind) => sum + kind.searches.length, 0) * roundsPerNeedle
    const each = (seconds: number): number => (seconds / searches) * 1000
    return [
      ...measured,
      { what: `${name}: processor time each, Node`, value: each(after.node - before.node), unit: 'ms' },
      {
        what: `${name}: processor time each, PostgreSQL`,
        value: each(after.postgres - before.postgres),
        unit: 'ms',
      },
    ]
  }
  const result = [
    ...(await part('header', header, 100)),
    ...(await part('body', body, 300)),
    ...(await part('rows', rows, null)),
  ]
  client.close()
  return result
}

async function measureKinds(
  client: ImapLoadClient,
  part: string,
  kinds: readonly Kind[],
  p95Ms: number | null,
): Promise<Row[]> {
  const rows: Row[] = []
  const typical: number[] = []
  const frequent: number[] = []
  for (const { kind, searches } of kinds) {
    const times: number[] = []
    for (const text of searches) {
      for (let round = 0; round < roundsPerNeedle; round++) {
        const startedAt = performance.now()
        const answer = await client.run(`UID SEARCH CHARSET UTF-8 ${text}`)
        const ms = performance.now() - startedAt
        const found = answer.split('\r\n')[0]?.split(' ').slice(2).length ?? 0
        if (found > messageCount * typicalPart) frequent.push(ms)
        else {
          typical.push(ms)
          times.push(ms)
        }
      }
    }
    if (times.length === 0) continue
    rows.push({ what: `  ${part}, ${kind}: p50`, value: percentile(times, 0.5), unit: 'ms' })
    rows.push({ what: `  ${part}, ${kind}: p95`, value: percentile(times, 0.95), unit: 'ms' })
  }
  if (frequent.length > 0) {
    rows.push({ what: `  ${part}, found in more: p50`, value: percentile(frequent, 0.5), unit: 'ms' })
  }
  if (p95Ms === null) return rows
  return [
    { what: `${part} search: p50`, value: percentile(typical, 0.5), unit: 'ms' },
    { what: `${part} search: p95`, value: percentile(typical, 0.95), unit: 'ms', goal: { atMost: p95Ms } },
    ...rows,
  ]
}
