/**
 * Engines: who runs the mailboxes of a service. The local engine is the mail store, which stands on a floor above, so
 * that the composition root hands it in. Those of other services keep a desired state here and bring it there by jobs
 * (DESIGN section 1, rule 5).
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import type { MailboxState } from './lifecycle.ts'
import type { Service } from './tables.ts'

/** What of a mailbox has changed that its service may have to be told of. */
export type EngineChange = 'state' | 'details' | 'address' | 'aliases' | 'password' | 'picture'

/** What a service can do by its interface. What it cannot is a step for an operator, and is shown as one. */
export type EngineCapabilities = {
  rename: boolean
  aliases: boolean
  picture: boolean
  /** Days in which a deleted mailbox comes back; 0: it does not. */
  restoreDays: number
  /** Whether clients log in with the mailbox's password, or its app passwords. */
  passwords: boolean
  appPasswords: boolean
  totp: boolean
}

export type MailboxEngine = {
  capabilities: EngineCapabilities
  /** Whether a mailbox is active as soon as its domain is; else it is provisioning until the service has it. */
  isImmediate: boolean
  /** Whether a workspace has what its mailboxes need; left out: every workspace has. */
  isSetUp?(db: Db, workspaceId: string): Promise<boolean>
  /** Makes what new mailboxes need, in the transaction that makes them. */
  provision(platform: Platform, tx: Tx, mailboxIds: readonly string[]): Promise<void>
  /** Takes note of a change, in the transaction that makes it. */
  changed(platform: Platform, tx: Tx, mailboxIds: readonly string[], change: EngineChange): Promise<void>
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

/** In how many days a deletion can be taken back, for services that have a limit of their own. */
export function restorableDays(platform: Platform): Map<Service, number> {
  const all = [...(engines.get(platform) ?? [])].map(([service, engine]) => {
    return [service, engine.capabilities.restoreDays] as const
  })
  return new Map(all.filter(([, days]) => Number.isFinite(days)))
}

/** The same as an expression over mailboxes: until when at most; null where the service has no limit. */
export function restorableUntil(platform: Platform, now: Date): RawBuilder<Date | null> {
  const days = restorableDays(platform)
  return sql`${now}::timestamptz + (
    select make_interval(hours => 24 * days)
    from unnest(${[...days.keys()]}::text[], ${[...days.values()]}::integer[]) as at (name, days)
    where name = mailboxes.service)`
}

/**
 * The state that a deleted mailbox comes back to, as an expression over mailboxes. What our own engine deleted elsewhere
 * has first to be brought back there; what was made by a request is nothing that we deleted.
 */
export const restoredState = sql<MailboxState>`case
  when mailboxes.state_before_deletion = 'active'
    and exists (select 1 from mailbox_remotes where mailbox_remotes.mailbox_id = mailboxes.id) then 'provisioning'
  else mailboxes.state_before_deletion end`

/** Those of the services that this workspace cannot have mailboxes at. @param db the transaction, inside one. */
export async function unavailableServices(
  platform: Platform,
  db: Db,
  workspaceId: string,
  services: Iterable<Service>,
): Promise<Set<Service>> {
  const unavailable = new Set<Service>()
  for (const service of new Set(services)) {
    const engine = engineOf(platform, service)
    const isSetUp = engine !== null && ((await engine.isSetUp?.(db, workspaceId)) ?? true)
    if (!isSetUp) unavailable.add(service)
  }
  return unavailable
}

/** Tells the services of mailboxes that something of theirs has changed, in the transaction that changes it. */
export async function tellEngines(
  platform: Platform,
  tx: Tx,
  mailboxes: readonly { id: string; service: Service }[],
  change: EngineChange,
): Promise<void> {
  for (const service of new Set(mailboxes.map((mailbox) => mailbox.service))) {
    const ids = mailboxes.filter((mailbox) => mailbox.service === service).map(({ id }) => id)
    await engineOf(platform, service)?.changed(platform, tx, ids, change)
  }
}
