/**
 * Reading by API in one mailbox of a million messages: pages of lists, newest and anywhere, with filters and by folder,
 * whether that has half of the mail or a thousandth; single messages and threads. `messages=COUNT` takes another size.
 * The messages share ten thousand bodies, a tenth of which have an attachment.
 */
import { sql } from 'kysely'
import { createBodyWriter, type StagedBody } from '../src/messages/bodies.ts'
import { createFolder, listFolders } from '../src/messages/folders.ts'
import { storeMessages } from '../src/messages/store.ts'
import { transaction } from '../src/platform/database.ts'
import { idFloor } from '../src/platform/ids.ts'
import { encodeCursor } from '../src/platform/pages.ts'
import type { Platform } from '../src/platform/platform.ts'
import { type ChildServer, startChildServer } from '../src/testing/child-server.ts'
import { loadMessage } from '../src/testing/smtp-load.ts'
import { getLoad } from './http-load.ts'
import { percentile } from './percentile.ts'
import { withPlatform } from './search.ts'
import { makeMailboxes, withServer } from './server.ts'
import type { Row } from './table.ts'

const bodiesMax = 10_000
const bodiesPerTransaction = 500
const requests = 200
const warmUps = 20
const secondsApart = 30
const smallFolder = 'Small'

export async function messages(count = 1_000_000): Promise<Row[]> {
  return await withServer(async (server, dataDir) => {
    const [address = ''] = await makeMailboxes(server, 'reader', 1)
    await server.stop()
    const filled = await withPlatform(dataDir, (platform) => fill(platform, address, count))
    await using again = await startChildServer(dataDir)
    const rows: Row[] = []
    for (const [what, path, goal] of kinds(address, filled, count)) {
      rows.push(...(await measure(again, what, path, goal)))
    }
    return rows
  })
}

type Filled = { ids: string[]; threadIds: string[]; newestMs: number }
type Kind = [what: string, path: (n: number) => string, goalMs?: number]

/** Pages of 50. Those that are held to the goal are lists. */
function kinds(address: string, { ids, threadIds, newestMs }: Filled, count: number): Kind[] {
  const mailbox = `/v1/mailboxes/${address}`
  const anywhere = (): string => {
    const at = newestMs - Math.random() * count * secondsApart * 1000
    return `&cursor=${encodeCursor(idFloor(new Date(at)))}`
  }
  const one = (all: readonly string[], n: number): string => all[n % all.length] ?? ''
  const list = (query: string) => `${mailbox}/messages?limit=50${query}`
  const day = new Date(newestMs - (count / 2) * secondsApart * 1000).toISOString()
  return [
    ['the newest', () => list(''), 20],
    ['anywhere', () => list(anywhere()), 20],
    ['of INBOX', () => list('&folder=inbox'), 20],
    ['of INBOX, anywhere', () => list(`&folder=inbox${anywhere()}`), 20],
    ['of Archive, which has the oldest', () => list('&folder=archive'), 20],
    ['of a folder with a thousandth', () => list(`&folder=${smallFolder}`), 20],
    ['unread', () => list('&unread=true'), 20],
    ['unread in the small folder', () => list(`&unread=true&folder=${smallFolder}`), 20],
    ['flagged', () => list('&flagged=true')],
    ['since and until', () => list(`&until=${day}`), 20],
    ['with a label that a hundredth have', () => list('&label=work')],
    ['with attachments', () => list('&has_attachments=true')],
    ['of a thread', (n) => list(`&thread=${one(threadIds, n)}`), 20],
    ['threads', () => `${mailbox}/threads?limit=50`],
    ['one message', (n) => `${mailbox}/messages/${one(ids, n)}`],
    ['one message, raw', (n) => `${mailbox}/messages/${one(ids, n)}/raw`],
    ['one thread', (n) => `${mailbox}/threads/${one(threadIds, n)}`],
    ['one thread, whole', (n) => `${mailbox}/threads/${one(threadIds, n)}?full=true`],
  ]
}

async function measure(
  server: ChildServer,
  what: string,
  path: (n: number) => string,
  goalMs?: number,
): Promise<Row[]> {
  const load = (count: number) =>
    getLoad({
      url: new URL(server.endpoints.http ?? ''),
      token: server.apiKey,
      connections: 1,
      requests: count,
      path,
    })
  await load(warmUps)
  const { latenciesMs } = await load(requests)
  return [
    { what: `${what}: median`, value: percentile(latenciesMs, 0.5), unit: 'ms' },
    {
      what: `${what}: p95`,
      value: percentile(latenciesMs, 0.95),
      unit: 'ms',
      ...(goalMs === undefined ? {} : { goal: { atMost: goalMs } }),
    },
  ]
}

/**
 * Rows as years of mail leave them: the oldest in Archive, a flood of new ones in Junk, one of twenty in Trash; all put there
 * today, so that nothing is old enough to be cleaned up meanwhile.
 */
