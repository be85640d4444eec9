/**
 * A client that follows a folder with QRESYNC as RFC 7162 §6 tells it to, loses its connection at any moment and
 * resynchronizes, while others change the folder and old tombstones go: it ends with what a full fetch says.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import { folderIdOf } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
}

/** What the client keeps, with and without a connection. */
type Cache = {
  flags: Map<number, string>
  /** Every message up to this UID was asked for. */
  fetchedTo: number
  uidValidity: number
  highestModseq: number
}

const uidsOf = (set: string): number[] =>
  set.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split(':').map(Number)
    return Array.from({ length: to - from + 1 }, (_, at) => from + at)
  })

const sorted = (flags: string): string =>
  flags.replace('\\Recent', '').split(' ').filter(Boolean).toSorted().join(' ')

/** Runs a command and takes what it tells. @returns the answer's lines. */
async function follow(client: RawClient, cache: Cache, command: string): Promise<string[]> {
  const { untagged, tagged } = await client.run(command)
  assert.match(tagged, /^OK/, command)
  let seen = 0
  let told: number | null = null
  for (const line of [...untagged, tagged]) {
    const [, vanished] = /^\* VANISHED (?:\(EARLIER\) )?(\S+)$/.exec(line) ?? []
    if (vanished !== undefined) for (const uid of uidsOf(vanished)) cache.flags.delete(uid)
    const [, uid] = /^\* \d+ FETCH \(.*UID (\d+)/.exec(line) ?? []
    const [, flags] = /^\* \d+ FETCH .*FLAGS \(([^)]*)\)/.exec(line) ?? []
    const [, modseq] = /^\* \d+ FETCH .*MODSEQ \((\d+)\)/.exec(line) ?? []
    if (/^\* \d+ FETCH/.test(line)) assert.ok(uid !== undefined && modseq !== undefined, line)
    if (uid !== undefined && flags !== undefined) cache.flags.set(Number(uid), sorted(flags))
    if (modseq !== undefined) seen = Math.max(seen, Number(modseq))
    const [, highest] = /\[HIGHESTMODSEQ (\d+)\]/.exec(line) ?? []
    if (highest !== undefined) told = Number(highest)
  }
  // RFC 7162 §6: what it is told goes before what it saw.
  cache.highestModseq = told ?? Math.max(cache.highestModseq, seen)
  return untagged
}

async function fetchNew(client: RawClient, cache: Cache): Promise<void> {
  await follow(client, cache, `UID FETCH ${cache.fetchedTo + 1}:* (FLAGS MODSEQ)`)
  cache.fetchedTo = Math.max(cache.fetchedTo, ...cache.flags.keys())
}

async function connect(mailbox: TestMailbox, cache: Cache): Promise<RawClient> {
  const client = await imap.logIn(mailbox)
  await client.ok('ENABLE QRESYNC')
  const { uidValidity, highestModseq } = cache
  const parameter = highestModseq === 0 ? '' : ` (QRESYNC (${uidValidity} ${highestModseq}))`
  const lines = await follow(client, cache, `SELECT INBOX${parameter}`)
  cache.uidValidity = Number(/UIDVALIDITY (\d+)/.exec(lines.join('\n'))?.[1])
  await fetchNew(client, cache)
  return client
}

/** One thing that another session does. */
async function disturb(other: RawClient, random: (below: number) => number): Promise<void> {
  const first = 1 + random(30)
  const set = `${first}:${first + random(4)}`
  const flag = ['\\Seen', '\\Flagged', 'work', '\\Answered'][random(4)]
  switch (random(6)) {
    case 0:
      await other.append('INBOX', mail('new'), random(3) === 0 ? '(\\Deleted) ' : '')
      return
    case 1:
      await other.ok(`UID STORE ${set} +FLAGS.SILENT (\\Deleted)`)
      await other.ok('EXPUNGE')
      return
    case 2:
      await other.ok(`UID MOVE ${set} INBOX`)
      return
    default:
      await other.ok(`UID STORE ${set} ${random(2) === 0 ? '+' : '-'}FLAGS.SILENT (${flag})`)
  }
}

/** One thing that the client does: by number, where expunges must wait, or not. */
async function act(client: RawClient, cache: Cache, random: (below: number) => number): Promise<void> {
  const uid = 1 + random(30)
  switch (random(7)) {
    case 0:
      return void (await follow(client, cache, 'NOOP'))
    case 1:
      return await fetchNew(client, cache)
    case 2:
      return void (await follow(client, cache, `UID STORE ${uid} +FLAGS (\\Draft)`))
    case 3:
      return void (await follow(client, cache, `UID STORE ${uid} -FLAGS (\\Draft)`))
    case 4:
      return void (await follow(client, cache, 'FETCH * (UID FLAGS MODSEQ)').catch((error: unknown) => {
        if (!String(error).includes('No such message')) throw error // the folder may be empty
      }))
    case 5:
      return void (await follow(client, cache, `UID FETCH ${uid}:* (FLAGS) (CHANGEDSINCE 1 VANISHED)`))
    default:
      return void (await follow(
        client,
        cache,
        `UID STORE ${uid} (UNCHANGEDSINCE ${cache.highestModseq}) +FLAGS (mine)`,
      ))
  }
}

async function prune(folderId: string, random: (below: number) => number): Promise<void> {
  const { db } = imap.test.platform
  const { rows } = await sql<{ modseq: number }>`
    update folders set tombstones_from_modseq = greatest(tombstones_from_modseq, highest_modseq - ${random(3)}::int)
    where id = ${folderId}::uuid returning tombstones_from_modseq as modseq`.execute(db)
  await sql`
    delete from expunged_messages where folder_id = ${folderId}::uuid and modseq <= ${rows[0]?.modseq ?? 0}`.execute(
    db,
  )
}

async function assertEqualToAll(other: RawClient, cache: Cache, what: string): Promise<void> {
  const all = new Map<number, string>()
  for (const line of await other.ok('UID FETCH 1:* FLAGS')) {
    const [, uid, flags = ''] = /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)/.exec(line) ?? []
    if (uid !== undefined) all.set(Number(uid), sorted(flags))
  }
  assert.deepEqual(
    [...cache.flags].toSorted(([a], [b]) => a - b),
    [...all],
    what,
  )
}

for (let seed = 1; seed <= 15; seed++) {
  test(`a client that comes and goes, seed ${seed}`, async () => {
    const random = randomOf(seed)
    const mailbox = await imap.test.createMailbox()
    const folderId = await folderIdOf(imap.test.platform, mailbox.mailboxId, 'INBOX')
    const other = await imap.logIn(mailbox)
    for (let at = 0; at < 12; at++) await other.append('INBOX', mail('one'))
    await other.ok('SELECT INBOX')
    const cache: Cache = { flags: new Map(), fetchedTo: 0, uidValidity: 0, highestModseq: 0 }
    for (let round = 0; round < 5; round++) {
      const client = await connect(mailbox, cache)
      await assertEqualToAll(other, cache, `after connection ${round}`)
      for (let step = 0; step < 12; step++) {
        await disturb(other, random)
        if (random(2) === 0) await act(client, cache, random)
        if (random(4) === 0) await prune(folderId, random)
      }
      if (random(2) === 0) {
        await follow(client, cache, 'NOOP')
        await fetchNew(client, cache)
        await assertEqualToAll(other, cache, `in connection ${round}`)
      }
      client.close() // whatever it has not heard of
      for (let step = random(6); step > 0; step--) await disturb(other, random)
    }
    other.close()
  })
}
