/** A sequencer in memory that takes an address as often as it is given, so that a test sees what was added twice. */
import { sql } from 'kysely'
import { provisionMailboxes, requireMade } from '../mailboxes/provision.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { findChanges } from '../sequencers/changes.ts'
import { createSequencer, type NewSequencer } from '../sequencers/connections.ts'
import {
  type AddOutcome,
  type MailboxAccount,
  type RemoteAccount,
  type RemoteStatus,
  type SequencerDriver,
  SequencerError,
  type SequencerErrorKind,
} from '../sequencers/driver.ts'
import { createExport, type ExportRow } from '../sequencers/exports.ts'
import { setSequencerDrivers } from '../sequencers/opening.ts'
import type { SequencerSettings } from '../sequencers/platforms.ts'
import type { Sequencer, SequencerMailbox } from '../sequencers/rows.ts'
import { reconcileSequencer } from '../sequencers/runner.ts'
import { startTestPlatform, type TestPlatform } from './test-platform.ts'

export type ToolAccount = { id: string; account: MailboxAccount; status: RemoteStatus }

export type ToolCall = { name: keyof SequencerDriver; address: string | null }

/** lost: it is done, and the answer does not come. Another kind: it is not done. */
export type Fault = 'lost' | SequencerErrorKind | null

export type Tool = {
  key: string
  accounts: ToolAccount[]
  calls: ToolCall[]
  /** What is wrong with a call, before it is done. */
  faultOf: (call: ToolCall) => Fault
  /** Runs before a call is answered, and may throw. */
  onCall: (call: ToolCall) => Promise<void> | void
  /** What an addition is answered with. */
  answer: 'added' | 'pending'
  /** Whether what was added shows itself. */
  shows: boolean
  /** The status of accounts that are added. */
  status: RemoteStatus
}

export function createTool(): Tool {
  return {
    key: 'key-of-the-tool',
    accounts: [],
    calls: [],
    faultOf: () => null,
    onCall: () => undefined,
    answer: 'added',
    shows: true,
    status: 'connected',
  }
}

/** Every connection of the platform is to this tool. */
export function useTool(platform: Platform, tool: Tool): void {
  setSequencerDrivers(platform, (_platform, { key }) => ({
    driver: driverOf(tool, key),
    nextCallAt: () => null,
  }))
}

function driverOf(tool: Tool, key: string): SequencerDriver {
  let ids = tool.accounts.length
  const called = async <T>(call: ToolCall, work: () => T): Promise<T> => {
    tool.calls.push(call)
    await tool.onCall(call)
    if (key !== tool.key) throw new SequencerError('bad_key', 'Invalid API key')
    const fault = tool.faultOf(call)
    if (fault === null) return work()
    if (fault !== 'lost') throw new SequencerError(fault, `It said ${fault}.`)
    work()
    throw new SequencerError('unreachable', 'No answer.', { maybeDone: true })
  }
  const remote = ({ id, account, status }: ToolAccount): RemoteAccount => ({
    id,
    address: account.address,
    status,
    words: status === 'connected' ? null : `It is ${status}.`,
  })
  const seen = (): ToolAccount[] => (tool.shows ? tool.accounts : [])
  const put = (account: MailboxAccount): ToolAccount => {
    const kept = { id: `r${++ids}-${account.address}`, account, status: tool.status }
    tool.accounts.push(kept)
    return kept
  }
  const outcomeOf = (kept: ToolAccount): AddOutcome =>
    tool.answer === 'pending' ? { kind: 'pending', ref: null } : { kind: 'added', account: remote(kept) }
  const drop = (id: string): void => {
    tool.accounts = tool.accounts.filter((one) => one.id !== id)
  }
  return {
    check: () => called({ name: 'check', address: null }, () => 'Test account'),
    async add(accounts) {
      const outcomes: AddOutcome[] = []
      for (const account of accounts) {
        const call = { name: 'add', address: account.address } as const
        outcomes.push(outcomeOf(await called(call, () => put(account))))
      }
      return outcomes
    },
    poll: () => called({ name: 'poll', address: null }, () => []),
    find: (address) =>
      called({ name: 'find', address }, () => {
        const found = seen().find(({ account }) => account.address === address)
        return found ? remote(found) : null
      }),
    list: (cursor) =>
      called({ name: 'list', address: null }, () => {
        const from = Number(cursor ?? 0)
        const page = seen().slice(from, from + pageSize)
        const next = from + pageSize < seen().length ? String(from + pageSize) : null
        return { accounts: page.map(remote), next }
      }),
    // Taken away and added anew, as most tools must.
    update: ({ id }, wanted) =>
      called({ name: 'update', address: wanted.address }, () => {
        drop(id)
        return outcomeOf(put(wanted))
      }),
    remove: ({ id, address }) => called({ name: 'remove', address }, () => drop(id)),
  }
}

