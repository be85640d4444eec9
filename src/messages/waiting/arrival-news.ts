/** What the event bus tells of messages that arrive in a mailbox, on this node and on others. */
import type { PublishedEvent } from '../../platform/event-bus.ts'
import type { Platform } from '../../platform/platform.ts'
import { fieldOf } from '../folder-event-fields.ts'
import type { ArrivalPlace } from './arrival-cursor.ts'

export type ArrivalNews = Disposable & {
  /** Ids of messages that have arrived since the last call; waits for the first. */
  next(ended: AbortSignal): Promise<readonly string[] | 'too_many' | 'ended'>
}

/** Messages that may wait to be looked at. */
const pendingMax = 1000

/** Messages that a program puts there count, too, unless they are older than `from`: it may be moving a mailbox in. */
export function listenForArrivals(platform: Platform, mailboxId: string, from: ArrivalPlace): ArrivalNews {
  let pending: string[] = []
  let hasTooMany = false
  let wake: (() => void) | null = null
  const stop = platform.bus.subscribeMailbox(mailboxId, (event) => {
    const ids = arrivedIn(event, from)
    if (ids.length === 0) return
    if (pending.length + ids.length > pendingMax) hasTooMany = true
    else pending.push(...ids)
    wake?.()
  })
  return {
    async next(ended) {
      if (pending.length === 0 && !hasTooMany && !ended.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        ended.addEventListener('abort', wake)
        await promise
        ended.removeEventListener('abort', wake)
        wake = null
      }
      const ids = pending
      const isIncomplete = hasTooMany
      pending = []
      hasTooMany = false
      if (isIncomplete) return 'too_many'
      return ids.length > 0 ? ids : 'ended'
    },
    [Symbol.dispose]: stop,
  }
}

function arrivedIn({ type, data }: PublishedEvent, { fromId }: ArrivalPlace): string[] {
  if (type === 'message.received') return textsOf([fieldOf(data, 'message_id')])
  if (type !== 'message.appended') return []
  const ids = fieldOf(data, 'message_ids')
  return Array.isArray(ids) ? textsOf(ids).filter((id) => id >= fromId) : []
}

function textsOf(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string')
}
