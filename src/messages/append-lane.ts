/**
 * APPENDs of several clients at the same moment are committed together, as deliveries are, and each is answered after
 * that commit (decision 0022). While one transaction runs the next one fills.
 */
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { NewEvent } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { type AppendedMessage, appendedEvent, needOf, placesOf } from './append.ts'
import type { MailboxOwner } from './owner.ts'
import { type MailPolicy, policyOf } from './policies.ts'
import { hasRoom, isLimited, type Need, type Usage, usageStatement } from './quotas.ts'
import { type NewMessage, type StoredMessage, storeMessages } from './store.ts'

export type Append = {
  owner: MailboxOwner
  folderId: string
  messages: readonly AppendedMessage[]
  /** Whether the session takes them as \Recent. */
  claimsRecent: boolean
}

type Planned = Append & { places: readonly NewMessage[]; policy: MailPolicy }

type Waiting = {
  append: Planned
  resolve: (stored: StoredMessage[]) => void
  reject: (error: unknown) => void
}

type Lane = { waiting: Waiting[]; isRunning: boolean }

const appendsPerCommitMax = 50
const bytesPerCommitMax = 16 * 1024 * 1024

const lanes = new WeakMap<Platform, Lane>()

/**
 * As `appendMessages`, committed.
 * @throws Refusal folder_not_found, keyword_limit_reached, quota_exceeded.
 */
export async function commitAppend(platform: Platform, append: Append): Promise<StoredMessage[]> {
  const places = placesOf(append.owner, append.folderId, append.messages)
  const policy = await policyOf(platform, append.owner)
  const lane = lanes.get(platform) ?? { waiting: [], isRunning: false }
  lanes.set(platform, lane)
  return await new Promise((resolve, reject) => {
    lane.waiting.push({ append: { ...append, places, policy }, resolve, reject })
    if (lane.isRunning) return
    lane.isRunning = true
    setImmediate(() => void run(platform, lane)) // whatever else arrives in this turn goes with it
  })
}

/** Never rejects: each of the waiting hears for itself. */
async function run(platform: Platform, lane: Lane): Promise<void> {
  while (lane.waiting.length > 0) await commitBatch(platform, takeBatch(lane), { skipLocked: true })
  lane.isRunning = false
}

function takeBatch({ waiting }: Lane): Waiting[] {
  let bytes = 0
  let count = 0
  for (const { append } of waiting) {
    bytes += append.messages.reduce((sum, { body }) => sum + (body.content?.length ?? 0), 0)
    if (count > 0 && (count >= appendsPerCommitMax || bytes > bytesPerCommitMax)) break
    count++
  }
  return waiting.splice(0, count)
}

type Options = {
  /** Whoever must wait for a folder that somebody has locked does so alone, and later. */
  skipLocked: boolean
}

async function commitBatch(platform: Platform, batch: readonly Waiting[], options: Options): Promise<void> {
  let rest = batch
  while (rest.length > 0) {
    try {
      const appends = rest.map(({ append }) => append)
      const stored = await commit(platform, appends, options)
      for (const [index, one] of rest.entries()) settle(platform, one, stored[index] ?? null, options)
      return
    } catch (error) {
      if (!(error instanceof Refused)) {
        failBatch(platform, rest, error)
        return
      }
      const { refused } = error
      for (const [index, { reject }] of rest.entries()) {
        if (refused.has(index)) reject(new Refusal('quota_exceeded'))
      }
      rest = rest.filter((_, index) => !refused.has(index))
    }
  }
}

function settle(
  platform: Platform,
  one: Waiting,
  stored: StoredMessage[] | null,
  { skipLocked }: Options,
): void {
  if (stored !== null) one.resolve(stored)
  else if (skipLocked) void commitBatch(platform, [one], { skipLocked: false })
  else one.reject(new Refusal('folder_not_found'))
}

/** One APPEND that the database refuses must not take those with it that came at the same moment. */
function failBatch(platform: Platform, batch: readonly Waiting[], error: unknown): void {
  const [only] = batch
  if (only !== undefined && batch.length === 1) only.reject(error)
  else for (const one of batch) void commitBatch(platform, [one], { skipLocked: false })
}

/** Thrown inside the transaction to roll it back: those at these places have no room. */
class Refused extends Error {
  readonly refused: ReadonlySet<number>

  constructor(refused: ReadonlySet<number>) {
    super('some have no room')
    this.refused = refused
  }
}

type UsageRow = Usage & { mailbox_id: string }

/**
 * @returns null for those whose folder is not there, or locked.
 * @throws Refused when some have no room: then none is stored.
 */
async function commit(
  platform: Platform,
  appends: readonly Planned[],
  { skipLocked }: Options,
): Promise<(StoredMessage[] | null)[]> {
  const shared = sharedFolders(appends)
  const limited = new Set(
    appends.flatMap(({ owner, policy }) => (isLimited(policy) ? [owner.mailboxId] : [])),
  )
  const places = appends.flatMap((append) =>
    append.places.map((place) => ({
      ...place,
      claimsRecent: append.claimsRecent && !shared.has(append.folderId),
    })),
  )
  const look = limited.size === 0 ? {} : { look: usageStatement([...limited]) }
  return await transaction(platform.db, async (tx) => {
    let stored: (StoredMessage[] | null)[] = []
    const eventsOf = (
      messages: readonly (StoredMessage | null)[],
      looked: readonly unknown[],
    ): NewEvent[] => {
      const usages = new Map((looked as UsageRow[]).map((row) => [row.mailbox_id, row])) // as usageStatement returns
      stored = judge(appends, messages, usages)
      return appends.flatMap(({ owner, folderId }, index) => {
        const mine = stored[index]
        return mine ? [appendedEvent(owner, folderId, mine)] : []
      })
    }
    await storeMessages(platform, tx, places, eventsOf, { ...look, skipLocked })
    return stored
  })
}

/** Folders that more than one of the sessions stores in: whose \Recent messages would they be? */
function sharedFolders(appends: readonly Planned[]): ReadonlySet<string> {
  const groups = Map.groupBy(appends, ({ folderId }) => folderId)
  return new Set([...groups].flatMap(([folderId, group]) => (group.length > 1 ? [folderId] : [])))
}

/** @throws Refused */
function judge(
  appends: readonly Planned[],
  messages: readonly (StoredMessage | null)[],
  usages: ReadonlyMap<string, Need>,
): (StoredMessage[] | null)[] {
  const refused = new Set<number>()
  const added = new Map<string, Need>()
  let at = 0
  const stored = appends.map(({ owner, messages: appended, policy }, index) => {
    const mine = messages.slice(at, at + appended.length).filter((message) => message !== null)
    at += appended.length
    if (mine.length < appended.length) return null
    const need = needOf(appended)
    const usage = sumOf(usages.get(owner.mailboxId), added.get(owner.mailboxId))
    if (!hasRoom(policy, usage, need)) refused.add(index)
    else added.set(owner.mailboxId, sumOf(added.get(owner.mailboxId), need))
    return mine
  })
  if (refused.size > 0) throw new Refused(refused)
  return stored
}

function sumOf(a: Need | undefined, b: Need | undefined): Need {
  return { bytes: (a?.bytes ?? 0) + (b?.bytes ?? 0), messages: (a?.messages ?? 0) + (b?.messages ?? 0) }
}