const pageSize = 20

/** Where clients connect from outside, as a platform with listeners of its own has it. */
export const publicPorts = { MAILWRIGHT_PUBLIC_PORTS: 'imap=143,imaps=993,submission=587,submissions=465' }

export async function startSequencerPlatform(
  environment: Record<string, string> = {},
): Promise<TestPlatform> {
  return await startTestPlatform({ ...publicPorts, ...environment })
}

let made = 1000 // mailboxes of one call get their ids by the alphabet: numbers of one width keep the order

export async function makeMailboxes(
  { platform, scope }: Pick<TestPlatform, 'platform' | 'scope'>,
  count: number,
): Promise<{ id: string; address: string }[]> {
  const items = Array.from({ length: count }, () => ({
    address: `box${++made}@demo.test`,
    displayName: null,
    firstName: 'Ada',
    lastName: 'Byron',
    password: null,
    tags: [],
    service: 'local' as const,
  }))
  const results = await transaction(platform.db, (tx) => provisionMailboxes(platform, tx, scope, items))
  return results.map(requireMade).map(({ id, address }) => ({ id, address }))
}

/** An account that somebody else made at the tool. */
export function accountLike(address: string): MailboxAccount {
  const server = { host: 'mail.example', port: 1, security: 'tls' as const }
  const names = { displayName: 'x', firstName: 'x', lastName: 'x' }
  return { address, ...names, password: 'x', smtp: server, imap: server, dailyLimit: null, warmup: null }
}

export async function connectTool(
  { platform, scope }: Pick<TestPlatform, 'platform' | 'scope'>,
  tool: Pick<Tool, 'key'>,
  more: Partial<NewSequencer> = {},
): Promise<Sequencer> {
  const wanted = { name: 'test', platform: 'smartlead' as const, settings: {}, key: tool.key, ...more }
  return await transaction(platform.db, (tx) => createSequencer(platform, tx, scope, wanted))
}

export async function exportTo(
  { platform, scope }: Pick<TestPlatform, 'platform' | 'scope'>,
  sequencerId: string,
  refs: readonly string[],
): Promise<ExportRow> {
  const wanted = { sequencerId, platform: null, method: null, choice: { refs } }
  const { row } = await transaction(platform.db, (tx) => createExport(platform, tx, scope, wanted))
  return row
}

/** Works with the connection, now and whenever it is due, until nothing is left to be done. */
export async function workOff(platform: Platform, id: string, roundsMax = 500): Promise<void> {
  for (let rounds = 0; rounds < roundsMax; rounds++) {
    await reconcileSequencer(platform, id)
    const { rows } = await sql<{ at: Date | null }>`
      select greatest(min(next_attempt_at), min(retry_at)) as at
      from sequencers join sequencer_mailboxes on sequencer_id = id
      where id = ${id}::uuid and next_attempt_at is not null`.execute(platform.db)
    const at = rows[0]?.at ?? null
    if (at === null) return
    const seconds = Math.ceil((at.getTime() - platform.clock.now().getTime()) / 1000)
    if (seconds > 0) platform.clock.advance?.(`PT${seconds}S`)
  }
  throw new Error('work is left at the sequencer')
}

/** What the job of every minute does, a minute later, and what comes of it. */
export async function lookForChanges(platform: Platform, id: string): Promise<void> {
  platform.clock.advance?.('PT1M')
  await findChanges(platform)
  await workOff(platform, id)
}

/** A connection with one mailbox that is there. */
export async function exportedOne(
  house: Pick<TestPlatform, 'platform' | 'scope'>,
  tool: Tool,
  settings: SequencerSettings = {},
): Promise<{ id: string; address: string; mailboxId: string }> {
  const [mailbox] = await makeMailboxes(house, 1)
  if (!mailbox) throw new Error('no mailbox was made')
  const { id } = await connectTool(house, tool, { settings })
  await exportTo(house, id, [mailbox.id])
  await workOff(house.platform, id)
  return { id, address: mailbox.address, mailboxId: mailbox.id }
}

export async function rowsAt(
  { platform }: Pick<TestPlatform, 'platform'>,
  id: string,
): Promise<SequencerMailbox[]> {
  return await platform.db
    .selectFrom('sequencer_mailboxes')
    .selectAll()
    .where('sequencer_id', '=', id)
    .orderBy('mailbox_id')
    .execute()
}

/** The same of a connection that has one. */
export async function rowAt(house: Pick<TestPlatform, 'platform'>, id: string): Promise<SequencerMailbox> {
  const [found] = await rowsAt(house, id)
  if (!found) throw new Error('the connection has no mailbox')
  return found
}
