/** Where mail for an address goes: one look-up in the single namespace of addresses. */
import { sql } from 'kysely'
import type { DomainState } from '../domains/lifecycle.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, withoutDetail } from './address.ts'
import type { MailboxState } from './lifecycle.ts'
import type { Service } from './tables.ts'

export type Route = {
  mailboxId: string
  /** Of the address. */
  domainId: string
  organizationId: string
  workspaceId: string
  service: Service
  mailboxState: MailboxState
  domainState: DomainState
}

/**
 * Finds the mailbox that an address reaches: the address itself, else without its detail (`name+tag`).
 * @returns null when there is none.
 */
export async function findRoute(platform: Platform, address: Address): Promise<Route | null> {
  const base = withoutDetail(address)
  const { rows } = await sql<Route>`
    select mailboxes.id as "mailboxId", addresses.domain_id as "domainId", mailboxes.organization_id as "organizationId",
      mailboxes.workspace_id as "workspaceId", service, mailboxes.state as "mailboxState",
      domains.state as "domainState"
    from addresses join mailboxes on mailboxes.id = addresses.mailbox_id
      join domains on domains.id = addresses.domain_id
    where addresses.address = any(${base === null ? [address.address] : [address.address, base]}::text[])
    order by addresses.address = ${address.address} desc limit 1`.execute(platform.db)
  return rows[0] ?? null
}

/** Whether mail for a domain is ours to take or refuse. */
export async function servesDomain(platform: Platform, domain: string): Promise<boolean> {
  const row = await platform.db
    .selectFrom('domains')
    .select('id')
    .where('name', '=', domain)
    .where('state', '<>', 'deleted')
    .executeTakeFirst()
  return row !== undefined
}
