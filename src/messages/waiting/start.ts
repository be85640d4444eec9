/** Where a wait begins, as its caller says it. */
import { Refusal } from '../../platform/errors.ts'
import { idFloor, isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { type ArrivalPlace, bounded, decodePlace, lateMs, placeAt } from './arrival-cursor.ts'
import { bodyOfMessage, readNewestFrom } from './arrivals.ts'

export type WaitStart = {
  /** What was received then or later. */
  since: Date | null
  /** A place of before, or a message's id: what was received after it. */
  after: string | null
}

/** With neither: whatever is not there yet. @throws Refusal invalid_request, invalid_cursor. */
export async function startOfWait(
  platform: Platform,
  mailboxId: string,
  { since, after }: WaitStart,
): Promise<ArrivalPlace> {
  if (since !== null && after !== null) {
    const fields = [{ pointer: '/since', detail: 'does not go with after' }]
    throw new Refusal('invalid_request', undefined, { fields })
  }
  if (after !== null) return await placeAfter(platform, mailboxId, after)
  return since === null ? await placeNow(platform, mailboxId) : placeAt(notNegative(since.getTime()))
}

async function placeAfter({ db }: Platform, mailboxId: string, after: string): Promise<ArrivalPlace> {
  if (!isId(after)) return decodePlace(after)
  const id = after.toLowerCase()
  const bodyId = await bodyOfMessage(db, mailboxId, id)
  return { fromId: id, told: bodyId === null ? [] : [{ id, bodyId }] }
}

/** What is being looked at now has its date already, and appears behind it: so all that is there counts as told of. */
async function placeNow(platform: Platform, mailboxId: string): Promise<ArrivalPlace> {
  const fromId = idFloor(notNegative(platform.clock.now().getTime() - lateMs))
  return bounded(fromId, await readNewestFrom(platform, mailboxId, fromId))
}

/** Before 1970 there is no id. */
function notNegative(ms: number): Date {
  return new Date(Math.max(0, ms))
}
