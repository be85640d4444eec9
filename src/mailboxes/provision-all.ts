/** Many mailboxes in one call, all of them or none. */
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { Making, NewMailbox, ProvisionResult } from './new-mailbox.ts'
import { provisionMailboxes, requireMade } from './provision.ts'
import type { Mailbox } from './tables.ts'

/** The refusal of one item of several. */
export class ItemRefusal extends Refusal {
  /** Which one, from 0. */
  readonly index: number

  constructor({ code, detail, fields, quota, cause }: Refusal, index: number) {
    super(code, detail, { fields, ...(quota ? { quota } : {}), cause })
    this.index = index
  }
}

/**
 * Makes all of them. Not for what catches the refusal: the transaction must roll back.
 * @returns the mailboxes, in the order of the items.
 * @throws ItemRefusal of the first item that cannot be made; Refusal forbidden.
 */
export async function provisionAll(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  making: Partial<Making> = {},
): Promise<Mailbox[]> {
  const results = await provisionMailboxes(platform, tx, scope, items, making)
  requireNoneFailed(results)
  return results.map(requireMade)
}

type Failed = Extract<ProvisionResult, { status: 'failed' }>

/** @throws ItemRefusal of the first item that cannot be had. */
export function requireNoneFailed(results: readonly (Failed | { status: 'created' | 'pending' })[]): void {
  for (const [index, result] of results.entries()) {
    if (result.status !== 'failed') continue
    const { code, detail, fields = [], quota } = result
    throw new ItemRefusal(new Refusal(code, detail, { fields, ...(quota ? { quota } : {}) }), index)
  }
}
