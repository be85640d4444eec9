/** A bounded cache of what can be lost: least recently used first out, and nothing older than its time. */

export type Cache<V> = {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  clear(): void
}

export function createCache<V>(options: { entriesMax: number; ttlMs: number }): Cache<V> {
  const entries = new Map<string, { value: V; expiresAtMs: number }>()
  return {
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
    delete: (key) => entries.delete(key),
    clear: () => entries.clear(),
  }
}
