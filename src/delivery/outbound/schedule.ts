/** When another attempt is made (RFC 5321 §4.5.4.1). */

// Messages that failed at the same moment do not all come back at the same moment.
const jitter = 0.1
/** From then on the sender is told that a message is late (RFC 5321 §4.5.4.1 leaves the time open). */
export const delayNoticeMs = 4 * 3600 * 1000

/**
 * @param scheduleSeconds the wait after each attempt; the last holds for all that follow.
 * @param attempts made so far, this one included.
 * @returns the moment of the next attempt, or null when the message has expired.
 */
export function nextAttemptAt(
  now: Date,
  scheduleSeconds: readonly number[],
  attempts: number,
  expiresAt: Date,
  random: () => number = Math.random,
): Date | null {
  if (expiresAt <= now) return null
  const at = now.getTime() + waitMs(scheduleSeconds, attempts, random)
  return new Date(Math.min(at, expiresAt.getTime())) // one last attempt when the time is over
}

export function waitMs(
  scheduleSeconds: readonly number[],
  attempts: number,
  random: () => number = Math.random,
): number {
  const seconds = scheduleSeconds[Math.min(Math.max(attempts, 1), scheduleSeconds.length) - 1] ?? 3600
  return seconds * 1000 * (1 - jitter + 2 * jitter * random())
}
