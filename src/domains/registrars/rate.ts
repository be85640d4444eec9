/** Rates of a vendor's API: a bucket of tokens for each kind of call of a node. */
import { RegistrarFailure } from './driver.ts'

export type TokenBucket = {
  /** Waits for a token. @throws RegistrarFailure busy when the signal comes first; no token is used then. */
  take(signal: AbortSignal): Promise<void>
}

/** @param refillMs how long one token takes to come back. */
export function createTokenBucket({
  capacity,
  refillMs,
}: {
  capacity: number
  refillMs: number
}): TokenBucket {
  // When the next token is due if all are used: in the past as many tokens as there are saved, up to the capacity.
  let nextAtMs = 0
  return {
    async take(signal) {
      if (signal.aborted) throw giveUp(signal)
      const now = performance.now()
      const at = Math.max(nextAtMs, now - (capacity - 1) * refillMs)
      nextAtMs = at + refillMs
      if (at <= now) return
      try {
        await wait(at - now, signal)
      } catch (error) {
        nextAtMs -= refillMs
        throw error
      }
    },
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(giveUp(signal))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

function giveUp({ reason: cause }: AbortSignal): RegistrarFailure {
  return new RegistrarFailure('busy', 'There are more calls than the registrar’s rate allows.', { cause })
}
