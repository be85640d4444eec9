/** Sessions with nothing to do, kept for a few seconds for the next message to the same place. */
import type { ReadySession } from './connect.ts'

export type SessionPool = {
  readonly size: number
  /** An open session of this lane; the one used last, because it is the least likely to be cut by the server. */
  take(key: string): ReadySession | null
  put(key: string, ready: ReadySession): void
  /** Ends the session that has been idle for longest. @returns whether there was one. */
  evict(): boolean
  stop(): void
}

const idleMsMax = 5_000
const sweepMs = 1_000

type Idle = { key: string; ready: ReadySession; sinceMs: number }

/** @param onClosed called when a session has ended: there is room for another connection. */
export function createSessionPool(onClosed: () => void): SessionPool {
  // In the order in which they became idle.
  const idle = new Set<Idle>()
  const byKey = new Map<string, Idle[]>()

  const remove = (one: Idle): boolean => {
    if (!idle.delete(one)) return false
    const rest = (byKey.get(one.key) ?? []).filter((other) => other !== one)
    if (rest.length === 0) byKey.delete(one.key)
    else byKey.set(one.key, rest)
    return true
  }
  const close = (one: Idle): void => {
    if (!remove(one)) return
    one.ready.session.quit()
    onClosed()
  }
  const timer = setInterval(() => {
    const nowMs = performance.now()
    for (const one of idle) {
      if (nowMs - one.sinceMs < idleMsMax) break
      close(one)
    }
  }, sweepMs)

  return {
    get size() {
      return idle.size
    },
    take(key) {
      for (let one = byKey.get(key)?.at(-1); one !== undefined; one = byKey.get(key)?.at(-1)) {
        remove(one)
        // What the server says without being asked is good-bye (421).
        if (one.ready.session.isOpen && one.ready.session.unasked === null) return one.ready
        one.ready.session.quit()
      }
      return null
    },
    put(key, ready) {
      const one = { key, ready, sinceMs: performance.now() }
      idle.add(one)
      byKey.set(key, [...(byKey.get(key) ?? []), one])
      ready.session.onClose(() => {
        if (remove(one)) onClosed()
      })
    },
    evict() {
      for (const one of idle) {
        close(one)
        return true
      }
      return false
    },
    stop() {
      clearInterval(timer)
      for (const one of [...idle]) close(one)
    },
  }
}
