/** A bounded cache of what can be lost: least recently used first out, and nothing older than its time. */

export type Cache<V> = {
  get(key: string): V | undefined
  set(key: string, value: V): void
  /**
   * The value kept, else what `read` finds; null is not kept. What was being read while the cache was cleared may
   * be older than what cleared it, and is given to its caller only.
   */
  load(key: string, read: () => Promise<V | null>): Promise<V | null>
  clear(): void
  /** The same for one key. */
  delete(key: string): void
}

export function createCache<V>(options: { entriesMax: number; ttlMs: number }): Cache<V> {
  const entries = new Map<string, { value: V; expiresAtMs: number }>()
  let clearings = 0
  const cache: Cache<V> = {
    get(key) {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      if (entry.expiresAtMs <= performance.now()) return undefined
      entries.set(key, entry) // a Map iterates in order of insertion: last used goes last
      return entry.value
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, { value, expiresAtMs: performance.now() + options.ttlMs })
      const [oldest] = entries.keys()
      if (entries.size > options.entriesMax && oldest !== undefined) entries.delete(oldest)
    },
    async load(key, read) {
      const kept = cache.get(key)
      if (kept !== undefined) return kept
      const clearingsBefore = clearings
      const value = await read()
      if (value !== null && clearings === clearingsBefore) cache.set(key, value)
      return value
    },
    clear() {
      clearings++
      entries.clear()
    },
    delete(key) {
      clearings++
      entries.delete(key)
    },
  }
  return cache
}
