/**
 * Many sessions run random commands on the same folders at once, and a model of each client checks every response.
 * At the end every client's picture, made from responses alone, is what the folder holds, and no message is lost, seen
 * twice or from nowhere. MAILWRIGHT_TEST_SEED repeats a run's commands, MAILWRIGHT_TEST_STEPS makes it longer.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectImapLoad, type ImapLoadClient } from '../src/testing/imap-load.ts'
import { createFolderModel, type FolderModel, normalFlags, takeResponses } from '../src/testing/imap-model.ts'
import { randomNumbers } from '../src/testing/random-numbers.ts'
import { startTestImap, type TestImap } from '../src/testing/test-imap.ts'
import type { TestMailbox } from '../src/testing/test-platform.ts'

const seed = Number(process.env['MAILWRIGHT_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const stepsPerSession = Number(process.env['MAILWRIGHT_TEST_STEPS'] ?? 120)
const folders = ['INBOX', 'Shared', 'Other'] as const
const kinds: readonly Kind[] = ['plain', 'plain', 'condstore', 'condstore', 'qresync', 'qresync']

type Folder = (typeof folders)[number]
type Kind = 'plain' | 'condstore' | 'qresync'

/** What all sessions did together. */
type Truth = {
  /** `INBOX 7` -> the subject of the message that got this place, or `=Other 3`: it is a copy from there. */
  placed: Map<string, string>
  /** Places whose message somebody may have removed. */
  removable: Set<string>
  /** Places whose message was not there any more. Whose remover still waits for his answer is known at the end. */
  gone: Set<string>
  subjects: number
}

type Session = {
  name: string
  kind: Kind
  imap: ImapLoadClient
  folder: Folder
  model: FolderModel
  random: (below: number) => number
}

let server: TestImap
before(async () => {
  server = await startTestImap()
})
after(() => server[Symbol.asyncDispose]())

describe(`seed ${seed}`, () => {
  test(`${kinds.length} sessions, ${stepsPerSession} commands each`, async () => {
    const mailbox = await server.test.createMailbox()
    const truth: Truth = { placed: new Map(), removable: new Set(), gone: new Set(), subjects: 0 }
    const first = await open(mailbox, 'plain', 'setup', () => 0)
    for (const folder of folders.slice(1)) await first.imap.run(`CREATE ${folder}`)
    const sessions = await Promise.all(
      kinds.map((kind, at) => open(mailbox, kind, `$s${at}`, randomNumbers(seed + at))),
    )
    for (let n = 0; n < 20; n++) await append(first, truth)
    await Promise.all(sessions.map((session) => work(session, truth, mailbox)))
    for (const session of sessions) await compare(session, first)
    await account(first, truth)
    for (const { imap } of [...sessions, first]) imap.close()
  })
})

async function open(
  mailbox: TestMailbox,
  kind: Kind,
  name: string,
  random: Session['random'],
): Promise<Session> {
  const imap = await connect(mailbox, kind)
  const session: Session = { name, kind, imap, folder: 'INBOX', model: createFolderModel(), random }
  await select(session, 'INBOX')
  return session
}

async function connect(mailbox: TestMailbox, kind: Kind): Promise<ImapLoadClient> {
  const { address: username, password } = mailbox
  const imap = await connectImapLoad({ host: '127.0.0.1', port: server.listener.port, username, password })
  if (kind !== 'plain') await imap.run(`ENABLE ${kind.toUpperCase()}`)
  return imap
}

/** Runs a command and takes in what it brings; then asks who the messages are that it told of. */
async function run(session: Session, command: string): Promise<string> {
  const text = await exchange(session, command)
  for (let tries = 0; session.model.messages.some(({ uid }) => uid === null); tries++) {
    assert.ok(tries < 20, `${session.name}: messages that are neither shown nor expunged`)
    // One that was expunged meanwhile keeps its number and is not shown; NOOP takes it away.
    if (tries > 0) await exchange(session, 'NOOP')
    const unknown = session.model.messages.findIndex(({ uid }) => uid === null)
    if (unknown === -1) break
    await exchange(session, `FETCH ${unknown + 1}:* (UID FLAGS${session.kind === 'plain' ? '' : ' MODSEQ'})`)
  }
  return text
}

