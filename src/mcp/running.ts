/** How many calls of one caller run at the same time on this node. */
import { Refusal } from '../platform/errors.ts'

export type Running = {
  /** @throws Refusal rate_limited, when as many run as may. */
  run<T>(caller: string, work: () => Promise<T>): Promise<T>
}

const retryAfterSeconds = 1

export function createRunning(perCallerMax: number): Running {
  const counts = new Map<string, number>()
  return {
    async run(caller, work) {
      const count = counts.get(caller) ?? 0
      if (count >= perCallerMax) {
        throw new Refusal('rate_limited', `More than ${perCallerMax} calls at the same time.`, {
          retryAfterSeconds,
        })
      }
      counts.set(caller, count + 1)
      try {
        return await work()
      } finally {
        const left = (counts.get(caller) ?? 1) - 1
        if (left === 0) counts.delete(caller)
        else counts.set(caller, left)
      }
    },
  }
}
