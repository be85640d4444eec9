/** Who waits for messages on this node: how many may, and the end of all of them when it stops. */
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

export const waiterBounds = { perMailbox: 20, perCaller: 200, inAll: 5000 } as const

type Waiters = {
  controllers: Set<AbortController>
  counts: Map<string, number>
  isEnding: boolean
}

const waitersOfPlatforms = new WeakMap<Platform, Waiters>()

function waitersOf(platform: Platform): Waiters {
  const known = waitersOfPlatforms.get(platform) ?? {
    controllers: new Set(),
    counts: new Map(),
    isEnding: false,
  }
  waitersOfPlatforms.set(platform, known)
  return known
}

export type Waiter = Disposable & {
  /** Aborted when the node stops. */
  signal: AbortSignal
}

/**
 * @param callerId the key's or the session's.
 * @throws Refusal wait_limit_reached.
 */
export function enterWaiters(platform: Platform, mailboxId: string, callerId: string): Waiter {
  const { controllers, counts, isEnding } = waitersOf(platform)
  const places = [
    { name: `mailbox ${mailboxId}`, max: waiterBounds.perMailbox },
    { name: `caller ${callerId}`, max: waiterBounds.perCaller },
    { name: 'all', max: waiterBounds.inAll },
  ]
  if (places.some(({ name, max }) => (counts.get(name) ?? 0) >= max)) throw new Refusal('wait_limit_reached')
  for (const { name } of places) counts.set(name, (counts.get(name) ?? 0) + 1)
  const controller = new AbortController()
  if (isEnding) controller.abort()
  controllers.add(controller)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      controllers.delete(controller)
      for (const { name } of places) {
        const left = (counts.get(name) ?? 1) - 1
        if (left === 0) counts.delete(name)
        else counts.set(name, left)
      }
    },
  }
}

/** Ends all waiting, now and from now on: each is answered as if its time were up. */
export function endWaiting(platform: Platform): void {
  const waiters = waitersOf(platform)
  waiters.isEnding = true
  for (const controller of waiters.controllers) controller.abort()
}
