/** Logins that are over at a time: those by an API key that has an end. Of app passwords an event tells. */
import type { Platform } from '../platform/platform.ts'
import type { MailboxLogin } from './login.ts'

/** The clock is asked at least so often, as it may be set. */
const lookMs = 30_000

/**
 * Calls `end`, once, with the reason when the time of the login is over.
 * @returns what forgets it.
 */
export function followExpiry(
  { clock }: Pick<Platform, 'clock'>,
  { expiresAt }: Pick<MailboxLogin, 'expiresAt'>,
  end: (farewell: string) => void,
): () => void {
  if (expiresAt === null) return () => undefined
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    const restMs = expiresAt.getTime() - clock.now().getTime()
    if (restMs <= 0) end('The time of the API key is over')
    else timer = setTimeout(look, Math.min(Math.ceil(restMs), lookMs)).unref()
  }
  look()
  return () => clearTimeout(timer)
}
