/** Filter modes: whether a mailbox hears and writes to everyone that nothing blocks, or only whom its lists allow. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { type ListModes, listModesOf, setListModes } from '../../delivery/spam/list-modes.ts'
import { countEntries } from '../../delivery/spam/sender-list-changes.ts'
import type { SenderListMode } from '../../delivery/spam/tables.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { orNull } from './schemas.ts'

export const FilterMode = OneOf(['blacklist', 'whitelist'])
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

/** @returns the modes of each mailbox. */
export async function filterModesOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, FilterModes>> {
  const modes = await listModesOf(db, mailboxIds)
  return new Map(
    [...modes].map(([id, { inbound, outbound }]) => [
      id,
      { inbound: filterModeOf(inbound), outbound: filterModeOf(outbound) },
    ]),
  )
}

function filterModeOf(mode: SenderListMode): FilterMode {
  return mode === 'allow_list' ? 'whitelist' : 'blacklist'
}

function listModeOf(mode: FilterMode): SenderListMode {
  return mode === 'whitelist' ? 'allow_list' : 'open'
}

const directions = ['inbound', 'outbound'] as const

/**
 * Changes what is named.
 * @returns the notice of the last mode that really changed, or null.
 * @throws Refusal mailbox_not_found, forbidden.
 */
export async function changeFilterModes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  mailboxId: string,
  wanted: Partial<FilterModes>,
): Promise<ModeChangeNotice | null> {
  const change: Partial<ListModes> = {
    ...(wanted.inbound === undefined ? {} : { inbound: listModeOf(wanted.inbound) }),
    ...(wanted.outbound === undefined ? {} : { outbound: listModeOf(wanted.outbound) }),
  }
  if (Object.keys(change).length === 0) return null
  const { before, after } = await setListModes(platform, tx, scope, mailboxId, change)
  const changed = directions.filter((direction) => before[direction] !== after[direction])
  const last = changed.at(-1)
  if (last === undefined) return null
  const mode = filterModeOf(after[last])
  // Of two that became different, the notice is about the last alone.
  const same = changed.filter((direction) => after[direction] === after[last])
  const kind = mode === 'whitelist' ? 'block' : 'allow'
  return {
    new_filter_mode: mode,
    redundant_rule_action: kind,
    redundant_rule_count: await countEntries(tx, mailboxId, kind, same),
  }
}