async function exchange({ name, folder, kind, imap, model }: Session, command: string): Promise<string> {
  const text = await imap.run(command).catch((error: Error) => {
    throw new Error(`${name} ${folder}: ${command.slice(0, 200)}: ${error.message}`)
  })
  const usesNumbers = /^(FETCH|STORE|SEARCH)/.test(command)
  takeResponses(model, text, { usesNumbers, vanished: kind === 'qresync' })
  return text
}

async function select(session: Session, folder: Folder): Promise<void> {
  session.model = createFolderModel()
  session.folder = folder
  await run(session, `SELECT ${folder}`)
  assert.ok(session.model.uidvalidity > 0)
}

type Step = (session: Session, truth: Truth, mailbox: TestMailbox) => Promise<unknown>

const steps: readonly [weight: number, step: Step][] = [
  [12, append],
  [10, storeOwn],
  [10, storeShared],
  [6, deleteSome],
  [4, (session, truth) => expunge(session, truth)],
  [4, copy],
  [3, move],
  [8, searchOwn],
  [10, fetchSome],
  [6, (session) => run(session, 'NOOP')],
  [4, (session) => run(session, `STATUS ${pick(session, folders)} (MESSAGES UIDNEXT UNSEEN)`)],
  [4, (session, truth) => leave(session, truth, pick(session, folders))],
  [3, idle],
  [2, resynchronize],
]
const totalWeight = steps.reduce((sum, [weight]) => sum + weight, 0)

async function work(session: Session, truth: Truth, mailbox: TestMailbox): Promise<void> {
  for (let n = 0; n < stepsPerSession; n++) {
    await pickStep(session.random(totalWeight))(session, truth, mailbox)
    noteGone(session, truth)
  }
}

function pickStep(at: number): Step {
  let left = at
  for (const [weight, step] of steps) {
    left -= weight
    if (left < 0) return step
  }
  throw new Error('the weights do not add up')
}

function noteGone(session: Session, truth: Truth): void {
  for (const uid of session.model.gone.splice(0)) {
    truth.gone.add(`${session.folder} ${uid}`)
  }
}

function pick<T>(session: Session, from: readonly T[]): T {
  const one = from[session.random(from.length)]
  assert.ok(one !== undefined)
  return one
}

/** Some numbers of a random message and those behind it; null in an empty folder. */
function someMessages(session: Session, most: number): { set: string; uids: number[] } | null {
  const { messages } = session.model
  if (messages.length === 0) return null
  const from = session.random(messages.length)
  const chosen = messages.slice(from, from + 1 + session.random(most))
  return { set: `${from + 1}:${from + chosen.length}`, uids: chosen.flatMap(({ uid }) => uid ?? []) }
}

async function append(session: Session, truth: Truth): Promise<void> {
  const folder = pick(session, folders)
  const count = 1 + session.random(3)
  const subjects = Array.from({ length: count }, () => `stress ${++truth.subjects}`)
  const literals = subjects.map((subject) => {
    const message = `Subject: ${subject}\r\n\r\nText of ${subject}\r\n`
    return `{${message.length}+}\r\n${message}`
  })
  const text = await run(session, `APPEND ${folder} ${literals.join(' ')}`)
  place(truth, folder, /APPENDUID \d+ ([\d:,]+)/.exec(text)?.[1] ?? '', subjects)
}

function place(truth: Truth, folder: Folder, set: string, subjects: readonly string[]): void {
  const uids = uidsOf(set)
  assert.equal(uids.length, subjects.length)
  uids.forEach((uid, at) => {
    assert.ok(!truth.placed.has(`${folder} ${uid}`), `${folder} ${uid} was given twice`)
    truth.placed.set(`${folder} ${uid}`, subjects[at] ?? '')
  })
}

function uidsOf(set: string): number[] {
  return set
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [from = 0, to = from] = range.split(':').map(Number)
      return Array.from({ length: to - from + 1 }, (_, at) => from + at)
    })
}

