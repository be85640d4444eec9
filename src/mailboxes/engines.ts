/**
 * Engines: who runs the mailboxes of a service. The local engine is the mail store, which stands on a floor
 * above, so that the composition root hands it in.
 */
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import type { Service } from './tables.ts'

export type MailboxEngine = {
  /** Makes what new mailboxes need, in the transaction that makes them. */
  provision(platform: Platform, tx: Tx, mailboxIds: readonly string[]): Promise<void>
  /** Removes everything that the mailbox held, for good. */
  purge(platform: Platform, tx: Tx, mailboxId: string): Promise<void>
}

const engines = new WeakMap<Platform, ReadonlyMap<Service, MailboxEngine>>()

/** Called once, by the composition root. */
export function setEngines(platform: Platform, byService: ReadonlyMap<Service, MailboxEngine>): void {
  engines.set(platform, byService)
}

/** @returns null when the service is not set up on this platform. */
export function engineOf(platform: Platform, service: Service): MailboxEngine | null {
  return engines.get(platform)?.get(service) ?? null
}