async function fill(platform: Platform, address: string, count: number): Promise<Filled> {
  const {
    id: mailboxId,
    organization_id: organizationId,
    workspace_id: workspaceId,
  } = await platform.db
    .selectFrom('mailboxes')
    .select(['id', 'organization_id', 'workspace_id'])
    .where('address', '=', address)
    .executeTakeFirstOrThrow()
  const owner = { organizationId, workspaceId, mailboxId }
  await transaction(platform.db, (tx) => createFolder(platform, tx, owner, smallFolder))
  const folders = await listFolders(platform, mailboxId)
  const idOf = (path: string): string => folders.find((folder) => folder.path === path)?.id ?? ''
  await storeBodies(platform, mailboxId, idOf('INBOX'), address, Math.min(bodiesMax, count))
  const newestMs = platform.clock.now().getTime()
  await sql`create table bench_seeds as
    select row_number() over () - 1 as number, body_id, size_bytes from messages where mailbox_id = ${mailboxId}::uuid`.execute(
    platform.db,
  )
  await sql`delete from messages where mailbox_id = ${mailboxId}::uuid`.execute(platform.db)
  await sql`
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, saved_at)
    select ${mailboxId}::uuid, case
        when n > ${count * 0.99}::float8 then ${idOf('Junk')}::uuid when n % 20 = 0 then ${idOf('Trash')}::uuid
        when n > ${count * 0.45}::float8 then ${idOf('INBOX')}::uuid
        when n % 450 = 1 then ${idOf(smallFolder)}::uuid else ${idOf('Archive')}::uuid end,
      n, (to_time || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid, 2,
      case when n % 51 = 0 then 0 else 1 end | case when n % 203 = 0 then 4 else 0 end,
      case when n % 101 = 0 then '{Work}'::text[] else '{}' end, at, size_bytes, body_id,
      (substr(md5((n / 4)::text), 1, 12) || '7' || substr(md5((n / 4)::text), 13, 3) || '8' || substr(md5((n / 4)::text), 16, 15))::uuid,
      to_timestamp(${newestMs}::float8 / 1000)
    from generate_series(1, ${count}::int) as n
      join bench_seeds on bench_seeds.number = n % (select count(*) from bench_seeds),
      lateral (select to_timestamp(${newestMs}::float8 / 1000 - (${count}::int - n) * ${secondsApart}::int) as at) as dated,
      lateral (select lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') as to_time) as timed`.execute(
    platform.db,
  )
  await sql`
    update folders set uidnext = ${count + 1}::bigint, highest_modseq = 2, message_count = counted.messages,
      unseen_count = counted.unseen, size_bytes = counted.bytes
    from (
      select folder_id, count(*) as messages, count(*) filter (where flags & 1 = 0) as unseen,
        sum(size_bytes)::bigint as bytes
      from messages where mailbox_id = ${mailboxId}::uuid group by folder_id
    ) as counted where mailbox_id = ${mailboxId}::uuid and id = folder_id`.execute(platform.db)
  await sql`drop table bench_seeds`.execute(platform.db)
  await sql`vacuum analyze messages, bodies`.execute(platform.db)
  const { rows } = await sql<{ id: string; thread_id: string }>`
    select id, thread_id from messages where mailbox_id = ${mailboxId}::uuid and uid % ${Math.ceil(count / 500)}::int = 1`.execute(
    platform.db,
  )
  return { ids: rows.map(({ id }) => id), threadIds: rows.map((row) => row.thread_id), newestMs }
}

async function storeBodies(
  platform: Platform,
  mailboxId: string,
  folderId: string,
  address: string,
  count: number,
): Promise<void> {
  const place = { mailboxId, folderId, flags: 1, keywords: [], internalDate: platform.clock.now() }
  for (let at = 0; at < count; at += bodiesPerTransaction) {
    const bodies: StagedBody[] = []
    for (let n = at; n < Math.min(count, at + bodiesPerTransaction); n++) {
      const writer = createBodyWriter(platform)
      await writer.write(Buffer.from(withAttachment(loadMessage(`read-${n}`, address, 3_000).data, n)))
      bodies.push(await writer.finish())
    }
    await transaction(platform.db, (tx) =>
      storeMessages(
        platform,
        tx,
        bodies.map((body) => ({ ...place, body })),
        () => [],
      ),
    )
  }
}

/** Every tenth message is a text with a file. */
function withAttachment(raw: string, n: number): string {
  if (n % 10 !== 0) return raw
  const end = raw.indexOf('\r\n\r\n')
  const [head, text] = [raw.slice(0, end), raw.slice(end + 4)]
  const fields = head.split('\r\n').filter((line) => !/^(?:content-|mime-)/i.test(line))
  const file = 'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nfile'
  return [
    ...fields,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=bench',
    '',
    '--bench',
    '',
    text,
    '--bench',
    file,
    '--bench--',
    '',
  ].join('\r\n')
}
