/**
 * Room: how many more mailboxes the limits allow. Who counts holds the workspace's lock until the transaction ends, so
 * that two calls never share the last place; without a limit nothing is locked and nothing counted.
 *
 * A mailbox counts as long as it holds its address: what is deleted and can be restored does, so that a restore never
 * lacks room; a failed request has let its address go, and does not.
 */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Product } from '../domains/products.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { LimitPer } from './limits.ts'
import type { Mailbox, Service } from './tables.ts'

type Place = { id: string; name: string }

/** What limits tell mailboxes apart by. */
type Kind = Pick<Mailbox, 'service' | 'product'>

export type MailboxRoom = {
  /** Takes the place of one more mailbox. @returns why there is none. */
  take(domain: Place, kind: Kind): Refusal | null
  /** The same for one of another domain that comes here: the workspace has no more than before. */
  takeOver(domain: Place, kind: Kind): Refusal | null
}

export type AppliedLimit = {
  per: LimitPer
  domain_id: string | null
  service: Service | null
  product: Product | null
  mailboxes_max: number
}

/**
 * @param domainIds those that get mailboxes, of this workspace.
 * @returns null when nothing limits it.
 */
export async function mailboxRoom(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domainIds: readonly string[],
): Promise<MailboxRoom | null> {
  if (domainIds.length === 0) return null
  const limits = await limitsThatApply(platform, tx, scope, domainIds)
  if (limits.length === 0) return null
  await sql`select pg_advisory_xact_lock(hashtextextended(${`mailboxes:${scope.workspaceId}`}, 0))`.execute(
    tx,
  )
  const used = new Map<string, number>()
  const add = (key: string, count: number): void => void used.set(key, (used.get(key) ?? 0) + count)
  const applied = new Map<string, readonly AppliedLimit[]>()
  for (const { place, count, ...kind } of await countHeld(tx, scope, domainIds, limits)) {
    for (const key of keysOf(place, kind)) add(key, count)
  }
  const limitsOf = (domainId: string, kind: Kind): readonly AppliedLimit[] => {
    const key = `${domainId} ${kind.service} ${kind.product}`
    const known = applied.get(key) ?? limits.filter((limit) => appliesTo(limit, domainId, kind))
    applied.set(key, known)
    return known
  }
  const takeIn = (domain: Place, kind: Kind, isMove: boolean): Refusal | null => {
    for (const limit of limitsOf(domain.id, kind)) {
      if (isMove && limit.per === 'workspace') continue
      const place = limit.per === 'domain' ? domain.id : workspacePlace
      const count = used.get(keyOf(place, limit)) ?? 0
      if (count >= limit.mailboxes_max) return limitReached(limit, domain.name, count)
    }
    for (const place of isMove ? [domain.id] : [domain.id, workspacePlace]) {
      for (const key of keysOf(place, kind)) add(key, 1)
    }
    return null
  }
  return {
    take: (domain, kind) => takeIn(domain, kind, false),
    takeOver: (domain, kind) => takeIn(domain, kind, true),
  }
}

type Wanted = {
  index: number
  address: { address: string }
  /** Null where the address was asked for by name. */
  redraw: unknown
  domain: Place
  item: { service: Service; product?: Product }
}

/** Those of a call that no limit stands against, in their order. Where one does, what is taken already uses no room of it. */
export async function withRoom<T extends Wanted>(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly T[],
  fail: (index: number, refusal: Refusal) => void,
): Promise<T[]> {
  const domainIds = [...new Set(candidates.map(({ domain }) => domain.id))]
  const room = await mailboxRoom(platform, tx, scope, domainIds)
  if (room === null) return [...candidates]
  const addresses = candidates.map(({ address }) => address.address)
  const { rows } = await sql<{ address: string }>`
    select address from addresses where address = any(${addresses}::text[])`.execute(tx)
  const taken = new Set(rows.map((row) => row.address))
  return candidates.filter(({ index, item, address, redraw, domain }) => {
    // A random one that is taken is drawn again.
    const refusal =
      redraw === null && taken.has(address.address)
        ? addressTaken(address.address)
        : room.take(domain, { service: item.service, product: item.product ?? null })
    if (refusal) fail(index, refusal)
    return refusal === null
  })
}

export function addressTaken(address: string): Refusal {
  return new Refusal('address_taken', `${address} is already in use.`)
}

const workspacePlace = 'workspace'

