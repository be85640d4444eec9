/** Allocations: how many mailboxes of each product a workspace may have, has, and may still make. */
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { isBilling } from '../billing/settings.ts'
import { slotsOf } from '../billing/slots.ts'
import { type Product, products } from '../domains/products.ts'
import { type Tx, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { usedSlots } from './payment/slots.ts'
import { batchItemsMax } from './provision.ts'
import { type AppliedLimit, countHeld, type Held, limitsThatApply } from './room.ts'
import { serviceMappingOf } from './service-mapping.ts'
import type { Service } from './tables.ts'

export type Allocation = {
  product: Product
  /** Always `used` and `remaining` together. */
  allocated: number
  /** Those that hold an address: a request that failed does not, what can be restored does. */
  used: number
  remaining: number
}

/**
 * One for each product. What is left is the smallest of the plan's free slots, where the workspace has a plan, and the
 * room under each limit of the workspace; products share both. Where there is neither, it is what one call may make.
 * @throws Refusal forbidden.
 */
export async function allocationsOf(platform: Platform, scope: Scope): Promise<Allocation[]> {
  requireWorkspace(scope)
  return await transaction(platform.db, async (tx) => {
    const mapping = await serviceMappingOf(tx, scope.workspaceId)
    const limits = (await limitsThatApply(platform, tx, scope, [])).filter(({ per }) => per === 'workspace')
    const held = await countHeld(tx, scope, [], [everything])
    const slots = await freeSlots(platform, tx, scope)
    return products.map((product) => {
      const service = mapping[product]
      const used = count(held, { service: null, product })
      const rooms = limits
        .filter((limit) => isFor(limit, service, product))
        .map((limit) => limit.mailboxes_max - count(held, limit))
      const bySlots = slots === null ? [] : [slots.services.includes(service) ? slots.free : 0]
      const remaining = Math.max(0, Math.min(batchItemsMax, ...rooms, ...bySlots))
      return { product, allocated: used + remaining, used, remaining }
    })
  })
}

const everything: AppliedLimit = {
  per: 'workspace',
  domain_id: null,
  service: null,
  product: null,
  mailboxes_max: 0,
}

async function freeSlots(
  platform: Platform,
  tx: Tx,
  { workspaceId }: Scope,
): Promise<{ free: number; services: readonly string[] } | null> {
  const slots = isBilling(platform) ? await slotsOf(tx, workspaceId) : null
  if (slots === null) return null
  return { free: slots.allocated - (await usedSlots(tx, workspaceId)), services: slots.services }
}

function isFor(limit: AppliedLimit, service: Service, product: Product): boolean {
  return (
    (limit.service === null || limit.service === service) &&
    (limit.product === null || limit.product === product)
  )
}

function count(
  held: readonly Held[],
  { service, product }: Pick<AppliedLimit, 'service' | 'product'>,
): number {
  return held
    .filter((one) => service === null || one.service === service)
    .filter((one) => product === null || one.product === product)
    .reduce((sum, one) => sum + one.count, 0)
}
