/** Greylisting (RFC 6647): who is not known and proves nothing is asked to come again. */
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, ArrivalRefusal, Authentication } from '../inbound/arrival.ts'

/** @returns the 451 for a stranger's first attempt, or null. */
export async function greylistArrival(
  _platform: Platform,
  _arrival: Arrival,
  _authentication: Authentication,
): Promise<ArrivalRefusal | null> {
  return null
}
