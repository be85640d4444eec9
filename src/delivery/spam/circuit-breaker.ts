/**
 * A circuit breaker: after some failures in a row a service is left alone for a while, so that one that is down costs
 * its deadline a few times and not once for every message. Then one call is let through: it closes the circuit, or
 * opens it for the same time again.
 */

export type CircuitBreaker = {
  /** Whether a call may be made now; whoever gets true must tell how it ended. */
  mayCall(): boolean
  succeeded(): void
  failed(): void
}

export type CircuitBreakerOptions = {
  failuresMax: number
  openMs: number
  /** Milliseconds of a clock that does not jump. */
  now?: () => number
}

export function createCircuitBreaker({
  failuresMax,
  openMs,
  now = () => performance.now(),
}: CircuitBreakerOptions): CircuitBreaker {
  let failures = 0
  let openUntilMs = -Infinity
  return {
    mayCall() {
      if (failures < failuresMax) return true
      if (now() < openUntilMs) return false
      openUntilMs = now() + openMs // others wait for what comes of this one
      return true
    },
    succeeded() {
      failures = 0
    },
    failed() {
      failures += 1
      if (failures >= failuresMax) openUntilMs = now() + openMs
    },
  }
}
