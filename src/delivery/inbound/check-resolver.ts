/** DNS for the checks of one message: so long and so many questions, then no more. */
import type { Dns } from '../../platform/dns.ts'

export type CheckResolver = Disposable & {
  /** In the manner of node:dns. Past a bound it rejects as a server that is not there, which the checks call temperror. */
  resolve(name: string, type: string): Promise<string[] | string[][]>
}

export type ResolverBounds = {
  msMax: number
  /** SPF alone may ask some fifty (RFC 7208 §4.6.4), each signature one, DMARC eight for each domain (RFC 9989 §4.10). */
  questionsMax: number
}

class NoMoreAnswers extends Error {
  readonly code = 'ETIMEOUT'
}

export function startCheckResolver(
  dns: Pick<Dns, 'resolve'>,
  { msMax, questionsMax }: ResolverBounds,
): CheckResolver {
  const waiting = new Set<(error: Error) => void>()
  let questions = 0
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    for (const reject of waiting) reject(new NoMoreAnswers('the checks of this message took too long'))
    waiting.clear()
  }, msMax)
  return {
    resolve(name, type) {
      questions += 1
      if (isOver || questions > questionsMax) {
        return Promise.reject(new NoMoreAnswers('no more questions are asked for this message'))
      }
      return new Promise((resolve, reject) => {
        waiting.add(reject)
        dns
          .resolve(name, type)
          .then(resolve, reject)
          .finally(() => waiting.delete(reject))
      })
    },
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
    },
  }
}
