/** What a price is of: which fields say it for which item, and steps that can be reckoned with. */
import { Refusal } from '../../platform/errors.ts'
import type { Item, Period, PriceStep } from '../tables.ts'

export const items = [
  'mailbox',
  'domain_register',
  'domain_renew',
  'plan',
  'plan_slot',
] as const satisfies readonly Item[]

/** As it is asked for; a plan by its id or code. */
export type ThingFields = {
  item: Item
  service: string | null
  period: Period | null
  plan: string | null
  tld: string | null
}

const fieldsOf: Readonly<Record<Item, readonly (keyof ThingFields)[]>> = {
  mailbox: ['service', 'period'],
  plan: ['plan', 'period'],
  plan_slot: ['plan', 'period'],
  domain_register: ['tld'],
  domain_renew: ['tld'],
}

/** Items of which a workspace may have many, and pays less for each. */
const stepped: readonly Item[] = ['mailbox', 'plan_slot']

const suffixPattern =
  /^(?:\*|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){0,3})$/

/**
 * @returns the same with its suffix as it is stored.
 * @throws Refusal invalid_request where a field is missing, is of another item, or is no suffix.
 */
export function checkThing(fields: ThingFields): ThingFields {
  const wanted = fieldsOf[fields.item]
  for (const name of ['service', 'period', 'plan', 'tld'] as const) {
    if (wanted.includes(name) && fields[name] === null) throw wrong(name, `is needed of a ${fields.item}`)
    if (!wanted.includes(name) && fields[name] !== null) throw wrong(name, `is not of a ${fields.item}`)
  }
  if (fields.tld === null) return fields
  const tld = fields.tld.toLowerCase().replace(/^\./, '')
  if (!suffixPattern.test(tld)) throw wrong('tld', 'is neither a suffix nor *')
  return { ...fields, tld }
}

/** @throws Refusal invalid_request where steps do not rise, or are of an item that has none. */
export function checkSteps(item: Item, steps: readonly PriceStep[]): void {
  if (steps.length > 0 && !stepped.includes(item)) throw wrong('steps', `a ${item} has no steps`)
  for (const [at, { from }] of steps.entries()) {
    const before = steps[at - 1]?.from ?? 1
    if (from <= before) throw wrong(`steps/${at}/from`, `is not above ${before}`)
  }
}

function wrong(field: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${field}`, detail }] })
}
