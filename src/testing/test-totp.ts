/** For tests of two-factor authentication: an authenticator app, and a clock that does not turn under a test's feet. */
import { Secret, TOTP } from 'otpauth'
import type { Platform } from '../platform/platform.ts'

const stepSeconds = 30

/** The code that an app shows so many steps from now. @param secret base32. */
export function appCode({ clock }: Platform, secret: string, steps = 0): string {
  const timestamp = clock.now().getTime() + steps * stepSeconds * 1000
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp })
}

/** Moves the clock to the start of the next step, so that what follows is within one, however slow the machine is. */
export function startNextStep({ clock }: Platform): void {
  const seconds = stepSeconds - Math.floor((clock.now().getTime() / 1000) % stepSeconds)
  clock.advance?.(`PT${seconds}S`)
}
