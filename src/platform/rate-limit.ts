/**
 * Rates: how often a caller may ask within a minute. A token bucket for each caller, in the memory of
 * this node; it refills evenly, so that there is no moment at which everyone may ask again.
 */

export type RateVerdict = {
  ok: boolean
  /** Requests left now. */
  remaining: number
  /** Seconds until the bucket is full, or for a refusal until the next request. */
  resetSeconds: number
}

export type RateLimiter = {
  readonly perMinute: number
  /** Takes one request of this caller's. */
  take(caller: string): RateVerdict
  /** Gives one back that should not have counted. */
  giveBack(caller: string): void
}

type Bucket = { tokens: number; atMs: number }

/** @param nowMs a clock that never goes back. */
export function createRateLimiter(
  options: { perMinute: number; entriesMax: number },
  nowMs: () => number = () => performance.now(),
): RateLimiter {
  const { perMinute, entriesMax } = options
  const perMs = perMinute / 60_000
  const buckets = new Map<string, Bucket>()

  const bucketOf = (caller: string): Bucket => {
    const now = nowMs()
    const bucket = buckets.get(caller) ?? { tokens: perMinute, atMs: now }
    bucket.tokens = Math.min(perMinute, bucket.tokens + (now - bucket.atMs) * perMs)
    bucket.atMs = now
    buckets.delete(caller)
    buckets.set(caller, bucket) // a Map iterates in order of insertion: the idle ones come first
    const [idlest] = buckets.keys()
    if (buckets.size > entriesMax && idlest !== undefined) buckets.delete(idlest)
    return bucket
  }

  return {
    perMinute,
    take(caller) {
      const bucket = bucketOf(caller)
      if (bucket.tokens < 1) {
        return { ok: false, remaining: 0, resetSeconds: Math.ceil((1 - bucket.tokens) / perMs / 1000) }
      }
      bucket.tokens -= 1
      const resetSeconds = Math.ceil((perMinute - bucket.tokens) / perMs / 1000)
      return { ok: true, remaining: Math.floor(bucket.tokens), resetSeconds }
    },
    giveBack(caller) {
      const bucket = bucketOf(caller)
      bucket.tokens = Math.min(perMinute, bucket.tokens + 1)
    },
  }
}