/** A keyword that only this session uses: what it stored is what it must see. */
async function storeOwn(session: Session): Promise<void> {
  const some = someMessages(session, 4)
  if (some === null) return
  const adds = session.random(2) === 0
  const silent = session.random(3) === 0
  await run(
    session,
    `UID STORE ${some.uids.join(',')} ${adds ? '+' : '-'}FLAGS${silent ? '.SILENT' : ''} (${session.name})`,
  )
  for (const message of session.model.messages) {
    if (message.uid === null || !some.uids.includes(message.uid) || message.flags === null) continue
    const has = message.flags.split(' ').includes(session.name)
    if (silent && has !== adds)
      message.flags = normalFlags(
        adds ? `${message.flags} ${session.name}` : without(message.flags, session.name),
      )
    // A message that is gone, but not told yet, stays as it was.
    else if (has !== adds)
      assert.ok(await isGoneSoon(session, message.uid), `UID ${message.uid} is not as stored`)
  }
}

function without(flags: string, flag: string): string {
  return flags
    .split(' ')
    .filter((one) => one !== flag)
    .join(' ')
}

async function isGoneSoon(session: Session, uid: number): Promise<boolean> {
  await run(session, 'NOOP')
  return !session.model.messages.some((message) => message.uid === uid)
}

async function storeShared(session: Session): Promise<void> {
  const some = someMessages(session, 5)
  if (some === null) return
  const sign = pick(session, ['+', '-'])
  const flags = pick(session, ['\\Seen', '\\Flagged', '\\Answered \\Seen', '$Shared', '\\Draft $Other'])
  const since =
    session.kind !== 'plain' && session.random(4) === 0
      ? `(UNCHANGEDSINCE ${session.model.highestModseq}) `
      : ''
  await run(session, `STORE ${some.set} ${since}${sign}FLAGS (${flags})`)
}

async function deleteSome(session: Session, truth: Truth): Promise<void> {
  const some = someMessages(session, 2)
  if (some === null) return
  for (const uid of some.uids) truth.removable.add(`${session.folder} ${uid}`)
  await run(session, `UID STORE ${some.uids.join(',')} +FLAGS (\\Deleted)`)
}

async function expunge(session: Session, truth: Truth): Promise<void> {
  const some = session.random(2) === 0 ? someMessages(session, 10) : null
  await run(session, some === null ? 'EXPUNGE' : `UID EXPUNGE ${some.uids.join(',')}`)
  noteGone(session, truth)
}

async function copy(session: Session, truth: Truth): Promise<void> {
  const some = someMessages(session, 3)
  if (some === null) return
  const target = pick(session, folders)
  const text = await run(session, `UID COPY ${some.uids.join(',')} ${target}`)
  placeCopies(session, truth, target, text)
}

/** The copied message may be one whose own APPEND has no answer yet: the copy refers to its place. */
function placeCopies(session: Session, truth: Truth, target: Folder, text: string): void {
  const [, from = '', to = ''] = /COPYUID \d+ ([\d:,]+) ([\d:,]+)/.exec(text) ?? []
  const sources = uidsOf(from).map((uid) => `=${session.folder} ${uid}`)
  place(truth, target, to, sources)
}

function subjectAt(truth: Truth, at: string): string | undefined {
  const subject = truth.placed.get(at)
  return subject?.startsWith('=') ? subjectAt(truth, subject.slice(1)) : subject
}

/** Copies bring \Deleted along, and then anyone may expunge them. */
function isRemovable(truth: Truth, at: string): boolean {
  const subject = truth.placed.get(at)
  return (
    truth.removable.has(at) || (subject?.startsWith('=') === true && isRemovable(truth, subject.slice(1)))
  )
}

async function move(session: Session, truth: Truth): Promise<void> {
  const some = someMessages(session, 2)
  if (some === null) return
  const target = pick(session, folders)
  for (const uid of some.uids) truth.removable.add(`${session.folder} ${uid}`)
  placeCopies(session, truth, target, await run(session, `UID MOVE ${some.uids.join(',')} ${target}`))
  noteGone(session, truth)
}

