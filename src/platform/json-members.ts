/** Reading what another program sends as JSON: unknown values, narrowed. */

/** A member of an object; undefined when there is none. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Reflect.get(value, name)
    : undefined
}

export function textOf(value: unknown, name: string): string {
  const found = member(value, name)
  return typeof found === 'string' ? found : ''
}

/** A whole number of at least 0, or `fallback`. */
export function numberOf(value: unknown, name: string, fallback: number): number {
  const found = member(value, name)
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : fallback
}

export function listOf(value: unknown, name: string): readonly unknown[] {
  const found = member(value, name)
  return Array.isArray(found) ? found : []
}
