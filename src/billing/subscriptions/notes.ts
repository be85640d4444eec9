/** What whoever pays for a plan notes of it, for themselves: a campaign, a team. */
import type { Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { dataOf, subjectOf } from './events.ts'
import { lockSubscription, planOf, plansOf, type Subscription } from './rows.ts'
import { requireSubscriber } from './subscribe.ts'

export const notesLengthMax = 2000

/**
 * Replaces the notes of a subscription, also of one that is over.
 * @param wanted notes: null or empty for none; versions: those that may be changed, null: whichever is there.
 * @throws Refusal subscription_not_found, edit_conflict, forbidden.
 */
export async function setNotes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  wanted: { notes: string | null; versions: readonly number[] | null },
): Promise<Subscription> {
  requireSubscriber(scope)
  const before = await lockSubscription(tx, scope, id)
  if (wanted.versions !== null && !wanted.versions.includes(before.version)) {
    throw new Refusal('edit_conflict')
  }
  const notes = wanted.notes === '' ? null : wanted.notes
  if (notes === before.notes) return before
  const changes = { notes, version: before.version + 1, updated_at: platform.clock.now() }
  const after = { ...before, ...changes }
  await tx.updateTable('subscriptions').set(changes).where('id', '=', before.id).execute()
  const plans = await plansOf(tx, [after])
  await appendEvents(platform, tx, [
    {
      type: 'billing.subscription_notes_changed',
      ...subjectOf(after),
      data: dataOf(after, planOf(plans, after.plan_id)),
    },
  ])
  return after
}
