/**
 * What is about to be written: statements that nobody waits for one by one. Others wait for the wallet, and each way to the
 * database and back is time that they wait.
 */
import type { RawBuilder } from 'kysely'
import { type Tx, together } from '../platform/database.ts'
import { eventsStatement, type NewEvent } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { explained } from './ledger.ts'

export type Writes = { statements: readonly RawBuilder<unknown>[]; events: readonly NewEvent[] }

export const noWrites: Writes = { statements: [], events: [] }

/** The one behind the other. */
export function joinWrites(...parts: readonly Writes[]): Writes {
  return {
    statements: parts.flatMap(({ statements }) => statements),
    events: parts.flatMap(({ events }) => events),
  }
}

/**
 * Sends them in one go, the events of all as one statement behind the others.
 * @throws BalanceTooLow when they take a wallet below its limit; then the transaction is lost.
 */
export async function send(platform: Platform, tx: Tx, { statements, events }: Writes): Promise<void> {
  if (statements.length + events.length === 0) return
  const telling = events.length === 0 ? [] : [eventsStatement(platform, tx, events)]
  await together(tx, [...statements, ...telling]).catch((error: unknown) => {
    throw explained(error)
  })
}
