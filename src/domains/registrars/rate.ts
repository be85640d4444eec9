/** Rates of a vendor's API: a bucket of tokens for each kind of call of a node. */

export type TokenBucket = {
  /** Waits for a token. @throws the signal's reason when it comes first; no token is used then. */
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
      signal.throwIfAborted()
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
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