/** A mailbox counts among those of its service and its product, of either alone, and among all. */
function keysOf(place: string, { service, product }: Kind): string[] {
  const products = product === null ? [null] : [product, null]
  return products.flatMap((one) =>
    [service, null].map((other) => keyOf(place, { service: other, product: one })),
  )
}

function keyOf(place: string, { service, product }: Pick<AppliedLimit, 'service' | 'product'>): string {
  return `${place} ${service ?? '*'} ${product ?? '*'}`
}

function appliesTo(limit: AppliedLimit, domainId: string, { service, product }: Kind): boolean {
  return (
    (limit.domain_id === null || limit.domain_id === domainId) &&
    (limit.service === null || limit.service === service) &&
    (limit.product === null || limit.product === product)
  )
}

/**
 * Everything that limits the mailboxes of these domains, the smallest first. The one place that they come from: rows, and
 * the configuration where the operator has set none for all mailboxes.
 */
export async function limitsThatApply(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domainIds: readonly string[],
): Promise<AppliedLimit[]> {
  const { rows } = await sql<AppliedLimit & { set_by: 'operator' | 'organization' }>`
    select per, domain_id, service, product, mailboxes_max, set_by from mailbox_limits
    where organization_id = ${scope.organizationId}::uuid
      and (workspace_id is null or workspace_id = ${scope.workspaceId}::uuid)
      and (domain_id is null or domain_id = any(${domainIds}::uuid[]))`.execute(tx)
  const { mailboxesPerDomain, mailboxesPerWorkspace } = platform.config
  const general = rows.filter(
    (row) => row.set_by === 'operator' && row.service === null && row.product === null,
  )
  const defaults: AppliedLimit[] = []
  if (mailboxesPerWorkspace !== null && !general.some(({ per }) => per === 'workspace')) {
    defaults.push(defaultLimit('workspace', null, mailboxesPerWorkspace))
  }
  if (mailboxesPerDomain !== null && !general.some((row) => row.per === 'domain' && row.domain_id === null)) {
    const own = new Set(general.map((row) => row.domain_id))
    const others = own.size === 0 ? [null] : domainIds.filter((id) => !own.has(id))
    defaults.push(...others.map((id) => defaultLimit('domain', id, mailboxesPerDomain)))
  }
  return [...rows, ...defaults].sort((a, b) => a.mailboxes_max - b.mailboxes_max)
}

function defaultLimit(per: LimitPer, domainId: string | null, max: number): AppliedLimit {
  return { per, domain_id: domainId, service: null, product: null, mailboxes_max: max }
}

/** How many of a kind a domain or the workspace has. */
export type Held = Kind & { place: string; count: number }

export async function countHeld(
  tx: Tx,
  scope: Scope,
  domainIds: readonly string[],
  limits: readonly AppliedLimit[],
): Promise<Held[]> {
  const held: Held[] = []
  if (limits.some(({ per }) => per === 'domain')) {
    const { rows } = await sql<Held>`
      select domain_id as place, service, product, count(*)::int as count from mailboxes
      where domain_id = any(${domainIds}::uuid[]) and ${holdsAddress} group by domain_id, service, product`.execute(
      tx,
    )
    held.push(...rows)
  }
  if (limits.some(({ per }) => per === 'workspace')) {
    const { rows } = await sql<Held>`
      select ${workspacePlace} as place, service, product, count(*)::int as count from mailboxes
      where workspace_id = ${scope.workspaceId}::uuid and ${holdsAddress} group by service, product`.execute(
      tx,
    )
    held.push(...rows)
  }
  return held
}

/** Whether a mailbox holds an address. The states in which it may have let it go are few rows, so that the others are not looked up one by one. */
export const holdsAddress = sql`state <> 'deleted' and (state not in ('failed', 'deletion_scheduled')
  or exists (select 1 from addresses where addresses.mailbox_id = mailboxes.id and addresses.kind = 'mailbox'))`

function limitReached(limit: AppliedLimit, domainName: string, count: number): Refusal {
  const what = limit.per === 'domain' ? domainName : 'The workspace'
  const service = limit.service === null ? '' : ` of the service ${limit.service}`
  const product = limit.product === null ? '' : ` of the product ${limit.product}`
  return new Refusal(
    'mailbox_limit_reached',
    `${what} may have ${limit.mailboxes_max} mailboxes${service}${product}, and has ${count}; what can be restored counts.`,
    { quota: { max: limit.mailboxes_max, used: count, per: limit.per } },
  )
}
