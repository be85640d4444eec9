/** Time passes: registrations are read back, renewed before they end, and expire. */
import { sql } from 'kysely'
import { type Db, type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { type Domain, moveDomain } from './domains.ts'
import { placeAutomaticRenewal } from './orders/new-order.ts'
import { priceOf } from './orders/offers.ts'
import type { OnActive } from './orders/settle.ts'
import { type DomainInfo, RegistrarFailure } from './registrars/driver.ts'
import { findRegistrar } from './registrars/registrars.ts'
import { findRegistration, type Registration, tellRegistration } from './registrations.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'registrations.renew_due': Record<string, never>
    'registrations.expire': Record<string, never>
    'registrations.observe': Record<string, never>
  }
}

const dayMs = 24 * 3600_000
const batchMax = 500

/**
 * Orders the renewal of what ends soon (MAILWRIGHT_RENEW_DAYS) and is renewed by itself. The order finds its price; one
 * above what was shown ends it, and a day later it is tried again. One that the wallet has too little for waits for money;
 * once the registration has ended, it is tried once a day instead.
 */
export async function renewDueRegistrations(platform: Platform): Promise<void> {
  for (const domainId of await findDue(platform, platform.db, null)) {
    try {
      await transaction(platform.db, (tx) => renewDue(platform, tx, domainId))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      platform.log.info({ event: 'order.not_placed', domain: domainId, code: error.code })
    }
  }
}

async function renewDue(platform: Platform, tx: Tx, domainId: string): Promise<void> {
  const domain = await lock(tx, domainId)
  // Looked at again: it may have been renewed, or not be wanted any more, since it was found.
  const [due] = await findDue(platform, tx, domainId)
  const registration = await findRegistration(tx, domainId)
  if (due === undefined || domain === undefined || !registration || registration.renew_amount === null) return
  const { renew_amount: renewAmount } = registration
  await placeAutomaticRenewal(platform, tx, domain, { ...registration, renew_amount: renewAmount })
}

/** @param domainId this one, if it is due; null: all, those that end first before the others. */
async function findDue({ clock, config }: Platform, db: Db, domainId: string | null): Promise<string[]> {
  const now = clock.now()
  const { rows } = await sql<{ domain_id: string }>`
    select registration.domain_id from domain_registrations as registration
      join domains on domains.id = registration.domain_id
    where (${domainId}::uuid is null or registration.domain_id = ${domainId}::uuid)
      and auto_renew and registered_at is not null and renew_amount is not null
      and registration.expires_at <= ${new Date(now.getTime() + config.renewDays * dayMs)}
      and registration.expires_at > ${new Date(now.getTime() - config.expiredDays * dayMs)}
      and domains.state in ('active', 'suspended', 'expired', 'pending_nameservers', 'pending_records')
      and not exists (select 1 from domain_orders as other where other.domain_id = registration.domain_id
        and (other.state not in ('done', 'failed') or other.kind = 'renew' and other.created_at > ${new Date(now.getTime() - dayMs)}))
    order by registration.expires_at limit ${batchMax}`.execute(db)
  return rows.map((row) => row.domain_id)
}

async function lock(tx: Tx, id: string): Promise<Domain | undefined> {
  return await tx
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
}

// So long a registrar that cannot be asked keeps a domain from expiring here.
const doubtMs = 2 * dayMs

/** Ends active domains whose time is over, once the registrar has been asked whether it really is. */
export async function expireRegistrations(platform: Platform, onActive: OnActive): Promise<void> {
  const now = platform.clock.now()
  await revive(platform, now, onActive)
  const { rows } = await sql<{ domain_id: string }>`
    select registration.domain_id from domain_registrations as registration
      join domains on domains.id = registration.domain_id
    where registration.expires_at <= ${now} and domains.state = 'active'
      and not exists (select 1 from domain_orders as other where other.domain_id = registration.domain_id
        and other.state in ('intent', 'sent', 'pending') and other.payment <> 'due')
    order by registration.expires_at limit ${batchMax}`.execute(platform.db)
  for (const { domain_id: domainId } of rows) {
    const isKnown = await observe(platform, domainId)
    await transaction(platform.db, async (tx) => {
      const domain = await lock(tx, domainId)
      const registration = await findRegistration(tx, domainId)
      const expiresAt = registration?.expires_at ?? null
      if (domain?.state !== 'active' || expiresAt === null || expiresAt > now) return
      if (!isKnown && now.getTime() - expiresAt.getTime() < doubtMs) return
      await moveDomain(platform, tx, domain, 'expired')
    })
  }
}

