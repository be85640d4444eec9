/**
 * The commit lane: messages that are accepted at the same moment, for any mailboxes, are committed together,
 * and each caller hears back after that commit. While one transaction runs the next one fills, so that load
 * makes transactions fuller instead of more.
 */

import { insertBodies, type StagedBody } from '../messages/bodies.ts'
import { summaryOf } from '../messages/message-summary.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { type StoredMessage, storeMessages } from '../messages/store.ts'
import { holdBodies } from '../messages/sweep.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents, type NewEvent } from '../platform/events.ts'
import { addJobs, type NewJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { contactsStatement } from './contacts.ts'
import { SendingRefused } from './limits/refused.ts'
import { type OutboundMessage, queueOutbound } from './outbound/queue.ts'
import type { ArrivalRefusal } from './refusal.ts'
import type { Answer } from './submission/mark-answered.ts'

/** Where a message is put for one of its local recipients. */
export type Placement = {
  owner: MailboxOwner
  folderId: string
  flags: number
  keywords: readonly string[]
  /** It is the sender's own copy, which nobody received. */
  isSentCopy?: true
}

/** One message that was received whole, for everyone that it is for. */
export type Delivery = {
  body: StagedBody
  internalDate: Date
  placements: readonly Placement[]
  /** What leaves the platform, each with the same body: the rest of a submission, forwards. */
  outbound: readonly OutboundMessage[]
  /** What is done after the commit, and only then. */
  jobs: readonly NewJob[]
  /** What is told beside the arrival itself. */
  events?: readonly NewEvent[]
  /** Ids of those that need the body without being a message (a report that is read by a job). */
  holders: readonly string[]
  /** Of what a mailbox sends: it and everyone that it is for, who become its contacts. */
  sentBy?: MailboxOwner & {
    recipients: readonly string[]
    /** Addresses that were asked for: of a forward its own, and not where it leads. */
    addressedCount: number
    /** Of these, those who have it when it is committed. */
    delivered: readonly string[]
  }
  /** The sender's copy, where it has been stored before; null is gone. */
  sentCopy?: Pick<StoredMessage, 'id' | 'threadId'> | null
  /** What a program says that it answers, or passes on. */
  answers?: Answer
}

/**
 * 'gone': a recipient's mailbox vanished after RCPT TO. 'refused': the sender may not send so much, or not now. Nothing of
 * the delivery was stored.
 */
export type DeliveryResult = { kind: 'stored'; messages: StoredMessage[] } | { kind: 'gone' } | ArrivalRefusal

export type CommitLane = {
  /** Resolves after the commit; rejects when the database failed and nothing was stored. */
  deliver(delivery: Delivery): Promise<DeliveryResult>
  /** Waits for what is under way. */
  stop(): Promise<void>
}

const lanesMax = 1
const deliveriesPerCommitMax = 100
// A delivery may have a thousand recipients, and becomes a message for each.
const messagesPerCommitMax = 2000
const bytesPerCommitMax = 16 * 1024 * 1024

type Waiting = {
  delivery: Delivery
  resolve: (result: DeliveryResult) => void
  reject: (error: unknown) => void
}

export function startCommitLane(platform: Platform): CommitLane {
  const waiting: Waiting[] = []
  const running = new Set<Promise<void>>()

  const start = (): void => {
    while (running.size < lanesMax && waiting.length > 0) {
      const run = commitBatch(platform, takeBatch(waiting)).finally(() => {
        running.delete(run)
        start()
      })
      running.add(run)
    }
  }
  return {
    deliver: (delivery) =>
      new Promise((resolve, reject) => {
        waiting.push({ delivery, resolve, reject })
        // Whatever else arrived in this turn of the event loop goes with it.
        if (waiting.length === 1) setImmediate(start)
      }),
    async stop() {
      while (running.size > 0 || waiting.length > 0) {
        start()
        await Promise.all(running)
      }
    },
  }
}

function takeBatch(waiting: Waiting[]): Waiting[] {
  let count = 0
  let messages = 0
  let bytes = 0
  for (const { delivery } of waiting) {
    messages += delivery.placements.length
    bytes += delivery.body.content?.length ?? 0
    const isFull =
      count >= deliveriesPerCommitMax || messages > messagesPerCommitMax || bytes > bytesPerCommitMax
    if (count > 0 && isFull) break
    count++
  }
  return waiting.splice(0, count)
}

/** Commits a batch. Never rejects: each of the waiting hears for itself. */
async function commitBatch(platform: Platform, batch: Waiting[]): Promise<void> {
  let rest = batch
  while (rest.length > 0) {
    const outcome = await tryCommit(
      platform,
      rest.map((one) => one.delivery),
    )
    if (outcome.kind === 'committed') {
      for (const [index, one] of rest.entries()) {
        one.resolve({ kind: 'stored', messages: outcome.messages[index] ?? [] })
      }
      return
    }
    if (outcome.kind === 'failed') return await failBatch(platform, rest, outcome.error)
    const { unstored } = outcome
    for (const [index, one] of rest.entries()) {
      const result = unstored.get(index)
      if (result) one.resolve(result)
    }
    rest = rest.filter((_, index) => !unstored.has(index))
  }
}

/** One message that the database refuses must not take those with it that came at the same moment. */
async function failBatch(platform: Platform, batch: Waiting[], error: unknown): Promise<void> {
  const [only] = batch
  if (only && batch.length === 1) {
    platform.log.error({ event: 'delivery.commit_failed', cause: error })
    only.reject(error)
    return
  }
  for (const one of batch) await commitBatch(platform, [one])
}

type Outcome =
  | { kind: 'committed'; messages: StoredMessage[][] }
  /** Those that are not stored, by their place; the others are for another try. */
  | { kind: 'unstored'; unstored: ReadonlyMap<number, { kind: 'gone' } | ArrivalRefusal> }
  | { kind: 'failed'; error: unknown }

/** Thrown inside the transaction to roll it back. */
class Unstored extends Error {
  readonly unstored: ReadonlyMap<number, { kind: 'gone' } | ArrivalRefusal>

  constructor(unstored: ReadonlyMap<number, { kind: 'gone' } | ArrivalRefusal>) {
    super('some deliveries cannot be stored')
    this.unstored = unstored
  }
}

async function tryCommit(platform: Platform, deliveries: readonly Delivery[]): Promise<Outcome> {
  const endTimer = platform.metrics.commits.startTimer()
  try {
    const messages = await transaction(platform.db, (tx) => writeDeliveries(platform, tx, deliveries))
    endTimer()
    platform.metrics.commitMessages.observe(deliveries.length)
    return { kind: 'committed', messages }
  } catch (error) {
    if (error instanceof Unstored) return { kind: 'unstored', unstored: error.unstored }
    return { kind: 'failed', error }
  }
}

/**
 * Writes deliveries in the caller's transaction.
 * @returns for each the messages that it became, in the order of its recipients.
 * @throws when a recipient's mailbox vanished.
 */
export async function writeDeliveries(
  platform: Platform,
  tx: Tx,
  deliveries: readonly Delivery[],
): Promise<StoredMessage[][]> {
  const targets = deliveries.flatMap((delivery, index) =>
    delivery.placements.map((placement) => ({ delivery, placement, index })),
  )
  const stored = await storeMessages(
    platform,
    tx,
    targets.map(({ delivery, placement }) => ({
      mailboxId: placement.owner.mailboxId,
      folderId: placement.folderId,
      body: delivery.body,
      flags: placement.flags,
      keywords: placement.keywords,
      internalDate: delivery.internalDate,
    })),
    (messages) => {
      const gone = targets.flatMap(({ index }, at) => (messages[at] ? [] : [index]))
      if (gone.length > 0) throw new Unstored(new Map(gone.map((index) => [index, { kind: 'gone' }])))
      return targets.flatMap(({ delivery, placement }, at) =>
        messages[at] ? [storedEvent(delivery, placement, messages[at])] : [],
      )
    },
  )
  const queued = await writeOutbound(platform, tx, deliveries)
  await addJobs(
    tx,
    deliveries.flatMap((delivery) => delivery.jobs),
  )
  const messages = deliveries.map((): StoredMessage[] => [])
  for (const [at, { index }] of targets.entries()) {
    const message = stored[at]
    if (message) messages[index]?.push(message)
  }
  const events = deliveries.flatMap((delivery, at) => [
    ...(delivery.events ?? []),
    ...sentEvents(delivery, messages[at] ?? [], queued.get(at) ?? []),
  ])
  await appendEvents(platform, tx, events)
  await contactsStatement(deliveries, messages, platform.clock.now())?.execute(tx)
  return messages
}

/**
 * Writes one delivery in the caller's transaction, for callers who answer to people.
 * @throws Refusal sending_limit_reached, sending_paused; recipient_refused when a recipient's mailbox vanished.
 */
export async function writeDelivery(
  platform: Platform,
  tx: Tx,
  delivery: Delivery,
): Promise<StoredMessage[]> {
  try {
    const [messages = []] = await writeDeliveries(platform, tx, [delivery])
    return messages
  } catch (error) {
    const [why] = error instanceof Unstored ? error.unstored.values() : []
    if (why === undefined) throw error
    if (why.kind === 'refused') throw new SendingRefused(new Map([[0, why]]))
    throw new Refusal('recipient_refused', 'A recipient’s mailbox went away in this moment.')
  }
}

function storedEvent({ body }: Delivery, { owner, isSentCopy }: Placement, message: StoredMessage): NewEvent {
  const { id, folderId: folder_id, modseq: highest_modseq } = message
  if (isSentCopy) {
    return { type: 'message.appended', ...owner, data: { folder_id, highest_modseq, message_ids: [id] } }
  }
  return {
    type: 'message.received',
    ...owner,
    data: {
      message_id: id,
      folder_id,
      folder: message.folderPath,
      uid: message.uid,
      highest_modseq,
      thread_id: message.threadId,
      size_bytes: message.sizeBytes,
      ...summaryOf(body.parsed),
    },
  }
}

/** Of what a mailbox sends, also to mailboxes here alone: that it went, and who has it already. */
function sentEvents(
  { body, sentBy, sentCopy, placements, answers }: Delivery,
  messages: readonly StoredMessage[],
  queued: readonly QueuedMessage[],
): NewEvent[] {
  if (sentBy === undefined) return []
  const { recipients: _, addressedCount, delivered, ...owner } = sentBy
  const copy = messages[placements.findIndex(({ isSentCopy }) => isSentCopy === true)] ?? sentCopy
  const ids = {
    message_id: copy?.id ?? null,
    outbound_message_id: queued.find(({ isOwn }) => isOwn)?.id ?? null,
  }
  return [
    {
      type: 'message.sent',
      ...owner,
      data: {
        ...ids,
        thread_id: copy?.threadId ?? null,
        recipients: addressedCount,
        ...summaryOf(body.parsed),
        ...(answers === undefined ? {} : { answers: { message_id: answers.messageId, kind: answers.kind } }),
      },
    },
    ...delivered.map((rcpt_to): NewEvent => {
      const data = { ...ids, outbound_recipient_id: null, rcpt_to, reply: null }
      return { type: 'message.delivered', ...owner, data }
    }),
  ]
}

/** `isOwn`: it is what the sender itself sends, and no forward. */
type QueuedMessage = { id: string; isOwn: boolean }

/** @returns what was queued of each delivery, by its place. */
async function writeOutbound(
  platform: Platform,
  tx: Tx,
  deliveries: readonly Delivery[],
): Promise<ReadonlyMap<number, QueuedMessage[]>> {
  const leaving = deliveries.filter(({ outbound, holders }) => outbound.length > 0 || holders.length > 0)
  // The store has written the bodies of those that also stay here.
  const bodies = leaving.filter(({ placements }) => placements.length === 0).map(({ body }) => body)
  await insertBodies(tx, bodies, platform.clock.now())
  const holds = leaving.flatMap(({ body, holders }) =>
    holders.map((holderId) => ({ bodyId: body.id, holderId })),
  )
  if (holds.length > 0) await holdBodies(holds).execute(tx)
  const entries = deliveries.flatMap(({ body, outbound }, index) =>
    outbound.map((message) => ({ bodyId: body.id, message, index })),
  )
  const ids = await queueOutbound(platform, tx, entries).catch((error: unknown) => {
    if (!(error instanceof SendingRefused)) throw error
    const places = [...error.refused].map(([at, refusal]) => [entries[at]?.index ?? 0, refusal] as const)
    throw new Unstored(new Map(places))
  })
  const queued = entries.map(({ index, message }, at) => ({
    index,
    id: ids[at] ?? '',
    isOwn: message.kind === 'submission',
  }))
  return Map.groupBy(queued, ({ index }) => index)
}
