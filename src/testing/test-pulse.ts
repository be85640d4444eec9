/** Waiting for a condition that something else makes true. */
export type Pulse = {
  /** Something has changed. */
  beat(): void
  /** Resolves as soon as the condition holds. */
  until(isTrue: () => boolean): Promise<void>
}

export function createPulse(): Pulse {
  const waiting = new Set<() => void>()
  return {
    beat() {
      for (const look of [...waiting]) look()
    },
    until: (isTrue) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isTrue()) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
