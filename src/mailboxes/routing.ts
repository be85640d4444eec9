/** Where mail for an address goes: one look-up in the single namespace of addresses. */
import { sql } from 'kysely'
import type { DomainState } from '../domains/lifecycle.ts'
import { type DomainName, parseDomainName } from '../domains/names.ts'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, atDomain, withoutDetail } from './address.ts'
import type { MailboxState } from './lifecycle.ts'
import type { AddressKind, Service } from './tables.ts'

type RouteBase = {
  kind: AddressKind
  /** Of the table: without the detail that was asked with, and `@domain` for a catch-all. */
  address: string
  /** Of an alias: whether its mail is taken, and it may be sent with. True for all other kinds. */
  enabled: boolean
  /** Of the address. */
  domainId: string
  organizationId: string
  workspaceId: string
  domainState: DomainState
}

export type MailboxRoute = RouteBase & {
  mailboxId: string
  service: Service
  mailboxState: MailboxState
}

/** A forward, or a catch-all that goes to other addresses. */
export type ForwardRoute = RouteBase & { mailboxId: null; targets: readonly string[] }

export type Route = MailboxRoute | ForwardRoute

/** A domain that mail is taken for. */
export type ServedDomain = {
  id: string
  organizationId: string
  workspaceId: string
  state: DomainState
  /** The domain that its mail is treated as sent to; null for its own. */
  aliasOf: DomainName | null
}

export type Routing =
  | { kind: 'found'; route: Route }
  /** The domain is ours and has no such address. */
  | { kind: 'unknown' }
  /** The domain is not ours. */
  | { kind: 'elsewhere' }

/**
 * Finds what an address leads to: the address itself, else without its detail (`name+tag`), else the same in the domain
 * that its own is an alias of, else the catch-all. What is there is one statement; the domain is asked for only when
 * nothing was found.
 * @param db the transaction, inside one.
 */
export async function routeAddress(
  platform: Platform,
  address: Address,
  db: Db = platform.db,
): Promise<Routing> {
  const route = await lookUp(db, address)
  if (route) return { kind: 'found', route }
  const domain = await findServedDomain(platform, address.domain, db)
  if (domain === null) return { kind: 'elsewhere' }
  if (domain.aliasOf === null) return { kind: 'unknown' }
  const meant = await lookUp(db, atDomain(address, domain.aliasOf))
  if (!meant) return { kind: 'unknown' }
  // Both must be active.
  return { kind: 'found', route: domain.state === 'active' ? meant : { ...meant, domainState: domain.state } }
}

/** @returns what an address leads to, or null when it is none of ours. @param db the transaction, inside one. */
export async function findRoute(
  platform: Platform,
  address: Address,
  db: Db = platform.db,
): Promise<Route | null> {
  const routing = await routeAddress(platform, address, db)
  return routing.kind === 'found' ? routing.route : null
}

type RouteRow = RouteBase & {
  mailboxId: string | null
  targets: string[]
  service: Service | null
  mailboxState: MailboxState | null
}

async function lookUp(db: Db, address: Address): Promise<Route | null> {
  const base = withoutDetail(address)
  const wanted = [address.address, ...(base === null ? [] : [base]), `@${address.domain}`]
  const { rows } = await sql<RouteRow>`/* prepared find_route */
    select addresses.kind, addresses.address, addresses.enabled, mailboxes.id as "mailboxId", addresses.domain_id as "domainId",
      coalesce(mailboxes.organization_id, domains.organization_id) as "organizationId",
      coalesce(mailboxes.workspace_id, domains.workspace_id) as "workspaceId", service, -- a shared domain has mailboxes of many
      mailboxes.state as "mailboxState", domains.state as "domainState", targets
    from addresses join domains on domains.id = addresses.domain_id
      left join mailboxes on mailboxes.id = addresses.mailbox_id
    where addresses.address = any(${wanted}::text[])
    order by array_position(${wanted}::text[], addresses.address) limit 1`.execute(db)
  const [row] = rows
  if (!row) return null
  const { mailboxId, service, mailboxState, targets, ...named } = row
  return mailboxId !== null && service !== null && mailboxState !== null
    ? { ...named, mailboxId, service, mailboxState }
    : { ...named, mailboxId: null, targets }
}

/** @returns null when mail for the domain is not ours to take or refuse. */
export async function findServedDomain(
  platform: Platform,
  name: string,
  db: Db = platform.db,
): Promise<ServedDomain | null> {
  const { rows } = await sql<Omit<ServedDomain, 'aliasOf'> & { aliasOf: string | null }>`
    /* prepared find_served_domain */
    select domains.id, domains.organization_id as "organizationId", domains.workspace_id as "workspaceId",
      domains.state, meant.name as "aliasOf"
    from domains left join domain_aliases on domain_aliases.domain_id = domains.id
      left join domains as meant on meant.id = of_domain_id
    where domains.name = ${name} and domains.state <> 'deleted'`.execute(db)
  const [row] = rows
  return row ? { ...row, aliasOf: row.aliasOf === null ? null : parseDomainName(row.aliasOf) } : null
}
