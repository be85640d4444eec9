/** Filter modes: whether a mailbox takes all mail that nothing blocks, or only what its lists allow. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import {
  senderListModeOf,
  senderListModesOf,
  setSenderListMode,
} from '../../delivery/spam/sender-list-changes.ts'
import type { SenderListMode } from '../../delivery/spam/tables.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { orNull } from './schemas.ts'

export const FilterMode = Type.Union([Type.Literal('blacklist'), Type.Literal('whitelist')])
export type FilterMode = 'blacklist' | 'whitelist'
export type FilterModes = { inbound: FilterMode; outbound: FilterMode }

/** In the answer to a change of a mode: how many rules have no effect under the new one. */
export const ModeChangeNotice = Type.Object({
  new_filter_mode: FilterMode,
  redundant_rule_action: Type.Union([Type.Literal('allow'), Type.Literal('block')]),
  redundant_rule_count: Type.Integer(),
})
export type ModeChangeNotice = {
  new_filter_mode: FilterMode
  redundant_rule_action: 'allow' | 'block'
  redundant_rule_count: number
}
export const ModeChangeNoticeOrNull = orNull(ModeChangeNotice)

export const openModes: FilterModes = { inbound: 'blacklist', outbound: 'blacklist' }

/** @returns the modes of each mailbox that has another than `openModes`. */
export async function filterModesOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, FilterModes>> {
  const modes = await senderListModesOf(db, mailboxIds)
  return new Map([...modes].map(([id, mode]) => [id, { inbound: modeOf(mode), outbound: 'blacklist' }]))
}

function modeOf(mode: SenderListMode): FilterMode {
  return mode === 'allow_list' ? 'whitelist' : 'blacklist'
}

/**
 * Changes what is named.
 * @returns the notice of the last mode that really changed, or null.
 * @throws Refusal mailbox_not_found, invalid_request, forbidden.
 */
export async function changeFilterModes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  mailboxId: string,
  { inbound, outbound }: Partial<FilterModes>,
): Promise<ModeChangeNotice | null> {
  if (outbound === 'whitelist' && inbound === undefined) {
    throw new Refusal('invalid_request', 'Outbound mail is not filtered on this server.')
  }
  if (inbound === undefined) return null
  if (modeOf(await senderListModeOf(tx, mailboxId)) === inbound) return null
  await setSenderListMode(platform, tx, scope, mailboxId, inbound === 'whitelist' ? 'allow_list' : 'open')
  return {
    new_filter_mode: inbound,
    redundant_rule_action: inbound === 'whitelist' ? 'block' : 'allow',
    redundant_rule_count: 0,
  }
}
