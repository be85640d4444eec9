/**
 * What this process is told of events, after their commit: its own at once, other nodes' through the
 * event feed. Listeners are short and never wait; they drop a cache entry or wake a session.
 */

export type PublishedEvent = {
  type: string
  organizationId: string
  workspaceId: string | null
  mailboxId: string | null
  data: unknown
  /** Who caused it, where that is of this process and was said. */
  origin?: symbol
}

export type EventListener = (event: PublishedEvent) => void

export type EventBus = {
  publish(events: readonly PublishedEvent[]): void
  /**
   * Some events of this process may never be told: a connection broke, and what it was committing may have been
   * committed. Who remembers what is stored reads it again.
   */
  doubt(): void
  /** Hears of that. */
  subscribeDoubt(listener: () => void): void
  /** Hears everything. @returns the way to stop. */
  subscribe(listener: EventListener): () => void
  /** Hears what concerns one mailbox. @returns the way to stop. */
  subscribeMailbox(mailboxId: string, listener: EventListener): () => void
}

export function createEventBus(onListenerError: (error: unknown) => void): EventBus {
  const everyone = new Set<EventListener>()
  const byMailbox = new Map<string, Set<EventListener>>()
  const doubting = new Set<() => void>()

  const tell = (listener: EventListener, event: PublishedEvent): void => {
    try {
      listener(event)
    } catch (error) {
      onListenerError(error) // one listener's defect must not keep the others from hearing
    }
  }

  return {
    publish(events) {
      for (const event of events) {
        for (const listener of everyone) tell(listener, event)
        const listeners = event.mailboxId === null ? undefined : byMailbox.get(event.mailboxId)
        for (const listener of listeners ?? []) tell(listener, event)
      }
    },
    doubt() {
      for (const listener of doubting) listener()
    },
    subscribeDoubt: (listener) => void doubting.add(listener),
    subscribe(listener) {
      everyone.add(listener)
      return () => everyone.delete(listener)
    },
    subscribeMailbox(mailboxId, listener) {
      const listeners = byMailbox.get(mailboxId) ?? new Set()
      byMailbox.set(mailboxId, listeners.add(listener))
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0 && byMailbox.get(mailboxId) === listeners) byMailbox.delete(mailboxId)
      }
    },
  }
}
