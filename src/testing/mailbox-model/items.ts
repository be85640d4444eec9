/** What a call asks for when it makes mailboxes, and which of them can be made. */
import { textAt } from '../test-api.ts'
import { domainOf, type ModelDomain, type Period, places, type World } from './model.ts'
import type { Made } from './moves.ts'
import { anyAddress, type Dice, domainNames, goodPassword, noDomain, weakPassword } from './plan.ts'

export type Item = {
  address?: string
  /** Instead: where it gets a random address. */
  domain?: string
  password?: string
  period?: Period
  service?: 'google'
}

/** One that is mostly right. */
export function anyItem(dice: Dice, services: readonly 'google'[] = []): Item {
  const password = dice.oneIn(3) ? {} : { password: goodPassword(dice) }
  const item = {
    address: anyAddress(dice),
    ...password,
    ...(dice.oneIn(3) ? { period: 'yearly' as const } : {}),
  }
  if (!dice.oneIn(4)) return item
  const { address: _, ...random } = item
  return dice.pick<Item>([
    { ...item, password: weakPassword },
    { ...item, address: 'no-at' },
    { ...item, address: `ann@${noDomain}` },
    { ...random, domain: dice.pick(domainNames) },
    { ...random, domain: dice.pick(domainNames) },
    ...services.map((service) => ({ ...item, service })),
  ])
}

/** The code of what keeps each item from being made; null where nothing does. The first in order get the room. */
export function judgeItems(world: World, items: readonly Item[]): (string | null)[] {
  const asked = new Set<string>()
  const used = new Map<ModelDomain, number>()
  return items.map((item) => {
    const problem = problemOfItem(item, asked)
    if (problem !== null) return problem
    if (item.address !== undefined) asked.add(item.address)
    const domain = domainOf(world, `@${item.domain ?? item.address}`)
    if (!domain) return 'domain_not_found'
    if (domain.state === 'suspended') return 'domain_not_usable'
    if (item.address !== undefined && world.addresses.has(item.address)) return 'address_taken'
    if (placesBeside(world, domain, used) <= 0) return 'mailbox_limit_reached'
    used.set(domain, (used.get(domain) ?? 0) + 1)
    return null
  })
}

/** What is wrong with an item by itself, or beside those before it. */
function problemOfItem({ address, password, service }: Item, asked: ReadonlySet<string>): string | null {
  if (address !== undefined && !address.includes('@')) return 'address_invalid'
  if (address !== undefined && asked.has(address)) return 'address_repeated'
  if (service === 'google') return 'service_unavailable'
  return password === weakPassword ? 'password_too_weak' : null
}

/** Places that are left when some items of the same call have theirs. */
function placesBeside(world: World, domain: ModelDomain, used: ReadonlyMap<ModelDomain, number>): number {
  const here = used.get(domain) ?? 0
  const all = [...used.values()].reduce((sum, count) => sum + count, 0)
  const alone = { ...world, workspaceLimit: null }
  const withoutOwn = { ...domain, limit: null }
  return Math.min(places(alone, domain) - here, places(world, withoutOwn) - all)
}

/** @param shown the mailbox as the reply has it. */
export function madeFrom({ address, password, period }: Item, shown: unknown): Made {
  return {
    id: textAt(shown, 'id'),
    address: address ?? textAt(shown, 'address'),
    password: password ?? null,
    period: period ?? 'monthly',
  }
}
