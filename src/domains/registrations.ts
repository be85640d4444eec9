/** Registrations: what was bought at a registrar, until when it is ours, and whether it is renewed by itself. */

import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { columnList } from '../platform/column-list.ts'
import { type Db, type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Money } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type Domain, getDomain, lockDomain } from './domains.ts'
import { type Order, recentOrders } from './orders/store.ts'
import type { DomainRegistrationsTable } from './orders/tables.ts'
import { RegistrarFailure } from './registrars/driver.ts'
import { findRegistrar } from './registrars/registrars.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'registrations.set_nameservers': { domain_id: string }
  }
}

export type Registration = Selectable<DomainRegistrationsTable>

export type RegistrationReport = { domain: Domain; registration: Registration; orders: Order[] }

/** @throws Refusal domain_not_found, domain_not_registered, forbidden. */
export async function describeRegistration(
  platform: Platform,
  scope: Scope,
  ref: string,
  db: Db = platform.db,
): Promise<RegistrationReport> {
  requireWorkspace(scope)
  const domain = await getDomain(platform, scope, ref, db)
  return {
    domain,
    registration: await getRegistration(db, domain),
    orders: await recentOrders(db, domain.id),
  }
}

/** @throws Refusal domain_not_registered for a domain that was registered elsewhere. */
export async function getRegistration(db: Db, domain: Domain): Promise<Registration> {
  const found = await findRegistration(db, domain.id)
  if (!found) throw new Refusal('domain_not_registered', `${domain.name} was not registered here.`)
  return found
}

export async function findRegistration(db: Db, domainId: string): Promise<Registration | undefined> {
  return await db
    .selectFrom('domain_registrations')
    .selectAll()
    .where('domain_id', '=', domainId)
    .executeTakeFirst()
}

const registrationColumns = columnList<DomainRegistrationsTable>({
  domain_id: true,
  organization_id: true,
  workspace_id: true,
  registrar: true,
  auto_renew: true,
  renew_amount: true,
  renew_currency: true,
  contact_id: true,
  registered_at: true,
  expires_at: true,
  locked: true,
  nameservers: true,
  nameservers_set_at: true,
  observed_at: true,
  problem: true,
  updated_at: true,
})

/** Those of the domains that were bought here, by the domains' ids. */
export async function registrationsOf(
  db: Db,
  domainIds: readonly string[],
): Promise<ReadonlyMap<string, Registration>> {
  const { rows } = await sql<Registration>`/* prepared domain_registrations_of */
    select ${registrationColumns} from domain_registrations
    where domain_id = any(${uuidArray(domainIds)})`.execute(db)
  return new Map(rows.map((row) => [row.domain_id, row]))
}

const dayMs = 24 * 3600_000

/** When it is too late to renew: some days after the expiry (MAILWRIGHT_EXPIRED_DAYS). null: it is not ours yet. */
export function renewableUntil({ config }: Platform, registration: Registration): Date | null {
  const { expires_at: expiresAt } = registration
  return expiresAt === null ? null : new Date(expiresAt.getTime() + config.expiredDays * dayMs)
}

export type RegistrationChanges = {
  autoRenew: boolean
  /** The price that an automatic renewal may have from now on, for a year. */
  renewPrice?: Money
}

/** @throws Refusal domain_not_found, domain_not_registered, forbidden. */
export async function updateRegistration(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { autoRenew, renewPrice }: RegistrationChanges,
): Promise<RegistrationReport> {
  const domain = await lockDomain(platform, tx, scope, ref)
  await getRegistration(tx, domain)
  const registration = await tx
    .updateTable('domain_registrations')
    .set({
      auto_renew: autoRenew,
      ...(renewPrice === undefined
        ? {}
        : { renew_amount: renewPrice.amount, renew_currency: renewPrice.currency }),
      updated_at: platform.clock.now(),
    })
    .where('domain_id', '=', domain.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellRegistration(platform, tx, domain, registration)
  return { domain, registration, orders: await recentOrders(tx, domain.id) }
}

export async function tellRegistration(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  registration: Registration,
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type: 'domain.registration_changed',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: {
        domain_id: domain.id,
        name: domain.name,
        expires_at: registration.expires_at?.toISOString() ?? null,
        auto_renew: registration.auto_renew,
      },
    },
  ])
}

/** Delegates a domain to the name servers that it should have. @throws RegistrarFailure: the job tries again. */
export async function setNameservers(platform: Platform, domainId: string): Promise<void> {
  const registration = await findRegistration(platform.db, domainId)
  if (!registration || registration.nameservers.length === 0) return
  const domain = await platform.db
    .selectFrom('domains')
    .select('name')
    .where('id', '=', domainId)
    .where('state', '<>', 'deleted')
    .executeTakeFirst()
  const registrar = findRegistrar(platform, registration.registrar)
  if (!domain) return
  const problem = await (async () => {
    if (registrar === null) return new RegistrarFailure('busy', 'The account at the registrar is not set up.')
    try {
      await registrar.setNameservers(domain.name, registration.nameservers)
      return null
    } catch (error) {
      if (error instanceof RegistrarFailure) return error
      throw error
    }
  })()
  const now = platform.clock.now()
  await transaction(platform.db, (tx) =>
    tx
      .updateTable('domain_registrations')
      .set({
        problem: problem?.remote ?? null,
        updated_at: now,
        ...(problem === null ? { nameservers_set_at: now } : {}),
      })
      .where('domain_id', '=', domainId)
      .execute(),
  )
  if (problem !== null) throw problem
}
