/** What an agent may send whom nobody has claimed yet: to its human, a few times a day. On every way out. */
import { humanOf, takeUnclaimedSends, unclaimedSendsPerDay } from '../../mailboxes/signups/unclaimed.ts'
import { secondsUntil } from '../../platform/clock.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ArrivalRefusal } from '../refusal.ts'
import type { Recipients } from './judge-recipients.ts'

/** @throws Refusal agent_unclaimed that names every recipient who is not the agent's human. */
export async function requireHumanAlone(
  platform: Platform,
  mailboxId: string,
  { asked }: Pick<Recipients, 'asked'>,
): Promise<void> {
  const human = await humanOf(platform, mailboxId)
  if (human === null || asked.every(({ address }) => address === human)) return
  throw new Refusal('agent_unclaimed', humanAlone(human))
}

/**
 * Counts what is sent, in the transaction that writes it.
 * @throws Refusal sending_limit_reached.
 */
export async function countUnclaimedSends(
  platform: Platform,
  tx: Tx,
  mailboxId: string,
  recipients: number,
): Promise<void> {
  const until = await takeUnclaimedSends(platform, tx, mailboxId, recipients)
  if (until === null) return
  throw new Refusal('sending_limit_reached', dayIsFull, {
    retryAfterSeconds: secondsUntil(until, platform.clock.now()),
  })
}

/** The same for a recipient of submission over SMTP: it is counted when it is named. */
export async function refusedUnclaimed(
  platform: Platform,
  mailboxId: string,
  address: string,
): Promise<ArrivalRefusal | null> {
  const human = await humanOf(platform, mailboxId)
  if (human === null) return null
  if (address !== human) return { kind: 'refused', code: 550, enhanced: '5.7.1', text: humanAlone(human) }
  const until = await takeUnclaimedSends(platform, platform.db, mailboxId, 1)
  return until === null ? null : { kind: 'refused', code: 450, enhanced: '4.7.1', text: dayIsFull }
}

function humanAlone(human: string): string {
  return `Before it is claimed, the agent may write to ${human} alone.`
}

const dayIsFull = `Before it is claimed, the agent may write to ${unclaimedSendsPerDay} recipients a day.`