async function searchOwn(session: Session, truth: Truth): Promise<void> {
  const known = [...session.model.messages] // what the answer tells of besides may be younger than the search
  const text = await run(session, `UID SEARCH KEYWORD ${session.name}`)
  const found = new Set(
    (/^\* SEARCH ?([\d ]*)/m.exec(text)?.[1] ?? '').split(' ').filter(Boolean).map(Number),
  )
  for (const { uid, flags } of known) {
    if (uid === null || flags === null) continue
    const has = flags.split(' ').includes(session.name)
    if (found.has(uid)) assert.ok(has, `${session.folder} ${uid} is found by a keyword that it does not have`)
    else if (has) truth.gone.add(`${session.folder} ${uid}`)
  }
}

async function fetchSome(session: Session, truth: Truth): Promise<void> {
  const some = someMessages(session, 10)
  if (some === null) return
  const text = await run(session, `FETCH ${some.set} (UID FLAGS ENVELOPE)`)
  for (const [, uid, subject] of text.matchAll(/\* \d+ FETCH \(UID (\d+) .*?ENVELOPE \(NIL "([^"]*)"/g)) {
    const wanted = subjectAt(truth, `${session.folder} ${uid}`)
    if (wanted !== undefined) assert.equal(subject, wanted) // else its APPEND has no answer yet
  }
}

async function leave(session: Session, truth: Truth, folder: Folder): Promise<void> {
  noteGone(session, truth)
  await select(session, folder)
}

async function idle(session: Session): Promise<void> {
  const answer = run(session, 'IDLE')
  await sleep(5 + session.random(30))
  session.imap.send('DONE\r\n')
  await answer
}

/** The connection is lost; the client comes back with what it knows (RFC 7162 §3.2.5). */
async function resynchronize(session: Session, truth: Truth, mailbox: TestMailbox): Promise<void> {
  await run(session, 'NOOP')
  noteGone(session, truth)
  session.imap.close()
  session.imap = await connect(mailbox, session.kind)
  if (session.kind !== 'qresync') return await select(session, session.folder)
  const { model } = session
  const text = await session.imap.run(
    `SELECT ${session.folder} (QRESYNC (${model.uidvalidity} ${Math.max(1, model.highestModseq)}))`,
  )
  // VANISHED and FETCH come after EXISTS, which counts what is there now: they are taken in first.
  const lines = text.split('\r\n')
  const vanished = lines.filter((line) => line.startsWith('* VANISHED'))
  takeResponses(model, vanished.join('\r\n'), { usesNumbers: false, vanished: true })
  takeResponses(model, lines.filter((line) => !line.startsWith('* VANISHED')).join('\r\n'), {
    usesNumbers: false,
    vanished: true,
  })
  await run(session, 'NOOP')
}

/** The client's picture is the folder, as a new session reads it. */
async function compare(session: Session, fresh: Session): Promise<void> {
  await run(session, 'NOOP')
  const text = await fresh.imap
    .run(`EXAMINE ${session.folder}`)
    .then(() => fresh.imap.run('UID FETCH 1:* (FLAGS)'))
  const real = Array.from(text.matchAll(/\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)/g), ([, uid, flags]) => [
    Number(uid),
    normalFlags(flags ?? ''),
  ])
  const known = session.model.messages.map(({ uid, flags }) => [uid, flags])
  assert.deepEqual(known, real, `${session.name} (${session.kind}) knows another ${session.folder}`)
}

/** Every message that was put somewhere and never removed is there, once, and nothing else is. */
async function account(fresh: Session, truth: Truth): Promise<void> {
  for (const at of truth.gone) assert.ok(isRemovable(truth, at), `${at} went and nobody removed it`)
  for (const folder of folders) {
    await fresh.imap.run(`EXAMINE ${folder}`)
    const text = await fresh.imap.run('UID FETCH 1:* (ENVELOPE)')
    const there = new Map(
      Array.from(text.matchAll(/\* \d+ FETCH \(UID (\d+) ENVELOPE \(NIL "([^"]*)"/g), ([, uid, subject]) => [
        `${folder} ${uid}`,
        subject,
      ]),
    )
    for (const [at, subject] of there) {
      assert.equal(subject, subjectAt(truth, at), `${at} is from nowhere`)
      assert.ok(!truth.gone.has(at), `${at} was told to be gone`)
    }
    for (const at of truth.placed.keys()) {
      if (!at.startsWith(`${folder} `) || isRemovable(truth, at)) continue
      assert.ok(there.has(at), `${at} is lost`)
    }
  }
}