/** What was renewed past this platform is active again. */
async function revive(platform: Platform, now: Date, onActive: OnActive): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select domains.id from domains join domain_registrations as registration on registration.domain_id = domains.id
      where domains.state = 'expired' and registration.expires_at > ${now}
      order by domains.id limit ${batchMax} for update of domains`.execute(tx)
    for (const { id } of rows) {
      const domain = await lock(tx, id)
      if (!domain) continue
      await moveDomain(platform, tx, domain, 'active')
      await onActive(tx, id)
    }
  })
}

const observedMs = 20 * 3600_000

/** Asks registrars about what was not looked at today, and learns the prices of renewals that nobody was shown. */
export async function observeRegistrations(platform: Platform): Promise<void> {
  const now = platform.clock.now()
  // Marked as they are taken, so that two nodes do not ask the same.
  const { rows } = await sql<{ domain_id: string }>`
    update domain_registrations set observed_at = ${now}
    where domain_id in (
      select registration.domain_id from domain_registrations as registration
        join domains on domains.id = registration.domain_id
      where registered_at is not null and domains.state not in ('deleted', 'failed', 'registering')
        and (observed_at is null or observed_at <= ${new Date(now.getTime() - observedMs)})
      order by observed_at nulls first limit ${batchMax} for update of registration skip locked
    ) returning domain_id`.execute(platform.db)
  for (const { domain_id: domainId } of rows) await observe(platform, domainId)
}

/** @returns whether the registrar answered. */
async function observe(platform: Platform, domainId: string): Promise<boolean> {
  const { db } = platform
  const registration = await findRegistration(db, domainId)
  const domain = await db.selectFrom('domains').selectAll().where('id', '=', domainId).executeTakeFirst()
  if (!registration || !domain) return false
  try {
    const registrar = findRegistrar(platform, registration.registrar)
    if (registrar === null) throw new RegistrarFailure('busy', 'The account at the registrar is not set up.')
    const info = await registrar.get(domain.name)
    if (info === null) throw new RegistrarFailure('refused', 'The name is not in the account any more.')
    const renewal =
      registration.renew_amount === null ? await renewalOf(platform, domain, registration) : null
    await write(platform, domain, registration, { info, renewal, problem: null })
    return true
  } catch (error) {
    if (!(error instanceof RegistrarFailure)) throw error
    await write(platform, domain, registration, { info: null, renewal: null, problem: error.remote })
    return error.kind === 'refused'
  }
}

type Renewal = { renew_amount: number; renew_currency: string }

async function renewalOf(
  platform: Platform,
  { name, workspace_id: workspaceId }: Domain,
  { registrar }: Registration,
): Promise<Renewal | null> {
  const price = await priceOf(platform, { workspaceId, registrar, name, kind: 'renew', years: 1 })
  if (typeof price === 'string') return null
  return { renew_amount: price.price.amount, renew_currency: price.price.currency }
}

async function write(
  platform: Platform,
  domain: Domain,
  before: Registration,
  seen: { info: DomainInfo | null; renewal: Renewal | null; problem: string | null },
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const { info, renewal, problem } = seen
    const now = platform.clock.now()
    const row = await tx
      .updateTable('domain_registrations')
      .set({
        observed_at: now,
        problem,
        ...(renewal ?? {}),
        ...(info === null ? {} : { locked: info.locked }),
        ...(info === null || info.expiresAt === null ? {} : { expires_at: info.expiresAt }),
      })
      .where('domain_id', '=', domain.id)
      .returningAll()
      .executeTakeFirst()
    if (!row || row.expires_at?.getTime() === before.expires_at?.getTime()) return
    await tellRegistration(platform, tx, domain, row)
  })
}
